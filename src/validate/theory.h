// The ladder of queueing theory: the simulator against formulas (queueing.h).
#ifndef OSEVOLVE_VALIDATE_THEORY_H_
#define OSEVOLVE_VALIDATE_THEORY_H_

#include <cstdint>
#include <string>

#include "base/result.h"
#include "validate/replicate.h"
#include "validate/validation.h"

namespace ose {

// All rungs whose group contains `only`, judged. Same seed, same table.
Result<ValidationTable> ValidateTheory(const ReplicateOptions& options, uint64_t seed, const std::string& only = "");

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_THEORY_H_
