// Child processes: RunCommand runs one to its end and collects its output; Subprocess keeps
// one alive behind a pair of pipes.
//
// Rules of both:
//  - No shell. argv[0] without a slash is looked up in this process's PATH.
//  - The child leads a process group of its own. The group is killed as a whole when its time
//    is up, when the child has ended, and when the owner goes away, so that nothing is left
//    behind short of a child that makes itself a new session.
//  - The child gets SIGKILL when the *thread* that started it ends (PR_SET_PDEATHSIG): start a
//    Subprocess from a thread that outlives it.
//  - The child inherits descriptors 0, 1 and 2 as told and no others, default signal
//    dispositions and an empty signal mask.
//  - Safe in a threaded program: between fork and exec only async-signal-safe calls are made,
//    and ChildHook must keep to the same rule.
#ifndef OSEVOLVE_BASE_SUBPROCESS_H_
#define OSEVOLVE_BASE_SUBPROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace ose {

// Runs in the child as its last act before exec, after the descriptors, limits and working
// folder are set. Returns 0 to go on or an errno value, with which starting the child fails.
// It runs between fork and exec of a program that may have threads: system calls only, no
// allocation, no locks, no logging; prepare everything in the parent and capture it. A hook
// that changes the user id must arm PR_SET_PDEATHSIG again, for the kernel disarms it.
using ChildHook = std::function<int()>;

// Resource limits of a child; an absent one is inherited. Processes counts all of the user's
// processes, not only the child's, and does not bind root.
struct ChildLimits {
  std::optional<uint64_t> cpu_seconds;  // SIGXCPU, one second later SIGKILL
  std::optional<uint64_t> address_space_bytes;
  std::optional<uint64_t> stack_bytes;
  std::optional<uint64_t> file_bytes;  // SIGXFSZ
  std::optional<uint64_t> open_files;
  std::optional<uint64_t> processes;
  std::optional<uint64_t> core_bytes = 0;
};

enum class ChildOutput {
  kCapture,  // into the result (RunCommand), behind a pipe (Subprocess)
  kInherit,  // to where ours goes
  kDiscard,  // to /dev/null
};

struct CommandOptions {
  std::vector<std::string> argv;
  std::optional<std::vector<std::string>> env;  // "NAME=value"; absent: inherit all of ours
  std::string cwd;                              // "" = ours
  std::string stdin_data;                       // what the child reads; then end of file
  ChildOutput stdout_to = ChildOutput::kCapture;
  ChildOutput stderr_to = ChildOutput::kCapture;
  uint64_t max_stdout_bytes = 16 << 20;  // what exceeds it is read, thrown away and flagged
  uint64_t max_stderr_bytes = 1 << 20;
  Nanos wall_limit = Nanos::Max();
  int cancel_fd = -1;  // when this becomes readable the child is killed; nothing is read from it
  ChildLimits limits;
  ChildHook in_child;
};

// How a process ended. Exactly one of exit_code >= 0 and signal > 0 holds.
struct ExitStatus {
  int wait_status = 0;  // as from wait(2); sandbox/describe_exit.h explains it
  int exit_code = -1;
  int signal = 0;
  Nanos cpu{};  // user + system, with its waited-for children
  uint64_t max_rss_kb = 0;

  bool ok() const { return exit_code == 0; }
};

struct CommandResult {
  ExitStatus exit;
  bool timed_out = false;  // killed by us at wall_limit; exit.signal is then SIGKILL
  bool cancelled = false;  // killed by us because of cancel_fd
  std::string out;
  std::string err;
  bool out_truncated = false;
  bool err_truncated = false;
  Nanos wall{};
};

// An Error (code 74) means that the command could not be started or watched; a command that
// ran and failed is a CommandResult.
Result<CommandResult> RunCommand(const CommandOptions& options);

// The path that argv[0] stands for, or "" when PATH has no such executable.
std::string FindExecutable(const std::string& name);

struct SubprocessOptions {
  std::vector<std::string> argv;
  std::optional<std::vector<std::string>> env;
  std::string cwd;
  // kCapture keeps what is not yet read in a pipe (64 KiB); the child never blocks on it,
  // what does not fit is lost.
  ChildOutput stderr_to = ChildOutput::kInherit;
  ChildLimits limits;
  ChildHook in_child;
};

// A long-lived child. Movable; one thread at a time. The destructor kills the group and reaps.
class Subprocess {
 public:
  static Result<Subprocess> Start(const SubprocessOptions& options);
  Subprocess(Subprocess&&) noexcept;
  Subprocess& operator=(Subprocess&&) noexcept;
  ~Subprocess();

  pid_t pid() const { return pid_; }
  // Write end of its stdin and read end of its stdout; non-blocking, close-on-exec, made for
  // base/frame.h. Closed by CloseIn() and the destructor.
  int in() const { return in_.get(); }
  int out() const { return out_.get(); }
  void CloseIn() { in_.reset(); }

  // Captured stderr since the last call; "" when there is none. Never blocks.
  std::string TakeStderr();

  // SIGKILL to the whole group. Harmless after the end.
  void Kill();

  // Waits until the child ends, at most `timeout`; kills what is left of its group and reaps.
  // nullopt: still running. After the end it returns the same status again.
  std::optional<ExitStatus> Wait(Nanos timeout = Nanos::Max());

 private:
  Subprocess() = default;
  pid_t pid_ = -1;
  Fd pidfd_, in_, out_, err_;
  std::optional<ExitStatus> exit_;
};

}  // namespace ose

#endif  // OSEVOLVE_BASE_SUBPROCESS_H_
