#include "sim/sample_recorder.h"

namespace ose {

void SampleRecorder::OnSamples(const std::string& prefix, const GroupSamples& samples) {
  for (const std::string& name : names_) {
    if (!name.starts_with(prefix)) continue;
    const std::string what = name.substr(prefix.size());
    const std::vector<double>* values = what == "latency"    ? &samples.latency_us
                                        : what == "slowdown" ? &samples.slowdown
                                        : what == "start"    ? &samples.start_us
                                        : what == "wakeup"   ? &samples.wakeup_us
                                                             : nullptr;
    if (values && !values->empty()) distributions_[name] = MakeDistribution(*values);
  }
}

}  // namespace ose
