// Signature: a documented, normalised feature vector of a workload, so that the knowledge base
// can find similar ones. Computable alike from a workload file, a trace and a live kernel.
// Features, scaling and the distance are described in docs/signature.md.
#ifndef OSEVOLVE_WORKLOAD_SIGNATURE_H_
#define OSEVOLVE_WORKLOAD_SIGNATURE_H_

#include <array>
#include <string>
#include <string_view>

#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

inline constexpr int kSignatureVersion = 1;
inline constexpr std::array<std::string_view, 16> kSignatureFeatures = {
    "cpus", "tasks_per_cpu", "utilization", "burst_p10", "burst_p50", "burst_p90", "burst_p99",
    "burst_cv", "sleep_rate", "wake_rate", "waker_fanout", "lock_rate", "yield_rate",
    "arrival_burstiness", "weight_spread", "open_loop"};

// Each in [0, 1]: rates and times on a logarithmic scale (docs/signature.md).
using Signature = std::array<double, kSignatureFeatures.size()>;

// Deterministic; what is drawn is estimated from a fixed sample, so no seed is needed.
// O(operations), at most a few million.
Signature ComputeSignature(const Workload& workload, const Machine& machine);

// What each feature counts in a distance, in the order of kSignatureFeatures.
inline constexpr Signature kSignatureWeights = {0.5, 1,    1,   0.5,  1,   1,   1,   1,
                                                0.75, 0.75, 0.5, 0.75, 0.5, 0.5, 0.5, 1};

// Weighted Euclidean distance divided by its maximum: 0 for equal signatures, at most 1, symmetric,
// and a metric. Below 0.05 two workloads are of one kind; from 0.2 on they have little in common.
double SignatureDistance(const Signature& a, const Signature& b);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SIGNATURE_H_
