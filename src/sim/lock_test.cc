// Locks in the simulator, with and without hand-over, on machines where nothing costs anything.
#include <gtest/gtest.h>

#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

Metrics Measure(const std::string& text, int cpus) {
  auto w = ParseWorkload("format = 1\n" + text, "lock.toml");
  EXPECT_TRUE(w.ok()) << w.error().message;
  auto policy = NativePolicy::Open(ShippedPolicy("fifo"));
  EXPECT_TRUE(policy.ok());
  SimResult r = Simulate(*w, CostlessMachine(cpus), *policy, 1, {.checked = true});
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  return r.metrics;
}

// a holds m from 0 to 1 ms and at once wants it again; b asks for it at 0.5 ms.
constexpr char kTwo[] =
    "[[group]]\nname = 'a'\nprogram = [ { lock = 'm' }, { run_ms = 1 }, { unlock = 'm' }, { lock = 'm' }, { run_ms = 1 }, { unlock = 'm' } ]\n"
    "[[group]]\nname = 'b'\nprogram = [ { sleep_us = 500 }, { begin = true }, { lock = 'm' }, { run_ms = 1 }, { unlock = 'm' }, { end = true } ]\n";

TEST(Lock, IsHandedOverToWhoWaits) {
  const Metrics m = Measure(kTwo, 2);  // b from 1 to 2 ms, a from 2 to 3
  EXPECT_DOUBLE_EQ(m.at("b.latency_max"), 1500);
  EXPECT_DOUBLE_EQ(m.at("span"), 3000);
}

TEST(Lock, WithoutHandOverGoesToWhoTakesItFirst) {
  const Metrics m = Measure(std::string("lock_handover = false\n") + kTwo, 2);  // a goes on until 2 ms; b was woken in vain at 1
  EXPECT_DOUBLE_EQ(m.at("b.latency_max"), 2500);
  EXPECT_DOUBLE_EQ(m.at("span"), 3000);
}

TEST(Lock, WhoIsSignalledWithoutHandOverAsksForItsMutex) {
  // b signals at 1 ms while it holds m, and keeps it until 3 ms; only then does a go on.
  const Metrics m = Measure(
      "lock_handover = false\n"
      "[[group]]\nname = 'a'\nprogram = [ { lock = 'm' }, { begin = true }, { cond_wait = 'c', mutex = 'm' }, { run_ms = 1 }, { end = true }, { unlock = 'm' } ]\n"
      "[[group]]\nname = 'b'\nprogram = [ { sleep_ms = 1 }, { lock = 'm' }, { cond_signal = 'c' }, { run_ms = 2 }, { unlock = 'm' } ]\n", 2);
  EXPECT_DOUBLE_EQ(m.at("a.latency_max"), 4000);
}

}  // namespace
}  // namespace ose
