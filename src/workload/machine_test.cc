#include "workload/machine.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "core/exit_code.h"
#include "workload/workload.h"

namespace ose {
namespace {

std::string ErrorOf(const std::string& text) {
  auto m = ParseMachine(text, "m.toml");
  if (m.ok()) return "no error";
  EXPECT_EQ(m.error().code, kExitBadMachine);
  return m.error().message;
}

// Lines 1 to 3; `rest` follows from line 4 on.
std::string With(const std::string& rest) { return "format = 1\n[topology]\ncpus = 4\n" + rest + "\n"; }

TEST(ParseMachine, DefaultsAndUnits) {
  auto m = ParseMachine(With("[kernel]\ntick_us = 250\n[cost]\nhook_ns = 7\nrefill_ns_per_kb_far = 1.5"),
                        "m.toml");
  ASSERT_TRUE(m.ok()) << m.error().message;
  Machine want;
  want.name = "m";
  want.cpus = 4;
  want.tick = Nanos::Micros(250);
  want.hook = {7};
  want.refill_ns_per_kb_far = 1.5;
  EXPECT_EQ(*m, want);
}

TEST(ParseMachine, Errors) {
  EXPECT_EQ(ErrorOf("format = 1\n"), "m.toml:1: key 'topology' is missing; add it, see docs/machines.md");
  EXPECT_EQ(ErrorOf("format = 1\n[topology]\n"),
            "m.toml:2: key 'cpus' is missing in [topology]; add it, see docs/machines.md");
  EXPECT_EQ(ErrorOf("format = 9\n"),
            "m.toml:1: the file has format 9, this OS-Evolve reads formats up to 1; use a newer OS-Evolve");
  EXPECT_EQ(ErrorOf("name = \"\"\n" + With("")), "m.toml:1: 'name' is empty; give the machine a name");
  EXPECT_EQ(ErrorOf(With("smt = 3")), "m.toml:4: 'smt' is 3; give 1 to 2");
  EXPECT_EQ(ErrorOf("format = 1\n[topology]\ncpus = 5\nsmt = 2\n"),
            "m.toml:4: 5 CPUs are not whole cores of 2 hardware threads; correct 'cpus' or 'smt'");
  EXPECT_EQ(ErrorOf(With("smt = 2\ncpus_per_llc = 3")),
            "m.toml:5: 'cpus_per_llc' is 3, which splits a core of 2 hardware threads; give a multiple");
  EXPECT_EQ(ErrorOf(With("cpus_per_llc = 2\ncpus_per_node = 3")),
            "m.toml:5: 'cpus_per_node' is 3, which splits a cache or core of 2 CPUs; give a multiple");
  EXPECT_EQ(ErrorOf(With("cpus_per_node = 2")),
            "m.toml:4: nodes that share one last-level cache; give 'cpus_per_llc' too");
  EXPECT_EQ(ErrorOf(With("[kernel]\ntick_ms = 0")),
            "m.toml:4: without a tick, 'min_slice' must be above 0; give the shortest timer, like "
            "min_slice_us = 1");
  EXPECT_EQ(ErrorOf(With("[kernel]\nwatchdog_s = 31")),
            "m.toml:5: 'watchdog' is 31000000000 ns; give 1000000 to 30000000000 ns");
  EXPECT_EQ(ErrorOf(With("[cost]\ncontext_swich_ns = 3")),
            "m.toml:5: unknown key 'context_swich_ns' in [cost]; did you mean 'context_switch_ns'?");
  EXPECT_EQ(ErrorOf(With("[cost]\nwakeup = 3")),
            "m.toml:5: unknown key 'wakeup' in [cost]; it needs a unit: wakeup_ns, wakeup_us, wakeup_ms or "
            "wakeup_s");
  EXPECT_EQ(ErrorOf(With("[cost]\nipi_ns = -1")), "m.toml:5: 'ipi' is -1; give 0 to 1e+18");
  EXPECT_EQ(ErrorOf(With("[cost]\nipi_s = 2")), "m.toml:5: 'ipi' is 2000000000 ns; give 0 to 1000000000 ns");
  EXPECT_EQ(ErrorOf(With("[cost]\nrefill_ns_per_kb_llc = nan")),
            "m.toml:5: 'refill_ns_per_kb_llc' is nan; give 0 to 1000000");
}

TEST(ParseMachine, ErrorsOfTheModelsParts) {
  EXPECT_EQ(ErrorOf(With("cpus_per_llc = 8")), "m.toml:4: 'cpus_per_llc' is 8, more than the 4 CPUs there are; give 0 for all");
  EXPECT_EQ(ErrorOf(With("smt_speed = 0.6")),
            "m.toml:4: 'smt_speed' of cores with one hardware thread; give smt = 2 or leave it out");
  EXPECT_EQ(ErrorOf(With("smt = 2\nsmt_speed = 0")), "m.toml:5: 'smt_speed' is 0; give 0.1 to 1");
  EXPECT_EQ(ErrorOf(With("[kernel]\ntick_ms = 0\nmin_slice_us = 1\ntick_cost_ns = 5")),
            "m.toml:7: 'tick_cost' without a tick; give 'tick_ms' or leave it out");
  EXPECT_EQ(ErrorOf(With("[kernel]\ntick_us = 1\ntick_cost_us = 1")),
            "m.toml:6: 'tick_cost' is 1000 ns and a tick comes every 1000 ns: no CPU would get anything done; "
            "correct one of them");
  EXPECT_EQ(ErrorOf(With("[cost]\ndsq_op_ns = 50\ndsq_lock_hold_ns = 60")),
            "m.toml:6: 'dsq_lock_hold' is 60 ns, but 'dsq_op', of which it is a part, takes 50 ns; correct one of them");
  EXPECT_EQ(ErrorOf(With("[cost]\nrq_lock_hold_ns = 900")),
            "m.toml:5: 'rq_lock_hold' is 900 ns, but 'wakeup', of which it is a part, takes 800 ns; correct one of them");
  EXPECT_EQ(ErrorOf(With("[service]\npick_idel_ns = 3")),
            "m.toml:5: unknown key 'pick_idel_ns' in [service]; did you mean 'pick_idle_ns'?");
  EXPECT_EQ(ErrorOf(With("[noise]\nduration_us = 3")),
            "m.toml:4: key 'rate_per_s' is missing in [noise]; add it, see docs/machines.md");
  EXPECT_EQ(ErrorOf(With("[noise]\nrate_per_s = 10")),
            "m.toml:4: [noise] has no 'duration'; give one, like duration_us = { exponential = 5 }");
  EXPECT_EQ(ErrorOf(With("[noise]\nrate_per_s = 100\nduration_ms = { exponential = 20 }")),
            "m.toml:5: [noise] takes 200% of every CPU: nothing else would run; lower 'rate_per_s' or 'duration'");
}

constexpr const char* kEverything =
    "smt = 2\nsmt_speed = 0.62\nl2_kb = 2048\n[kernel]\ntick_cost_ns = 900\ncharge_overhead = true\n"
    "[cost]\nsched_ext_switch_ns = 1\nwakeup_idle_ns = 10\nwakeup_irq_ns = 2\ndsq_lock_hold_ns = 3\nrq_lock_hold_ns = 4\nsyscall_ns = 5\n"
    "futex_op_ns = 6\npipe_op_ns = 7\npipe_remote_ns = 11\nsleep_op_ns = 8\nfork_op_us = 9\n"
    "[service]\ngeneral_ns = 2\nremote_ns = 50\nremote_far_ns = 120\npick_ns_per_cpu = 0.25\nnow_ns = 20\nkick_self_ns = 0\n"
    "[noise]\nrate_per_s = 12.5\nduration_us = { lognormal = [20, 2] }";

TEST(FormatMachine, RoundTripsEveryPartOfTheModel) {
  auto m = ParseMachine(With(kEverything), "m.toml");
  ASSERT_TRUE(m.ok()) << m.error().message;
  EXPECT_EQ(m->smt_speed, 0.62);
  EXPECT_EQ(m->fork_op.v, 9000);
  EXPECT_EQ(m->noise.duration.kind, Dist::Kind::kLognormal);
  auto again = ParseMachine(FormatMachine(*m), "again.toml");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*again, *m);
}

TEST(Machine, AServiceThatIsNotNamedCostsTheGeneralFigure) {
  auto m = ParseMachine(With(kEverything), "m.toml");
  ASSERT_TRUE(m.ok()) << m.error().message;
  EXPECT_EQ(m->ServiceCost(Service::kNow).v, 20);
  EXPECT_EQ(m->ServiceCost(Service::kRandom).v, 2);
  EXPECT_EQ(m->ServiceCost(Service::kDsqMove), m->dsq_op);
  EXPECT_EQ(m->ServiceCost(Service::kKick), m->kick);
  EXPECT_EQ(m->ServiceCost(Service::kKickSelf).v, 0);
  EXPECT_EQ(m->ServiceCost(Service::kDsqInsertVtime).v, m->ServiceCost(Service::kDsqInsert).v);
  EXPECT_EQ(m->ServiceCost(Service::kDsqEmpty).v, 0);
}

TEST(Machine, TheKernelsOwnClassPaysForNothingButKicks) {
  auto m = ParseMachine(With(kEverything), "m.toml");
  ASSERT_TRUE(m.ok()) << m.error().message;
  Machine k = AsKernelClass(*m);
  EXPECT_EQ(k.hook.v + k.dsq_op.v + k.remote.v + k.sched_ext_switch.v + k.dsq_lock_hold.v, 0);
  for (size_t s = 0; s < kServices; ++s)
    EXPECT_EQ(k.ServiceCost(static_cast<Service>(s)).v, s == static_cast<size_t>(Service::kKick) ? m->kick.v : 0) << s;
  EXPECT_EQ(k.context_switch, m->context_switch);
  EXPECT_EQ(k.rq_lock_hold, m->rq_lock_hold);
  EXPECT_EQ(k.syscall, m->syscall);
}

TEST(Machine, FewerCpusHaveNoLargerCachesOrNodes) {
  Machine m;
  m.cpus = 32, m.smt = 2, m.cpus_per_llc = 8, m.cpus_per_node = 16;
  EXPECT_EQ(WithCpus(m, 24).cpus_per_node, 16);
  EXPECT_EQ(WithCpus(m, 16).cpus_per_node, 0);
  EXPECT_EQ(WithCpus(m, 16).cpus_per_llc, 8);
  EXPECT_EQ(WithCpus(m, 4).cpus_per_llc, 0);
  m.smt = 2;
  EXPECT_EQ(WithCpus(m, 2).smt, 2);
  EXPECT_EQ(WithCpus(m, 1).smt, 1);
}

TEST(FormatMachine, RoundTripsTheShippedOnes) {
  const std::string dir = std::string(OSE_SOURCE_DIR) + "/machines";
  auto files = ListFiles(dir, ".toml");
  ASSERT_TRUE(files.ok());
  EXPECT_GE(files->size(), 5u);
  for (const std::string& file : *files) {
    auto m = LoadMachine(JoinPath(dir, file));
    ASSERT_TRUE(m.ok()) << m.error().message;
    EXPECT_EQ(m->name, Stem(file));
    auto again = ParseMachine(FormatMachine(*m), "again.toml");
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again, *m);
  }
}

TEST(MachineFor, TakesTheWorkloadsCpusAndChecksAffinity) {
  Machine profile;
  profile.name = "small";
  profile.cpus = 4;
  Workload w;
  w.name = "w";
  w.groups.push_back({.name = "g", .affinity = {4}});
  auto m = MachineFor(w, profile);
  ASSERT_FALSE(m.ok());
  EXPECT_EQ(m.error().code, kExitBadWorkload);
  EXPECT_EQ(
      m.error().message,
      "workload 'w': group 'g' may run on CPU 4, but machine 'small' has CPUs 0 to 3; correct 'affinity' or "
      "name a larger machine");
  w.cpus = 8;
  m = MachineFor(w, profile);
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->cpus, 8);
}

}  // namespace
}  // namespace ose
