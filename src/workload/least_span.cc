#include "workload/least_span.h"

#include <algorithm>
#include <limits>

namespace ose {
namespace {

using Run = CriticalPath::Run;

class Calculator {
 public:
  Calculator(const Workload& w, const CriticalPath& path, const CpuSpeeds& on, double unpaid)
      : w_(w), path_(path), on_(on), unpaid_(unpaid), by_tail_(path.runs) {
    std::sort(by_tail_.begin(), by_tail_.end(), [](const Run& a, const Run& b) { return a.tail > b.tail; });
  }

  // Of the work that is confined to `set` (empty: of all).
  double On(const std::vector<int>& set) const {
    std::vector<bool> confined(w_.groups.size(), true);
    if (!set.empty())
      for (size_t g = 0; g < w_.groups.size(); ++g) confined[g] = on_.Confined(static_cast<int>(g), set);
    return std::max(AfterHeads(confined, on_.SpeedOf(set)), BeforeTails(confined, on_.SpeedOf(set)));
  }

 private:
  // Work that cannot begin before r needs its length over the speed of the CPUs after r: the latest end that
  // this gives over all r.
  double AfterHeads(const std::vector<bool>& confined, double speed) const {
    double end = 0, work = 0, calls = 0;
    for (size_t i = path_.runs.size(); i-- > 0;) {
      const Run& run = path_.runs[i];
      if (!confined[static_cast<size_t>(run.group)]) continue;
      (run.calls ? calls : work) += static_cast<double>(run.work);
      const double at = static_cast<double>(run.at - path_.first_release);
      if (!run.calls) end = std::max(end, at + work / speed);
      end = std::max(end, at + (work + calls) / speed - unpaid_);
    }
    return end;
  }

  // The same from the other end: work after which a tail of at least q remains is done q before the end.
  double BeforeTails(const std::vector<bool>& confined, double speed) const {
    double end = 0, work = 0, calls = 0;
    int64_t first = std::numeric_limits<int64_t>::max(), first_call = first;
    for (const Run& run : by_tail_) {
      if (!confined[static_cast<size_t>(run.group)]) continue;
      (run.calls ? calls : work) += static_cast<double>(run.work);
      int64_t& earliest = run.calls ? first_call : first;
      earliest = std::min(earliest, run.at);
      const double tail = static_cast<double>(run.tail - path_.first_release);
      if (work > 0) end = std::max(end, static_cast<double>(first) + work / speed + tail);
      end = std::max(end, static_cast<double>(std::min(first, first_call)) + (work + calls) / speed - unpaid_ + tail);
    }
    return end;
  }

  const Workload& w_;
  const CriticalPath& path_;
  const CpuSpeeds& on_;
  const double unpaid_;
  std::vector<Run> by_tail_;
};

}  // namespace

double LeastSpan(const Workload& workload, const CriticalPath& path, const CpuSpeeds& on, double unpaid) {
  const Calculator least(workload, path, on, unpaid);
  double span = std::max({1.0, static_cast<double>(path.finish - path.first_release), least.On({})});
  for (double hold : path.hold) span = std::max(span, hold);
  std::vector<const std::vector<int>*> seen;
  for (const Group& g : workload.groups)
    if (CpuSpeeds::IsNew(g.affinity, seen)) span = std::max(span, least.On(g.affinity));
  return span;
}

}  // namespace ose
