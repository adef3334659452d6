// FormatProfile: the profile as a person, or a model, reads it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/schedule_profile.h"

namespace ose {
namespace {

constexpr size_t kMaxGroupLines = 6;
constexpr size_t kNameWidth = 14;
constexpr size_t kColumns = 100;

// Three digits and a unit: "980 ns", "12.5 us", "3.00 s".
std::string Time(double ns) {
  static constexpr struct { double ns; const char* unit; } kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
  for (auto [unit_ns, unit] : kUnits) {
    const double v = ns / unit_ns;
    if (v < 0.9995) continue;
    return fmt::format("{:.{}f} {}", v, v < 9.995 ? 2 : v < 99.95 ? 1 : 0, unit);
  }
  return fmt::format("{:.0f} ns", ns);
}
std::string Time(int64_t ns) { return Time(static_cast<double>(ns)); }

// A moment; microseconds as long as they can matter.
std::string At(int64_t ns) { return fmt::format("{:.3f} ms", static_cast<double>(ns) / 1e6); }

double Pct(int64_t part, int64_t whole) { return whole > 0 ? 100 * static_cast<double>(part) / static_cast<double>(whole) : 0; }

// Small shares keep two digits: they are what one looks for.
std::string Share(int64_t part, int64_t whole) {
  const double pct = Pct(part, whole);
  if (part == 0) return "0%";
  if (pct < 0.005) return "<0.01%";
  return fmt::format("{:.{}f}%", pct, pct < 0.995 ? 2 : 1);
}

std::string Cut(std::string name) {
  if (name.size() > kNameWidth) name = name.substr(0, kNameWidth - 2) + "..";
  return name;
}

std::string Plural(int64_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

// Words after a head, broken before column 100 and continued under the first word.
class Line {
 public:
  Line(std::string& out, const std::string& head) : out_(out), indent_(head.size()), at_(head.size()) { out_ += head; }
  ~Line() { out_ += '\n'; }
  void Add(const std::string& words, const char* separator = ", ") {
    const std::string glue = empty_ ? "" : separator;
    if (!empty_ && at_ + glue.size() + words.size() > kColumns - 1) {
      while (out_.ends_with(' ')) out_.pop_back();
      out_ += glue.substr(0, glue.find_last_not_of(' ') + 1) + '\n' + std::string(indent_, ' ') + words;
      at_ = indent_ + words.size();
    } else {
      out_ += glue + words;
      at_ += glue.size() + words.size();
    }
    empty_ = false;
  }

 private:
  std::string& out_;
  size_t indent_, at_;
  bool empty_ = true;
};

void AddMachine(const ScheduleProfile& p, std::string& out) {
  const auto cpus = static_cast<int64_t>(p.cpus.size());
  const ProfileCpu total = p.Total();
  const int64_t all = p.time_ns * cpus;
  {
    Line line(out, "CPU time     ");
    line.Add("useful " + Share(total.useful_ns, all));
    line.Add("overhead " + Share(total.overhead_ns, all));
    line.Add("idle " + Share(total.idle_ns, all));
    line.Add("idle while a task waited " + Share(p.idle_while_waiting_ns, all), "; ");
  }
  {
    Line line(out, "overhead     ");
    line.Add("policy " + Share(p.overhead.policy_ns, all));
    line.Add("context switches " + Share(p.overhead.switch_ns, all));
    line.Add("wake-ups " + Share(p.overhead.wakeup_ns, all));
    line.Add("migrations " + Share(p.overhead.migration_ns, all));
    if (p.overhead.interrupt_ns > 0) line.Add("interrupts " + Share(p.overhead.interrupt_ns, all));
    if (p.overhead.system_call_ns > 0) line.Add("system calls " + Share(p.overhead.system_call_ns, all));
    if (p.overhead.noise_ns > 0) line.Add("noise " + Share(p.overhead.noise_ns, all));
  }
  if (cpus > 0) {
    auto [least, most] = std::minmax_element(p.cpus.begin(), p.cpus.end(),
                                             [](const ProfileCpu& a, const ProfileCpu& b) { return a.useful_ns < b.useful_ns; });
    Line line(out, "each CPU     ");
    line.Add(fmt::format("useful: least {} (cpu {})", Share(least->useful_ns, p.time_ns), least - p.cpus.begin()));
    line.Add("mean " + Share(total.useful_ns, all));
    line.Add(fmt::format("most {} (cpu {})", Share(most->useful_ns, p.time_ns), most - p.cpus.begin()));
  }
  {
    Line line(out, "waiting      ");
    const double mean = p.time_ns > 0 ? static_cast<double>(p.waiting_task_ns) / static_cast<double>(p.time_ns) : 0;
    line.Add(fmt::format("{:.2f} tasks on average", mean));
    line.Add(fmt::format("{} at most", p.max_waiting));
    line.Add(fmt::format("some task waited {} of the time", Share(p.some_waiting_ns, p.time_ns)), "; ");
    line.Add(fmt::format("with a CPU idle meanwhile {}", Share(p.some_idle_waiting_ns, p.time_ns)));
  }
  ProfileTurnEnds ends;
  for (const ProfileGroup& g : p.groups) {
    ends.slept += g.ends.slept;
    ends.exited += g.ends.exited;
    ends.yielded += g.ends.yielded;
    ends.slice_used_up += g.ends.slice_used_up;
    ends.preempted += g.ends.preempted;
  }
  Line line(out, "turns ended  ");
  line.Add(std::to_string(ends.total()));
  const std::pair<const char*, int64_t> reasons[] = {{"slept", ends.slept}, {"slice used up", ends.slice_used_up},
                                                     {"preempted by the policy", ends.preempted}, {"yielded", ends.yielded}, {"exited", ends.exited}};
  const char* separator = ": ";
  for (auto [what, n] : reasons) {
    if (n == 0) continue;
    line.Add(fmt::format("{} {}", what, Share(n, ends.total())), separator);
    separator = ", ";
  }
}

void AddGroups(const ScheduleProfile& p, std::string& out) {
  // With many groups those in which most time was lost or used.
  std::vector<const ProfileGroup*> shown;
  for (const ProfileGroup& g : p.groups) shown.push_back(&g);
  const size_t all = shown.size();
  if (all > kMaxGroupLines) {
    std::sort(shown.begin(), shown.end(), [](auto* a, auto* b) {
      const int64_t x = a->waits.total_ns + a->cpu_ns, y = b->waits.total_ns + b->cpu_ns;
      return x != y ? x > y : a < b;
    });
    shown.resize(kMaxGroupLines);
  }
  out += fmt::format("\n{:<14} {:>6} {:>8} {:>8}  {:>8} {:>8} {:>8} {:>8}  {:>8} {:>8}\n", "group", "tasks", "CPU time", "waits",
                     "avg wait", "p50", "p99", "max", "wake p50", "p99");
  for (const ProfileGroup* g : shown)
    out += fmt::format("{:<14} {:>6} {:>8} {:>8}  {:>8} {:>8} {:>8} {:>8}  {:>8} {:>8}\n", Cut(g->name), g->tasks, Time(g->cpu_ns),
                       g->waits.count, Time(g->waits.mean_ns()), Time(g->waits.p50_ns), Time(g->waits.p99_ns),
                       Time(g->waits.max_ns), Time(g->wakeups.p50_ns), Time(g->wakeups.p99_ns));
  out += fmt::format("\n{:<14} {:>8} {:>9} {:>8}  {:>8} {:>10} {:>9} {:>8} {:>7} {:>8}\n", "group", "turns", "mean turn", "longest",
                     "slept", "slice used", "preempted", "yielded", "exited", "migrated");
  for (const ProfileGroup* g : shown)
    out += fmt::format("{:<14} {:>8} {:>9} {:>8}  {:>8} {:>10} {:>9} {:>8} {:>7} {:>8}\n", Cut(g->name), g->turns.count,
                       Time(g->turns.mean_ns()), Time(g->turns.max_ns), g->ends.slept, g->ends.slice_used_up, g->ends.preempted,
                       g->ends.yielded, g->ends.exited, g->migrations);
  if (all > shown.size()) out += fmt::format("({} more groups)\n", all - shown.size());
}

std::string Stretch(const ProfileStretch& s) {
  if (s.who == "idle" || (s.turns <= 1 && s.tasks <= 1)) return fmt::format("{} {}", s.who, Time(s.ns));
  const std::string turns = fmt::format("{} of {}", Plural(s.turns, "turn"), Time(static_cast<double>(s.ns) / static_cast<double>(s.turns)));
  return fmt::format("{} {} ({}{})", s.who, Time(s.ns), s.tasks > 1 ? Plural(s.tasks, "task") + ", " : "", turns);
}

void AddEpisode(const ProfileEpisode& e, size_t number, std::string& out) {
  {
    Line line(out, fmt::format("{}. ", number));
    const std::string length = Time(e.length_ns());
    if (e.is_event) {
      std::string text = fmt::format("{}: {} of {}", e.task, e.ended ? "event" : "unfinished event", length);
      if (e.work_ns > 0)
        text += fmt::format(" for {} of work ({:.1f}x)", Time(e.work_ns), static_cast<double>(e.length_ns()) / static_cast<double>(e.work_ns));
      line.Add(text);
    } else {
      line.Add(fmt::format("{} waited {}", e.task, length));
    }
    line.Add("from " + At(e.begin_ns) + ": " + e.why);
    if (!e.queue.empty()) line.Add("put into " + e.queue);
    if (e.is_event) line.Add(e.start_ns >= 0 ? fmt::format("first ran after {}", Time(e.start_ns - e.begin_ns)) : "never ran", "; ");
    if (!e.ended) line.Add("still not " + std::string(e.is_event ? "finished" : "running") + " when the run ended", "; ");
    else if (e.cpu >= 0) line.Add(fmt::format("{} on cpu {}", e.is_event ? "finished" : "then ran", e.cpu), "; ");
  }
  for (size_t i = 0; i < e.meanwhile.size();) {
    const int cpu = e.meanwhile[i].cpu;
    Line line(out, cpu >= 0 ? fmt::format("   cpu {}: ", cpu) : i == 0 ? "   all CPUs: " : "   other CPUs: ");
    for (; i < e.meanwhile.size() && e.meanwhile[i].cpu == cpu; ++i) line.Add(Stretch(e.meanwhile[i]));
  }
}

}  // namespace

std::string FormatProfile(const ScheduleProfile& p) {
  int64_t tasks = 0;
  for (const ProfileGroup& g : p.groups) tasks += g.tasks;
  std::string out = fmt::format("Schedule of {} on {}, seed {}: {}, {}, {}\n", p.workload, p.machine, p.seed,
                                Plural(static_cast<int64_t>(p.cpus.size()), "CPU"), Plural(tasks, "task"), Time(p.time_ns));
  AddMachine(p, out);
  AddGroups(p, out);
  if (p.episodes.empty()) return out;
  out += p.episodes[0].is_event ? "\nWorst events, and what ran meanwhile on the CPUs allowed to them\n"
                                : "\nLongest waits, and what ran meanwhile on the CPUs allowed to the task\n";
  for (size_t i = 0; i < p.episodes.size(); ++i) AddEpisode(p.episodes[i], i + 1, out);
  return out;
}

}  // namespace ose
