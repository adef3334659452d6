#include "calibrate/calibrate.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/edit_distance.h"
#include "base/file.h"
#include "calibrate/gaps.h"
#include "calibrate/pinned.h"
#include "calibrate/probes.h"
#include "calibrate/profile_text.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr int kLeastRounds = 2;
constexpr int kTurnsEvery = 4;  // rounds: the tick takes long to see and is known anyway
const Nanos kTurnsTime = Nanos::Millis(60), kRuleSlice = Nanos::Millis(40);
const Nanos kProgressEvery = Nanos::Seconds(1);

// The calling thread's CPUs and nice value, put back at the end. Its threads inherit both. With the lowest nice value,
// where that is permitted, other processes of the fair class hardly disturb; the class and its code stay the same.
class Place {
 public:
  Place() {
    sched_getaffinity(0, sizeof cpus_, &cpus_);
    nice_ = getpriority(PRIO_PROCESS, 0);
    raised_ = setpriority(PRIO_PROCESS, 0, -20) == 0;
  }
  ~Place() {
    sched_setaffinity(0, sizeof cpus_, &cpus_);
    setpriority(PRIO_PROCESS, 0, nice_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool May(int cpu) const { return CPU_ISSET(cpu, &cpus_); }
  bool raised() const { return raised_; }

 private:
  cpu_set_t cpus_{};
  int nice_ = 0;
  bool raised_ = false;
};

// The coarse clocks advance at ticks: their resolution is TICK_NSEC (kernel/time/posix-timers.c, posix_get_coarse_res).
Nanos KernelTick() {
  timespec ts{};
  return clock_getres(CLOCK_MONOTONIC_COARSE, &ts) == 0 ? Nanos::Seconds(ts.tv_sec) + Nanos{ts.tv_nsec} : Nanos{0};
}

std::string CpuModel() {
  auto info = ReadFile("/proc/cpuinfo", 64 << 20);
  const size_t at = info.ok() ? info->find("model name") : std::string::npos;
  if (at == std::string::npos) return "unknown CPU";
  const size_t from = info->find(": ", at) + 2;
  return info->substr(from, info->find('\n', from) - from) + (info->find(" hypervisor") != std::string::npos ? ", virtual" : "");
}

class Run {
 public:
  explicit Run(const CalibrateOptions& o) : o_(o) {
    where_.topology = ReadTopology(o.sysfs);
    for (int cpu : where_.topology.online)
      if (cpu < CPU_SETSIZE && place_.May(cpu)) where_.usable.push_back(cpu);
    where_.tick = KernelTick();
    if (where_.usable.empty()) where_.usable = {sched_getcpu()};
    recipes_ = Recipes(where_);
    for (Recipe& r : RuleRecipes(o.rules)) {
      // What a policy was measured to cost replaces what stood in for it.
      std::erase_if(recipes_, [&](const Recipe& old) { return old.table == r.table && old.key == r.key; });
      recipes_.push_back(std::move(r));
    }
  }

  Result<Calibration> Go() {
    OSE_TRY(ChooseKeys());
    const Nanos start = MonotonicNow();
    const QuietWatch watch;
    if (Wants(kProbeMemory)) memory_.emplace(where_.topology.llc_kb);
    Nanos shown = start;
    while (samples_.rounds() < kLeastRounds || MonotonicNow() - start < o_.time_limit) {
      samples_.BeginRound();
      OSE_TRY(Round());
      if (o_.progress && MonotonicNow() - shown >= kProgressEvery) {
        shown = MonotonicNow();
        o_.progress(fmt::format("{} rounds, {:.0f} of {:.0f} s", samples_.rounds(), (shown - start).s(), o_.time_limit.s()));
      }
    }
    Calibration c;
    c.quiet = watch.SinceStart();
    if (samples_.kept("noise_share") > 0) c.quiet.lost = samples_.Estimate([](const SampleView& v) { return v.Mean("noise_share"); }).mean;
    c.rounds = samples_.rounds();
    c.wall = MonotonicNow() - start;
    Finish(&c);
    return c;
  }

 private:
  Status ChooseKeys() {
    std::vector<std::string> keys = {"tick"};
    for (const Recipe& r : recipes_) keys.push_back(r.key);
    for (const std::string& key : o_.only) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end())
        return Error{kExitUsage, fmt::format("--only: no figure '{}'{}; the keys are those of docs/machines.md without their units", key, DidYouMean(key, keys))};
      if (key == "tick") probes_ |= kProbeTurns;
    }
    if (o_.only.empty()) probes_ = ~0u;
    for (const Recipe& r : recipes_)
      if (Chosen(r)) probes_ |= r.probes;
    return {};
  }

