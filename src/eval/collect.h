// Waiting for evaluations that belong together.
#ifndef OSEVOLVE_EVAL_COLLECT_H_
#define OSEVOLVE_EVAL_COLLECT_H_

#include <atomic>
#include <functional>
#include <future>
#include <vector>

#include "base/result.h"
#include "core/candidate.h"

namespace ose {

struct CollectOptions {
  const std::atomic<bool>* stop = nullptr;               // when set, ends with kExitInterrupted
  const char* interrupted = "interrupted";               // and this message
  std::function<void(int done, int total)> on_progress;  // before each is waited for
};

// In the order of `futures`.
Result<std::vector<Evaluation>> CollectEvaluations(std::vector<std::future<Evaluation>> futures, const CollectOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_EVAL_COLLECT_H_
