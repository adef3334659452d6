// Writing workloads, and reading back what was written: also random and damaged ones.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "workload/program.h"
#include "workload/workload.h"

namespace ose {
namespace {

Workload Parse(const std::string& text) {
  auto w = ParseWorkload(text, "w.toml");
  EXPECT_TRUE(w.ok()) << w.error().message;
  return w.ok() ? *w : Workload{};
}

// A workload whose lines 3 to 5 are a group; `group` follows from line 6 on.
std::string WithGroup(const std::string& group) {
  return "format = 1\n\n[[group]]\nname = \"g\"\ncount = 2\n" + group + "\n";
}
// ... whose line 6 is its program.
std::string WithProgram(const std::string& ops) { return WithGroup("program = [ " + ops + " ]"); }
// A good one up to line 7.
std::string Good() { return WithProgram("{ run_us = 5 }") + "\n"; }

TEST(WorkloadHash, IgnoresNameAndDescriptionOnly) {
  Workload a = Parse(Good()), b = a;
  b.name = "other";
  b.description = "other";
  EXPECT_EQ(WorkloadHash(a), WorkloadHash(b));
  b.groups[0].program[0].ns++;
  EXPECT_NE(WorkloadHash(a), WorkloadHash(b));
}

TEST(FormatWorkload, IsReadable) {
  Workload w =
      Parse(WithProgram("{ barrier = \"go\" }, { run_us = { uniform = [4900, 5100] } }, "
                        "{ loop = 3, program = [ { sleep_us = 1500 } ] }"));
  EXPECT_EQ(FormatWorkload(w), R"(format = 1
name = "w"
description = ""
machine = "vm-2cpu"
horizon_s = 10
end = "completion"

[seeds]
search = 8
select = 32
final = 64

[[objective]]
metric = "throughput"
direction = "max"

[[barrier]]
name = "go"
parties = 2

[[group]]
name = "g"
count = 2
program = [
  { barrier = "go" },
  { run_us = { uniform = [4900, 5100] } },
  { loop = 3, program = [
    { sleep_us = 1500 },
  ] },
]
)");
}

// Random workloads in normal form that pass every check.
class Generator {
 public:
  explicit Generator(uint64_t seed) : rng_(seed) {}

