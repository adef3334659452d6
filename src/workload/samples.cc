#include "workload/samples.h"

#include <algorithm>

#include "core/stats.h"

namespace ose {
namespace {

double Mean(const std::vector<double>& xs) {
  double sum = 0;
  for (double x : xs) sum += x;
  return sum / static_cast<double>(xs.size());
}

void Append(std::vector<double>& to, const std::vector<double>& from) { to.insert(to.end(), from.begin(), from.end()); }

}  // namespace

void GroupSamples::Reserve(size_t events, size_t wakeups) {
  for (std::vector<double>* v : {&latency_us, &slowdown, &start_us}) v->reserve(events);
  wakeup_us.reserve(wakeups);
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

void GroupSamples::AddUnfinished(Nanos age, Nanos work, bool started, bool only_if_old) {
  const double us = age.us();
  if (only_if_old && !latency_us.empty()) {
    const auto middle = latency_us.begin() + static_cast<std::ptrdiff_t>(latency_us.size() / 2);
    std::nth_element(latency_us.begin(), middle, latency_us.end());
    if (us < *middle) return;
  }
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
