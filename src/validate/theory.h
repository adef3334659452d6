// The ladder of queueing theory: the simulator against formulas (queueing.h).
#ifndef OSEVOLVE_VALIDATE_THEORY_H_
#define OSEVOLVE_VALIDATE_THEORY_H_

#include <atomic>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "validate/validation.h"

namespace ose {

struct TheoryOptions {
  std::string include_dir, program_dir;        // as EvaluatorOptions
  std::map<std::string, std::string> policies;  // name -> source: the shipped ones
  int jobs = 2;
  uint64_t seed = 1;
  std::function<void(const std::string&)> progress = [](const std::string&) {};
  const std::atomic<bool>* stop = nullptr;  // ends it with kExitInterrupted
};

// All rows, judged.
Result<ValidationTable> ValidateTheory(const TheoryOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_THEORY_H_