  bool Chosen(const Recipe& r) const { return o_.only.empty() || std::find(o_.only.begin(), o_.only.end(), r.key) != o_.only.end(); }
  bool Wants(unsigned probe) const { return (probes_ & probe) != 0; }
  bool Cancelled() const { return o_.cancel && *o_.cancel; }

  // The CPUs of one round: each usable one is home in turn.
  ProbeBench BenchAt(Distance d) const {
    ProbeBench b;
    b.tick = where_.tick;
    if (const auto pair = PairAt(where_.topology, where_.usable, d)) {
      const bool swap = samples_.rounds() % 2 == 0;
      b.home = swap ? pair->b : pair->a;
      b.other = swap ? pair->a : pair->b;
    } else {
      b.home = b.other = where_.usable[static_cast<size_t>(samples_.rounds()) % where_.usable.size()];
    }
    return b;
  }

  Status Round() {
    constexpr Distance kAll[] = {Distance::kCache, Distance::kSibling, Distance::kNode, Distance::kFar};
    std::vector<Distance> distances;
    for (Distance d : kAll)
      if (PairAt(where_.topology, where_.usable, d)) distances.push_back(d);
    const ProbeBench near = BenchAt(distances.empty() ? Distance::kCache : distances[0]);
    ProbeBench alone = near;
    alone.home = where_.usable[static_cast<size_t>(samples_.rounds()) % where_.usable.size()];

    const auto stop = [&] { return Cancelled(); };
    if (Wants(kProbeCalls)) ProbeCalls(alone, &samples_);
    if (Wants(kProbeFork)) ProbeFork(alone, &samples_);
    if (Wants(kProbeYield)) ProbeYield(alone, &samples_);
    if (Wants(kProbePipe)) ProbePipe(alone, &samples_);
    if (Wants(kProbeWakeHere)) ProbeWakeHere(alone, &samples_);
    if (stop()) return Interrupted();
    if (Wants(kProbeNoise)) ProbeNoise(alone, &samples_);
    if (Wants(kProbeSleep)) ProbeSleep(alone, &samples_);
    if (Wants(kProbeWakeThere)) ProbeWakeThere(Longer(near, 3), &samples_);
    if (Wants(kProbePipeApart)) ProbePipeApart(near, &samples_);
    if (Wants(kProbeInterrupts)) ProbeInterrupts(near, &samples_);
    if (stop()) return Interrupted();
    for (Distance d : distances) {
      const ProbeBench bench = BenchAt(d);
      if (Wants(kProbeMove)) ProbeMove(bench, d, &samples_);
      if (Wants(kProbeRefill)) ProbeRefill(bench, d, RefillSizesKb(where_.topology), &samples_);
      if (Wants(kProbeLine)) ProbeLine(Longer(bench, 0.5), d, &samples_);
      if (d == Distance::kSibling && Wants(kProbeSmt)) ProbeSmt(bench, &samples_);
    }
    if (memory_) memory_->Round(alone, &samples_);
    if (stop()) return Interrupted();
    if (Wants(kProbeTurns) && samples_.rounds() % kTurnsEvery == 1) {
      const std::vector<int64_t> turns = ProbeTurns(alone, kTurnsTime);
      turns_.insert(turns_.end(), turns.begin(), turns.end());
    }
    if (Wants(kProbeRules) && !o_.rules.objects.empty()) {
      ProbeBench bench = near;
      bench.slice = kRuleSlice;
      OSE_TRY(ProbeRules(o_.rules, bench, &samples_));
    }
    return stop() ? Interrupted() : Status{};
  }