  Workload Make() {
    w_ = Workload{};
    w_.name = Text();
    w_.description = Text();
    if (Chance(2)) w_.machine = "server-5cpu";
    if (Chance(2)) w_.cpus = 1 + static_cast<int>(rng_.Below(kMaxCpus));
    w_.horizon = {Chance(2) ? 1 + Ns() : 900'000'000'000'000'000};
    w_.run_to_completion = Chance(2);
    if (!w_.run_to_completion)
      w_.warmup = {static_cast<int64_t>(rng_.Below(static_cast<uint64_t>(w_.horizon.v)))};
    w_.search_seeds = 1 + static_cast<int>(rng_.Below(100));
    w_.locks = Names("lock");
    w_.semaphores = Names("sem");
    for (size_t i = rng_.Below(3); i > 0; --i)
      w_.queues.push_back(
          {.name = "q" + std::to_string(i) + Text(), .capacity = static_cast<int64_t>(rng_.Below(9))});
    // The first group is every other one's partner: it forks, signals, puts and takes.
    size_t groups = 1 + rng_.Below(4);
    for (size_t g = 0; g < groups; ++g) w_.groups.push_back({.name = "g" + std::to_string(g)});
    for (size_t b = rng_.Below(3); b > 0; --b) w_.barriers.push_back({.name = Text() + std::to_string(b)});
    for (size_t g = 0; g < groups; ++g) MakeGroup(g);
    for (size_t b = 0; b < w_.barriers.size(); ++b)
      w_.barriers[b].parties = 1 + static_cast<int>(rng_.Below(static_cast<uint64_t>(w_.groups[0].count)));
    w_.objectives = {{.metric = "utilization"}};
    // A run to completion that cannot end by its horizon is refused.
    if (w_.run_to_completion && !CheckWorkload(w_).ok()) w_.run_to_completion = false;
    if (Chance(2)) w_.objectives.push_back({"wakeup_p99", Direction::kMinimize, Real()});
    if (Chance(3))
      w_.recorded = {.present = true,
                     .command = Text(),
                     .cpus = 2,
                     .span_us = Real(),
                     .cpu_us = 0.1,
                     .tasks = 5,
                     .runs = INT64_MAX,
                     .sleeps = 3,
                     .wakeups = 4,
                     .lost_events = 5,
                     .note = Text()};
    return w_;
  }

 private:
  bool Chance(uint64_t one_in) { return rng_.Below(one_in) == 0; }
  int64_t Ns() {
    int64_t ns = static_cast<int64_t>(rng_() >> (5 + rng_.Below(55)));
    for (uint64_t zeros = rng_.Below(4); zeros > 0 && ns < 1'000'000'000'000; --zeros) ns *= 1000;
    return std::min<int64_t>(ns, 900'000'000'000'000'000);
  }
  double Real() { return Chance(2) ? 1 + static_cast<double>(rng_.Below(1000)) : 0.001 + rng_.Unit() * 1000; }
  std::string Text() {
    static const char* const kPieces[] = {"a",    "Z", " ", "\"", "\\",  "\n",    "\t",
                                          "\x01", "#", "é", "=",  "'''", "\"\"\""};
    std::string s = "n";
    for (size_t i = rng_.Below(6); i > 0; --i) s += kPieces[rng_.Below(std::size(kPieces))];
    return s;
  }
  std::vector<std::string> Names(const std::string& stem) {
    std::vector<std::string> names;
    bool numbered = Chance(2);
    for (size_t n = rng_.Below(4), i = 0; i < n; ++i)
      names.push_back(numbered ? stem + std::to_string(i) : Text() + std::to_string(i));
    return names;
  }
  uint32_t Below(size_t n) { return static_cast<uint32_t>(rng_.Below(n)); }

  Dist MakeDist() {
    using enum Dist::Kind;
    double a = Chance(2) ? static_cast<double>(1 + Ns() / 4) : Real();
    switch (rng_.Below(5)) {
      case 0:
        return {.kind = kUniform, .a = a, .b = a * 2};
      case 1:
        return {.kind = kExponential, .a = a};
      case 2:
        return {.kind = kLognormal, .a = a, .b = Real() / 10};
      case 3:
        return {.kind = kPareto, .a = a, .b = 1.5 + rng_.Unit()};
      default:
        return {.kind = kMix, .value = {a, 0, Real()}, .weight = {Real(), Real(), 3}};
    }
  }
  Op Timed(OpKind kind) {
    if (scripted_ || kind == OpKind::kTimer || Chance(2)) return {.kind = kind, .ns = Ns()};
    Dist d = MakeDist();
    auto it = std::find(w_.dists.begin(), w_.dists.end(), d);
    uint32_t index = static_cast<uint32_t>(it - w_.dists.begin());
    if (it == w_.dists.end()) w_.dists.push_back(d);
    return {.kind = kind, .drawn = true, .object = index};
  }

  void MakeOps(size_t g, std::vector<Op>* p, int depth) {
    for (size_t n = 1 + rng_.Below(scripted_ ? 60 : 6); n > 0; --n) switch (rng_.Below(12)) {
        case 0:
          p->push_back(Timed(OpKind::kSleep));
          break;
        case 1:
          p->push_back(Timed(OpKind::kTimer));
          break;
        case 2:
          p->push_back({.kind = OpKind::kYield});
          break;
        case 3:
          if (depth > 2) break;
          p->push_back({.kind = OpKind::kLoop, .count = 1 + Below(kMaxCount)});
          MakeOps(g, p, depth + 1);
          p->push_back({.kind = OpKind::kEndLoop});
          break;
        case 4:
          if (w_.locks.empty() || depth > 0) break;
          p->push_back({.kind = OpKind::kLock, .object = Below(w_.locks.size())});
          p->push_back(Timed(OpKind::kRun));
          p->push_back({.kind = OpKind::kUnlock, .object = (p->end() - 2)->object});
          break;
        case 5:
          if (!w_.semaphores.empty())
            p->push_back(
                {.kind = Chance(2) ? OpKind::kWait : OpKind::kSignal, .object = Below(w_.semaphores.size())});
          break;
        case 6:
          if (!w_.semaphores.empty())
            p->push_back({.kind = OpKind::kSignal,
                          .object = Below(w_.semaphores.size()),
                          .count = 1 + Below(kMaxCount)});
          break;
        case 7:
          if (!w_.queues.empty())
            p->push_back(
                {.kind = Chance(2) ? OpKind::kPut : OpKind::kTake, .object = Below(w_.queues.size())});
          break;
        case 8:
          p->push_back({.kind = OpKind::kBegin});
          p->push_back(Timed(OpKind::kRun));
          p->push_back({.kind = OpKind::kEnd});
          break;
        case 9:
          if (!w_.barriers.empty())
            p->push_back({.kind = OpKind::kBarrier, .object = Below(w_.barriers.size())});
          break;
        default:
          p->push_back(Timed(OpKind::kRun));
          break;
      }
    if (p->empty() || p->back().kind == OpKind::kLoop) p->push_back({.kind = OpKind::kRun, .ns = 1});
  }

  void MakeGroup(size_t g) {
    Group& group = w_.groups[g];
    scripted_ = Chance(2);
    group.count = 1 + static_cast<int>(rng_.Below(50));
    group.weight = 1 + static_cast<int>(rng_.Below(10'000));
    for (int c = 0; c < (w_.cpus ? w_.cpus : kMaxCpus); ++c)
      if (Chance(100)) group.affinity.push_back(c);
    group.working_set_kb = static_cast<int64_t>(rng_.Below(1000));
    if (Chance(4)) group.hint_is_work = true;
    else group.hint = static_cast<uint32_t>(rng_());
    group.measured = Chance(2);
    group.forked = g > 0 && Chance(2);
    bool open = !w_.run_to_completion && !group.forked && Chance(3);
    if (open)
      group.arrivals = {Chance(2) ? Arrivals::Kind::kPoisson : Arrivals::Kind::kPeriodic,
                        Chance(2) ? Real() : 0, 0};
    if (open && group.arrivals.rate_per_s == 0) group.arrivals.load = rng_.Unit() + 0.1;
    group.repeat = !w_.run_to_completion && !open && Chance(2);
    group.has_start = !open && Chance(2);
    if (group.has_start) group.start = Chance(2) ? MakeDist() : Dist{.a = static_cast<double>(Ns() / 1000)};
    if (group.has_start && LeastNs(group.start) >= static_cast<double>(w_.horizon.v)) group.has_start = false, group.start = {};
    group.program = {{.kind = OpKind::kRun, .ns = 1 + Ns()}};
    MakeOps(g, &group.program, 0);
    if (g == 0) {
      using enum OpKind;
      for (uint32_t i = 0; i < w_.groups.size(); ++i) group.program.push_back({.kind = kFork, .object = i});
      for (uint32_t i = 0; i < w_.semaphores.size(); ++i)
        group.program.push_back({.kind = kSignal, .object = i});
      for (uint32_t i = 0; i < w_.queues.size(); ++i) group.program.push_back({.kind = kPut, .object = i});
      for (uint32_t i = 0; i < w_.queues.size(); ++i) group.program.push_back({.kind = kTake, .object = i});
      for (uint32_t i = 0; i < w_.barriers.size(); ++i)
        group.program.push_back({.kind = kBarrier, .object = i});
    } else {
      // Only groups that are forked may be: drop the others from the first group's list.
      auto& first = w_.groups[0].program;
      if (!group.forked)
        std::erase_if(first, [&](const Op& op) { return op.kind == OpKind::kFork && op.object == g; });
    }
    if (g == 0)
      std::erase_if(group.program, [](const Op& op) { return op.kind == OpKind::kFork && op.object == 0; });
    bool marked = std::any_of(group.program.begin(), group.program.end(),
                              [](const Op& op) { return op.kind == OpKind::kBegin; });
    group.event = static_cast<EventKind>(rng_.Below(3));
    if (group.event == EventKind::kMarked && !marked) group.event = EventKind::kIteration;
  }

  Rng rng_;
  Workload w_;
  bool scripted_ = false;
};

TEST(FormatWorkload, RoundTripsRandomWorkloads) {
  int scripts = 0, checked = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    Workload w = Generator(seed).Make();
    if (!CheckWorkload(w).ok()) continue;  // cannot be over by its horizon, which is random, too
    ++checked;
    std::string text = FormatWorkload(w);
    scripts += text.find("script = ") != std::string::npos;
    auto again = ParseWorkload(text, "again.toml");
    ASSERT_TRUE(again.ok()) << "seed " << seed << ": " << again.error().message << "\n" << text;
    ASSERT_TRUE(*again == w) << "seed " << seed << "\n" << text << "\n---\n" << FormatWorkload(*again);
    ASSERT_EQ(FormatWorkload(*again), text) << "seed " << seed;
  }
  EXPECT_GT(checked, 400);
  EXPECT_GT(scripts, 100);
}

// toml++ asserts that a key follows the bracket (toml_reader.cc).
TEST(ParseWorkload, TableHeaderWithoutKey) {
  for (const char* text : {"[=", "[", "[[", "[[=]]", "[a.=]", "a = { = 1 }", "a = { , }", "a = { \u00e9 = 1 }", "a \ufb00"}) {
    auto w = ParseWorkload(text, "w.toml");
    ASSERT_FALSE(w.ok()) << text;
    EXPECT_TRUE(w.error().message.starts_with("w.toml:1: not valid TOML: ")) << w.error().message;
  }
}

// Cutting or changing a byte anywhere must give a workload or an error, never a crash.
TEST(ParseWorkload, SurvivesDamage) {
  Rng rng(1);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    std::string text = FormatWorkload(Generator(seed).Make());
    for (int i = 0; i < 10; ++i) {
      std::string damaged = text.substr(0, rng.Below(text.size() + 1));
      if (i % 2 == 0) {
        damaged = text;
        for (uint64_t n = 1 + rng.Below(3); n > 0; --n)
          damaged[rng.Below(damaged.size())] = static_cast<char>(rng.Below(256));
      }
      auto w = ParseWorkload(damaged, "w.toml");
      if (!w.ok()) EXPECT_TRUE(w.error().message.starts_with("w.toml:")) << w.error().message;
    }
  }
}

}  // namespace
}  // namespace ose
