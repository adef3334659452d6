#include "sandbox/compiler_sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "sandbox/landlock.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

namespace ose {
namespace {

int Limit(__rlimit_resource_t resource, uint64_t soft, uint64_t hard) {
  rlimit now{};
  if (getrlimit(resource, &now) != 0) return errno;
  rlimit want{std::min<rlim_t>(soft, now.rlim_max), std::min<rlim_t>(hard, now.rlim_max)};
  return setrlimit(resource, &want) == 0 ? 0 : errno;
}

// Made once in the parent, used after each fork.
struct Prepared {
  CompilerLimits limits;
  Fd landlock;  // none: the kernel lacks it
  SeccompProgram filter;

  int Enter() const {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    // Without the grace of SIGXCPU, which clang would spend on a stack trace of itself.
    if (int e = Limit(RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds)) return e;
    if (int e = Limit(RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)) return e;
    if (int e = Limit(RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes)) return e;
    if (int e = Limit(RLIMIT_NOFILE, limits.open_files, limits.open_files)) return e;
    if (int e = Limit(RLIMIT_CORE, 0, 0)) return e;
    if (landlock)
      if (int e = EnforceLandlock(landlock.get())) return e;
    // Root keeps its user id, so that it can write the folder that it made. The sources may
    // belong to somebody else; reading them is harmless where Landlock says which.
    const uint64_t keep = landlock ? kReadAnyFile : kNoCapabilities;
    DropBoundingSet(keep);
    if (int e = KeepCapabilities(keep)) return e;
    return InstallFilter(filter);
  }
};

}  // namespace

std::vector<std::string> ToolchainPaths() {
  // The linker's cache and the names that /etc/alternatives stands for are all of /etc that
  // they need.
  return {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/etc/ld.so.cache", "/etc/alternatives"};
}

Result<ChildHook> CompilerSandbox(const CompilerSandboxOptions& o) {
  using namespace landlock;
  auto prepared = std::make_shared<Prepared>();
  prepared->limits = o.limits;
  if (LandlockAbi() > 0) {
    constexpr uint64_t kRead = kReadFile | kReadDir;
    std::vector<LandlockRule> rules;
    for (const std::string& path : ToolchainPaths()) rules.push_back({path, kRead | kExecute});
    rules.push_back({"/dev/null", kReadFile | kWriteFile});
    rules.push_back({"/dev/urandom", kReadFile});
    for (const std::string& path : o.readable) rules.push_back({path, kRead, true});
    if (!o.writable_dir.empty())
      rules.push_back({o.writable_dir,
                       kRead | kWriteFile | kMakeReg | kMakeDir | kRemoveFile | kRemoveDir | kRefer | kTruncate,
                       true});
    OSE_ASSIGN(prepared->landlock, BuildLandlock(rules));
  }
  OSE_ASSIGN(prepared->filter, CompilerFilter());
  return ChildHook([p = std::shared_ptr<const Prepared>(std::move(prepared))] { return p->Enter(); });
}

}  // namespace ose
