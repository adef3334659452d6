#include "core/metrics.h"

namespace ose {

const std::vector<MetricInfo>& MetricCatalogue() {
  using enum Direction;
  static const std::vector<MetricInfo> kCatalogue = {
      {"throughput", "events/s", kMaximize,
       "events finished per second: in the measured window, or N/(last finish - first start) when the run ends with its tasks"},
      {"events", "1", kMaximize, "events finished in the measured window"},
      {"span", "us", kMinimize, "from the first release to the last finish"},
      {"latency_mean", "us", kMinimize, "release to finish of an event, mean"},
      {"latency_p50", "us", kMinimize, "release to finish of an event, median"},
      {"latency_p95", "us", kMinimize, "release to finish of an event, 95th percentile"},
      {"latency_p99", "us", kMinimize, "release to finish of an event, 99th percentile"},
      {"latency_p999", "us", kMinimize, "release to finish of an event, 99.9th percentile"},
      {"latency_max", "us", kMinimize, "release to finish of an event, maximum"},
      {"slowdown_mean", "1", kMinimize, "latency over the CPU time the event needed, mean"},
      {"slowdown_p50", "1", kMinimize, "latency over the CPU time the event needed, median"},
      {"slowdown_p99", "1", kMinimize, "latency over the CPU time the event needed, 99th percentile"},
      {"slowdown_p999", "1", kMinimize, "latency over the CPU time the event needed, 99.9th percentile"},
      {"start_p50", "us", kMinimize, "release to first instruction of an event, median"},
      {"start_p95", "us", kMinimize, "release to first instruction of an event, 95th percentile"},
      {"start_p99", "us", kMinimize, "release to first instruction of an event, 99th percentile"},
      {"wakeup_p50", "us", kMinimize, "wake-up to running, median"},
      {"wakeup_p99", "us", kMinimize, "wake-up to running, 99th percentile"},
      {"wakeup_p999", "us", kMinimize, "wake-up to running, 99.9th percentile"},
      {"fairness", "1", kMaximize, "Jain's index of CPU time over weight across tasks"},
      {"utilization", "%", kMaximize, "share of CPU time spent on the workload's own work"},
      {"overhead", "%", kMinimize, "share of CPU time spent switching, waking, migrating and in the policy"},
      {"idle_while_waiting", "%", kMinimize, "share of CPU time idle while a task waited that could have used it"},
      {"wait_max", "us", kMinimize, "longest that any task, measured or not, was ready without running"},
      {"switches_per_s", "1/s", kMinimize, "context switches per second"},
      {"migrations_per_s", "1/s", kMinimize, "tasks that ran on another CPU than before, per second"},
      {"cpu_time", "us", kMinimize, "CPU time of all tasks"},
      {"runs", "1", kMinimize, "CPU bursts: from the first instruction after a sleep to the next sleep"},
      {"sleeps", "1", kMinimize, "times a task blocked"},
      {"wakeups", "1", kMinimize, "times a task was woken"},
      {"incomplete", "1", kMinimize, "measured events that had not finished when the run ended"},
      {"sim_events", "1", kMinimize, "events that the simulator processed for the run, which is what it costs to simulate"},
  };
  return kCatalogue;
}

const MetricInfo* FindMetric(std::string_view name) {
  if (size_t dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
  for (const MetricInfo& m : MetricCatalogue())
    if (m.name == name) return &m;
  return nullptr;
}

}  // namespace ose