  static ProbeBench Longer(ProbeBench bench, double times) {
    bench.slice = {static_cast<int64_t>(static_cast<double>(bench.slice.v) * times)};
    return bench;
  }
  static Status Interrupted() { return Error{kExitInterrupted, "interrupted"}; }

  void Finish(Calibration* c) {
    const Shape shape = MachineShape(where_.topology);
    c->notes = shape.notes;
    if (where_.usable.size() < where_.topology.online.size())
      c->notes.push_back(fmt::format("{} of {} CPUs may be used by this process: only those were measured", where_.usable.size(), where_.topology.online.size()));
    if (samples_.rounds() < kFewRounds) c->notes.push_back(fmt::format("only {} rounds: the intervals say little; allow more time", samples_.rounds()));

    Machine base;
    utsname system{};
    uname(&system);
    base.name = o_.name;
    base.description = fmt::format("{}, {} CPUs, Linux {}", CpuModel(), shape.cpus, system.release);
    base.cpus = shape.cpus;
    base.smt = shape.smt;
    base.cpus_per_llc = shape.cpus_per_llc;
    base.cpus_per_node = shape.cpus_per_node;
    std::vector<ProfileEntry> entries = Topology(shape);
    entries.push_back(Tick(c));
    std::vector<Figure> figures;
    for (const Recipe& recipe : recipes_) {
      if (Chosen(recipe)) figures.push_back(MakeFigure(recipe, samples_));
      else if (!recipe.table.empty()) entries.push_back({recipe.table, recipe.key, "", recipe.unit, "not measured: left out by --only"});
    }
    LimitDifference(figures, base.context_switch);
    for (const Figure& f : figures)
      if (!f.table.empty()) entries.push_back(EntryOf(f));
    if (o_.only.empty())
      for (std::string& note : Contradictions(samples_, where_)) c->notes.push_back(std::move(note));
    Noise(c->quiet, figures, &entries);
    for (Figure& f : figures) {
      if (!f.table.empty()) c->figures.push_back(std::move(f));
      else if (f.measured) c->observations.push_back(std::move(f));
    }
    c->profile = ProfileText(base, entries, Head(*c));
  }

  std::vector<ProfileEntry> Topology(const Shape& shape) const {
    const auto& t = where_.topology;
    const auto cache = [](int64_t kb) { return kb ? fmt::format("{} KiB", kb) : std::string("unknown size"); };
    return {
        {"topology", "cpus", "", "", "sysfs: CPUs online"},
        {"topology", "smt", "", "", "sysfs: hardware threads of a core"},
        {"topology", "cpus_per_llc", "", "", shape.cpus_per_llc ? fmt::format("sysfs: share a cache of {}", cache(t.llc_kb)) : fmt::format("sysfs: one last-level cache ({}) for all", cache(t.llc_kb))},
        {"topology", "cpus_per_node", "", "", shape.cpus_per_node ? "sysfs: share a memory node" : "sysfs: one memory node"},
        {"topology", "l2_kb", t.l2_kb ? std::to_string(t.l2_kb) : "", "KiB", t.l2_kb ? "sysfs: level 2 cache" : "not measured: sysfs tells no cache of level 2"},
        {"kernel", "min_slice", "", "ns", "slices end on ticks"},
        {"kernel", "charge_overhead", "true", "", "update_curr() in kernel/sched/fair.c and ext.c charges all time since the pick"},
        {"kernel", "watchdog", "", "ns", "sched_ext's default and maximum"},
    };
  }

