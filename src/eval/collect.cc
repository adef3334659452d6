#include "eval/collect.h"

#include <chrono>

#include "core/exit_code.h"

namespace ose {

Result<std::vector<Evaluation>> CollectEvaluations(std::vector<std::future<Evaluation>> futures, const CollectOptions& options) {
  std::vector<Evaluation> out;
  for (auto& f : futures) {
    if (options.on_progress) options.on_progress(static_cast<int>(out.size()), static_cast<int>(futures.size()));
    do {
      if (options.stop && *options.stop) return Error{kExitInterrupted, options.interrupted};
    } while (f.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready);
    out.push_back(f.get());
  }
  return out;
}

}  // namespace ose
