#include <fmt/format.h>

#include <algorithm>

#include "report/charts.h"

namespace ose {
namespace {

using Kind = ScheduleEvent::Kind;
using Bar = ChartBars::Bar;

constexpr int kMostTaskRows = 40;
constexpr int kMostGroups = 6;           // with a colour of their own
constexpr double kHalf = 0.4;            // height of a bar
constexpr const char* kOverheadRgb = "#222222";
constexpr const char* kWaitingRgb = "#d0d0d0";

// Two shades of a group's colour take turns, so that one turn is told from the next.
std::string Paler(const std::string& rgb) {
  std::string out = "#";
  for (size_t i = 1; i < 7; i += 2) out += fmt::format("{:02x}", 255 - (255 - std::stoi(rgb.substr(i, 2), nullptr, 16)) * 6 / 10);
  return out;
}

class Gantt {
 public:
  explicit Gantt(const ScheduleLog& log)
      : log_(log),
        tasks_(log.TaskCount()),
        task_rows_(tasks_ <= kMostTaskRows ? tasks_ : 0),
        per_us_(log.end_ns - log.begin_ns < 5'000'000),
        cpus_(static_cast<size_t>(log.cpus)),
        waits_from_(static_cast<size_t>(tasks_), -1) {
    for (size_t g = 0; g < std::min<size_t>(log.groups.size(), kMostGroups + 1); ++g) {
      const bool others = g == kMostGroups;
      const std::string rgb = others ? "#8a6d3b" : ChartColour(static_cast<int>(g));
      groups_.push_back({.name = others ? "other groups" : log.groups[g].name, .rgb = rgb, .bars = {}});
      groups_.push_back({.name = "", .rgb = Paler(rgb), .bars = {}});
    }
    for (const ScheduleEvent& e : log.events) Take(e);
    for (int c = 0; c < log.cpus; ++c) EndTurn(c, log.end_ns);
    for (int t = 0; t < tasks_; ++t) EndWait(t, log.end_ns);
  }

  Chart Draw(const std::string& policy) {
    Chart chart{.title = fmt::format("Schedule of {} under {}", log_.workload, policy),
                .subtitle = fmt::format("{}, {} CPUs, seed {}{}", log_.machine, log_.cpus, log_.seed,
                                        log_.begin_ns > 0 || log_.end_ns < log_.run_ns
                                            ? fmt::format("; a part of its {:.3f} ms", static_cast<double>(log_.run_ns) / 1e6)
                                            : "")};
    chart.x = {.label = fmt::format("time ({})", per_us_ ? "µs" : "ms"), .min = Time(log_.begin_ns), .max = Time(log_.end_ns)};
    const int rows = log_.cpus + (task_rows_ > 0 ? task_rows_ + 1 : 0);
    chart.y = {.label = "", .min = rows - 0.4, .max = -0.6};
    for (int c = 0; c < log_.cpus; ++c) chart.y.ticks.emplace_back(c, fmt::format("cpu {}", c));
    for (int t = 0; t < task_rows_; ++t) chart.y.ticks.emplace_back(TaskRow(t), log_.TaskName(t));
    chart.height = std::min(200 + 18 * rows, 4000);
    chart.bars.push_back({.name = "waiting", .rgb = kWaitingRgb, .bars = std::move(waits_)});
    chart.bars.insert(chart.bars.end(), groups_.begin(), groups_.end());
    chart.bars.push_back({.name = "overhead", .rgb = kOverheadRgb, .bars = std::move(overhead_)});
    std::erase_if(chart.bars, [](const ChartBars& b) { return b.bars.empty() && b.name.empty(); });
    chart.key_below = true;
    return chart;
  }

 private:
  struct Cpu {
    int task = -1;
    int64_t begins = 0;
    size_t group = SIZE_MAX;  // of the turn before, and its shade
    bool pale = false;
  };

  double Time(int64_t ns) const { return static_cast<double>(ns) / (per_us_ ? 1e3 : 1e6); }
  double TaskRow(int task) const { return log_.cpus + 1 + task; }
  Bar Make(int64_t from, int64_t to, double row) const { return {Time(from), Time(std::min(to, log_.end_ns)), row, kHalf}; }

  void Take(const ScheduleEvent& e) {
    switch (e.kind) {
      case Kind::kWakeup: waits_from_[static_cast<size_t>(e.task)] = e.at_ns; break;
      case Kind::kRun: {
        Cpu& c = cpus_[static_cast<size_t>(e.cpu)];
        c.task = e.task;
        c.begins = e.value;
        break;
      }
      case Kind::kStop:
        EndTurn(e.cpu, e.at_ns);
        if (!StaysRunnable(static_cast<TurnEnd>(e.detail))) EndWait(e.task, e.at_ns);
        else if (int64_t& from = waits_from_[static_cast<size_t>(e.task)]; from < 0) from = e.at_ns;
        break;
      case Kind::kOverhead:
        if (e.at_ns < log_.end_ns) overhead_.push_back(Make(e.at_ns, e.at_ns + e.value, e.cpu));
        break;
      default: break;
    }
  }

  void EndTurn(int cpu, int64_t at) {
    Cpu& c = cpus_[static_cast<size_t>(cpu)];
    if (c.task >= 0 && c.begins < at) {
      EndWait(c.task, c.begins);
      const auto group = std::min(static_cast<size_t>(log_.GroupOf(c.task)), size_t{kMostGroups});
      c.pale = group == c.group && !c.pale;
      c.group = group;
      groups_[2 * group + c.pale].bars.push_back(Make(c.begins, at, cpu));
      if (task_rows_ > 0) groups_[2 * group].bars.push_back(Make(c.begins, at, TaskRow(c.task)));
    }
    c.task = -1;
  }

  void EndWait(int task, int64_t at) {
    int64_t& from = waits_from_[static_cast<size_t>(task)];
    if (task_rows_ > 0 && from >= 0 && from < at) waits_.push_back(Make(from, at, TaskRow(task)));
    from = -1;
  }

  const ScheduleLog& log_;
  const int tasks_, task_rows_;
  const bool per_us_;
  std::vector<Cpu> cpus_;
  std::vector<int64_t> waits_from_;  // -1: it does not wait
  std::vector<ChartBars> groups_;    // dark and pale of each
  std::vector<Bar> waits_, overhead_;
};

}  // namespace

Chart GanttChart(const ScheduleLog& log, const std::string& policy) { return Gantt(log).Draw(policy); }

}  // namespace ose
