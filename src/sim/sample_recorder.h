// SampleRecorder: keeps the distributions of the samples that a run's metrics are made of.
#ifndef OSEVOLVE_SIM_SAMPLE_RECORDER_H_
#define OSEVOLVE_SIM_SAMPLE_RECORDER_H_

#include <string>
#include <vector>

#include "core/distribution.h"
#include "sim/schedule_observer.h"

namespace ose {

class SampleRecorder : public ScheduleObserver {
 public:
  // Names as in Distributions; those of which the run has no samples stay away.
  explicit SampleRecorder(std::vector<std::string> names) : names_(std::move(names)) {}
  void OnSamples(const std::string& prefix, const GroupSamples& samples) override;

  // After the run.
  Distributions Take() { return std::move(distributions_); }

 private:
  const std::vector<std::string> names_;
  Distributions distributions_;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_SAMPLE_RECORDER_H_
