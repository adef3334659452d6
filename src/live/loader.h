// Loader: a policy's BPF object (src/live/bpf) into the kernel and out again.
//
// Open() reads an object and checks it; Load() hands it to the verifier; Attach() makes it the machine's
// scheduler. A loaded policy is attached by a link, which the kernel drops with the process: whatever happens
// to this one, tasks go back to the fair class. The kernel also ejects a policy that breaks a rule or lets a
// task wait too long, and says why.
//
// Not thread-safe. Needs root (CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN) from Load() on.
#ifndef OSEVOLVE_LIVE_LOADER_H_
#define OSEVOLVE_LIVE_LOADER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "live/bpf_words.h"

struct bpf_object;
struct bpf_link;
struct bpf_map;

namespace ose {

struct LoaderOptions {
  bool partial = false;       // only tasks of policy SCHED_EXT; the others stay on the fair class
  uint32_t timeout_ms = 5000; // longest wait of a runnable task before the kernel ejects the policy, 1..30000
  std::map<std::string, int64_t> tunables;  // by name
  int hints_fd = -1;          // the map from which Task::hint() is read (MakeHintsMap); -1: none, hints are 0
  bool task_storage = false;  // task state there even where an array has room for all pids: to compare
};

struct ProgramInfo {
  std::string name;          // of the operation
  uint32_t instructions = 0; // as the kernel runs it
  uint32_t verified = 0;     // instructions that the verifier walked through
};

// A map of hints, one of 8 bytes for each pid there can be, which programs may map and write.
struct HintsMap {
  Fd fd;
  uint64_t entries = 0;
};
Result<HintsMap> MakeHintsMap();

class Loader {
 public:
  // kExitNotFound, or kExitUsage for an object that build-bpf did not make and an unknown tunable.
  static Result<Loader> Open(const std::string& object, const LoaderOptions& options);
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;
  ~Loader();  // detaches

  // kExitVerifier with the verifier's last words; kExitNoSchedExt when the kernel cannot do it at all.
  Status Load();
  // kExitNoSchedExt when another scheduler is attached; kExitVerifier when init() or the kernel refuses.
  Status Attach();
  void Detach();

  const std::string& name() const { return name_; }
  std::vector<ProgramInfo> programs() const;
  ExitInfo exit_info() const;
  // Its kind alone, read from memory that the kernel shares with us: cheap enough to ask often.
  int exit_kind() const;
  std::vector<uint64_t> counters() const;  // of the policy's count(), up to the last that is not 0

 private:
  Loader() = default;
  Status SetUp(const LoaderOptions& options);
  struct Symbol;
  // A variable of .rodata before Load().
  void* Constant(const std::string& name, size_t bytes);
  // Bytes of a variable of .bss or .data after Load().
  std::string Variable(const std::string& name) const;

  std::string path_, name_;
  LoaderOptions options_;
  std::map<std::string, Symbol> symbols_;
  bpf_object* object_ = nullptr;
  bpf_map* ops_ = nullptr;
  bpf_link* link_ = nullptr;
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_LOADER_H_