  // What else runs on a CPU belongs to the machine only when it is alone.
  void Noise(const Quietness& quiet, const std::vector<Figure>& figures, std::vector<ProfileEntry>* entries) const {
    const auto rate = std::find_if(figures.begin(), figures.end(), [](const Figure& f) { return f.key == "noise_rate"; });
    if (rate == figures.end() || !rate->measured) return;
    const std::string comment = rate->comment;
    const std::string mix = NoiseMix(samples_.Values("noise_gap"));
    if (!quiet.quiet() || mix.empty()) {
      entries->push_back({"noise", "noise", "", "", (mix.empty() ? "not in the profile, too few gaps; " : "not in the profile, since others used the CPUs; ") + comment});
      return;
    }
    entries->push_back({"noise", "rate_per_s", EntryOf(*rate).value, "", comment});
    entries->push_back({"noise", "duration", mix, "ns", "measured: means of the eighths of the gaps, shortest first"});
  }

  ProfileEntry Tick(Calibration* c) {
    ProfileEntry e{"kernel", "tick", "", "ns", ""};
    const Nanos seen = TickOf(turns_);
    const Nanos tick = where_.tick.v > 0 ? where_.tick : seen;
    if (tick.v > 0) e.value = std::to_string(tick.v);
    const std::string turns = fmt::format("{} turns of two spinning threads", turns_.size());
    if (where_.tick.v > 0) e.comment = fmt::format("clock_getres() of the coarse clock: {:.0f} Hz", 1e9 / static_cast<double>(tick.v));
    else if (seen.v > 0) e.comment = "measured: " + turns;
    else e.comment = "not measured: no coarse clock, and no rhythm in " + turns;
    if (where_.tick.v > 0 && seen == where_.tick) e.comment += "; " + turns + " agree";
    else if (where_.tick.v > 0 && seen.v > 0)
      c->notes.push_back(fmt::format("the kernel's tick is {:.3g} ms, but {} come each {:.3g} ms", tick.ms(), turns, seen.ms()));
    else if (where_.tick.v > 0 && !turns_.empty()) e.comment += fmt::format("; {} have no rhythm to confirm it", turns);
    return e;
  }

  std::vector<std::string> Head(const Calibration& c) const {
    char date[32] = "";
    const time_t now = time(nullptr);
    tm utc{};
    if (gmtime_r(&now, &utc)) strftime(date, sizeof date, "%Y-%m-%d", &utc);
    std::vector<std::string> head = {
        fmt::format("Measured by osevolve calibrate, {}: {} rounds in {:.0f} s (docs/calibrate.md).", date, c.rounds, c.wall.s()),
        "A figure is followed by its 95% interval over rounds."};
    head.push_back(fmt::format("{}: {} meanwhile.", c.quiet.quiet() ? "Quiet" : "BUSY MACHINE, DO NOT TRUST THESE FIGURES", c.quiet.Text()));
    if (!place_.raised()) head.push_back("Without the right to a nice value of -20: as root, other processes would disturb less.");
    for (const std::string& note : c.notes) head.push_back("NOTE: " + note + ".");
    if (!c.observations.empty()) head.push_back("Beside the profile:");
    for (const Figure& f : c.observations) head.push_back(fmt::format("  {}: {}", f.key, f.comment));
    return head;
  }

  const CalibrateOptions& o_;
  const Place place_;
  Surroundings where_;
  std::vector<Recipe> recipes_;
  unsigned probes_ = 0;
  Samples samples_;
  std::optional<MemoryProbe> memory_;
  std::vector<int64_t> turns_;
};

}  // namespace

Result<Calibration> Calibrate(const CalibrateOptions& options) {
  Run run(options);
  OSE_ASSIGN(Calibration c, run.Go());
  OSE_ASSIGN(c.machine, ParseMachine(c.profile, options.name + ".toml"));
  return c;
}

}  // namespace ose
