// Sense of what a worker says. Generated code shares the process that measures it, so whatever gets past the gate and
// can write to the result channel may say anything. A forgery that claims what no policy can do is refused here;
// one that stays within the possible is not seen, which is why the gate lets no policy near a pointer.
#ifndef OSEVOLVE_EVAL_REPLY_CHECK_H_
#define OSEVOLVE_EVAL_REPLY_CHECK_H_

#include <functional>
#include <string>
#include <vector>

#include "core/score.h"
#include "core/worker_protocol.h"

namespace ose {

// Why a reply of Outcome::kOk cannot be true, "" when it can: exactly the seeds that were asked for in their order,
// finite and non-negative metrics of the catalogue, no objective better than its bound (workload/bound.h).
std::string CheckReply(const WorkerRun& run, const WorkerReply& reply, const std::vector<Objective>& objectives,
                       const std::function<Metrics(uint64_t seed)>& bounds);

}  // namespace ose

#endif  // OSEVOLVE_EVAL_REPLY_CHECK_H_
