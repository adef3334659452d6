// Spawn: fork and exec, the common part of RunCommand and Subprocess. Internal to base.
#ifndef OSEVOLVE_BASE_SPAWN_H_
#define OSEVOLVE_BASE_SPAWN_H_

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace ose {

struct SpawnRequest {
  const std::vector<std::string>* argv = nullptr;
  const std::optional<std::vector<std::string>>* env = nullptr;
  const std::string* cwd = nullptr;
  int stdio[3] = {0, 1, 2};  // each either >= 3, or its own number: inherit
  const ChildLimits* limits = nullptr;
  const ChildHook* hook = nullptr;
};

struct Spawned {
  pid_t pid = -1;
  Fd pidfd;  // readable when the child has ended
};

Result<Spawned> Spawn(const SpawnRequest& request);

// SIGKILL to the group that `leader` leads. Only before `leader` is reaped: until then its
// number cannot pass to another process.
void KillGroup(pid_t leader);

// Reaps an ended (or ending) child.
ExitStatus Reap(pid_t pid);

// A close-on-exec pipe {read end, write end} and /dev/null, numbered 3 or more even in a
// process that was started with its standard descriptors closed.
struct PipeEnds {
  Fd read, write;
};
Result<PipeEnds> MakePipe();
Result<Fd> OpenDevNull();

}  // namespace ose

#endif  // OSEVOLVE_BASE_SPAWN_H_
