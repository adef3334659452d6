#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

namespace ose {
namespace {

using namespace landlock;

// The same numbers on every architecture.
constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr unsigned kCreateRulesetVersion = 1, kRulePathBeneath = 1;

// As of ABI 6. An older kernel accepts the longer structure as long as what it does not know
// is zero.
struct RulesetAttr {
  uint64_t handled_access_fs = 0;
  uint64_t handled_access_net = 0;
  uint64_t scoped = 0;
};
struct [[gnu::packed]] PathBeneathAttr {
  uint64_t allowed_access;
  int32_t parent_fd;
};

// What each ABI can deny.
RulesetAttr HandledBy(int abi) {
  RulesetAttr a;
  a.handled_access_fs = (1 << 13) - 1;
  if (abi >= 2) a.handled_access_fs |= kRefer;
  if (abi >= 3) a.handled_access_fs |= kTruncate;
  if (abi >= 4) a.handled_access_net = 3;  // bind and connect TCP
  if (abi >= 5) a.handled_access_fs |= kIoctlDev;
  if (abi >= 6) a.scoped = 3;  // abstract unix sockets, signals
  return a;
}

Error Failed(const std::string& what) {
  return {kSandboxUnavailable, "Landlock: cannot " + what + ": " + strerror(errno)};
}

}  // namespace

int LandlockAbi() {
  long abi = syscall(kCreateRuleset, nullptr, 0, kCreateRulesetVersion);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

Result<Fd> BuildLandlock(const std::vector<LandlockRule>& rules) {
  const RulesetAttr handled = HandledBy(LandlockAbi());
  Fd set(static_cast<int>(syscall(kCreateRuleset, &handled, sizeof handled, 0)));  // close-on-exec
  if (!set) return Failed("make a rule set");
  for (const LandlockRule& rule : rules) {
    Fd path(open(rule.path.c_str(), O_PATH | O_CLOEXEC));
    struct stat st{};
    if (!path || fstat(path.get(), &st) != 0) {
      if (rule.required) return Failed("open " + rule.path);
      continue;
    }
    uint64_t access = rule.access & handled.handled_access_fs;
    if (!S_ISDIR(st.st_mode)) access &= kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
    if (access == 0) continue;
    PathBeneathAttr attr{access, path.get()};
    if (syscall(kAddRule, set.get(), kRulePathBeneath, &attr, 0) != 0) return Failed("allow " + rule.path);
  }
  return set;
}

int EnforceLandlock(int ruleset_fd) { return syscall(kRestrictSelf, ruleset_fd, 0) == 0 ? 0 : errno; }

}  // namespace ose
