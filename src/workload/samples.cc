#include "workload/samples.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <functional>

#include "core/stats.h"

namespace ose {
namespace {

double Mean(const std::vector<double>& xs) {
  double sum = 0;
  for (double x : xs) sum += x;
  return sum / static_cast<double>(xs.size());
}

// Room of many megabytes is asked for in large pages (madvise(2)): faults for 4 KB each are 4% of a long run. Where the kernel
// has none, nothing happens.
void AdviseHugePages(const std::vector<double>& v) {
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const auto begin = reinterpret_cast<uintptr_t>(v.data()), end = begin + v.capacity() * sizeof(double);
  const uintptr_t from = (begin + kHuge - 1) & ~(kHuge - 1), to = end & ~(kHuge - 1);
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);  // NOLINT(performance-no-int-to-ptr)
}

void Append(std::vector<double>& to, const std::vector<double>& from) { to.insert(to.end(), from.begin(), from.end()); }

}  // namespace

void GroupSamples::Reserve(size_t events, size_t wakeups) {
  for (std::vector<double>* v : {&latency_us, &slowdown, &start_us}) v->reserve(events);
  wakeup_us.reserve(wakeups);
  for (const std::vector<double>* v : {&latency_us, &slowdown, &start_us, &wakeup_us}) AdviseHugePages(*v);
}

void GroupSamples::Merge(const GroupSamples& o) {
  Append(latency_us, o.latency_us);
  Append(slowdown, o.slowdown);
  Append(start_us, o.start_us);
  Append(wakeup_us, o.wakeup_us);
  events += o.events;
  incomplete += o.incomplete;
  first_start = std::min(first_start, o.first_start);
  last_finish = std::max(last_finish, o.last_finish);
}

// The element at index n / 2 of the sorted latencies. A few unfinished events select it anew each time;
// with many that would be quadratic in the number of tasks.
double GroupSamples::MedianLatency() {
  constexpr uint64_t kPatience = 1 << 24;
  const size_t half = latency_us.size() / 2;
  const auto middle = latency_us.begin() + static_cast<std::ptrdiff_t>(half);
  if (below_.empty()) {
    std::nth_element(latency_us.begin(), middle, latency_us.end());
    looked_at_ += latency_us.size();
    if (looked_at_ < kPatience || half == 0) return *middle;
    below_.assign(latency_us.begin(), middle);
    above_.assign(middle, latency_us.end());
    std::make_heap(below_.begin(), below_.end());
    std::make_heap(above_.begin(), above_.end(), std::greater<>());
  }
  // What has come since.
  for (size_t i = below_.size() + above_.size(); i < latency_us.size(); ++i) {
    const double x = latency_us[i];
    const bool low = x < above_.front();
    (low ? below_ : above_).push_back(x);
    if (low) std::push_heap(below_.begin(), below_.end());
    else std::push_heap(above_.begin(), above_.end(), std::greater<>());
    const size_t want = (i + 1) / 2;
    if (below_.size() > want) {
      std::pop_heap(below_.begin(), below_.end());
      above_.push_back(below_.back());
      below_.pop_back();
      std::push_heap(above_.begin(), above_.end(), std::greater<>());
    } else if (below_.size() < want) {
      std::pop_heap(above_.begin(), above_.end(), std::greater<>());
      below_.push_back(above_.back());
      above_.pop_back();
      std::push_heap(below_.begin(), below_.end());
    }
  }
  return above_.front();
}

void GroupSamples::AddUnfinished(Nanos age, Nanos work, bool started, bool only_if_old) {
  const double us = age.us();
  if (only_if_old && !latency_us.empty() && us < MedianLatency()) return;
  ++incomplete;
  latency_us.push_back(us);
  if (!started) start_us.push_back(us);
  slowdown.push_back(us / std::max(work.us(), 1.0));
}

void AddEventMetrics(GroupSamples& s, const std::string& prefix, Nanos window, Metrics& out) {
  auto put = [&](const char* name, double value) { out[prefix + name] = value; };
  // Names and quantiles, ascending.
  auto put_quantiles = [&](std::vector<double>& xs, std::initializer_list<std::pair<const char*, double>> list) {
    if (xs.empty()) return;
    std::vector<double> ps;
    for (auto& [name, p] : list) ps.push_back(p);
    const std::vector<double> at = Percentiles(xs, ps);
    size_t i = 0;
    for (auto& [name, p] : list) put(name, at[i++]);
  };
  put_quantiles(s.wakeup_us, {{"wakeup_p50", 0.5}, {"wakeup_p99", 0.99}, {"wakeup_p999", 0.999}});
  if (s.latency_us.empty()) return;
  put("events", static_cast<double>(s.events));
  put("incomplete", static_cast<double>(s.incomplete));
  Nanos span = s.last_finish - s.first_start;
  if (window.v > 0) put("throughput", static_cast<double>(s.events) / window.s());
  else if (span.v > 0) put("throughput", static_cast<double>(s.events) / span.s());
  put("latency_mean", Mean(s.latency_us));
  put_quantiles(s.latency_us, {{"latency_p50", 0.5}, {"latency_p95", 0.95}, {"latency_p99", 0.99}, {"latency_p999", 0.999}, {"latency_max", 1}});
  if (!s.slowdown.empty()) put("slowdown_mean", Mean(s.slowdown));
  put_quantiles(s.slowdown, {{"slowdown_p50", 0.5}, {"slowdown_p99", 0.99}, {"slowdown_p999", 0.999}});
  put_quantiles(s.start_us, {{"start_p50", 0.5}, {"start_p95", 0.95}, {"start_p99", 0.99}});
}

}  // namespace ose
