// What shows that something got out: files touched, connections made, processes left.
#ifndef OSEVOLVE_TESTS_HOSTILE_WITNESS_H_
#define OSEVOLVE_TESTS_HOSTILE_WITNESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ose::hostile {

class Witness {
 public:
  // Makes the folder with the canary below `dir` and watches it (inotify), listens on the loopback, and becomes the
  // process to which orphans fall.
  static Result<std::unique_ptr<Witness>> Create(const std::string& dir);

  const std::string& canary() const { return canary_; }
  int port() const { return port_; }

  // What happened since the last call, one line each. `known` are the helper processes that may be there.
  // Ends processes that were left.
  std::vector<std::string> Take(const std::vector<pid_t>& known);

 private:
  Witness() = default;
  std::string canary_;
  Fd inotify_, socket_;
  int port_ = 0;
};

// Living processes whose parent is `parent`.
std::vector<pid_t> ChildrenOf(pid_t parent);

}  // namespace ose::hostile

#endif  // OSEVOLVE_TESTS_HOSTILE_WITNESS_H_
