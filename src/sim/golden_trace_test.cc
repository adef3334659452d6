// Whole schedules of small examples, to the byte: time, CPU, task, what. When a change of the model or of
// a policy moves them on purpose:
//   OSEVOLVE_UPDATE_GOLDEN=1 build/sim_test --gtest_filter='*GoldenTrace*'
// and read the difference.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "sim/kernel.h"
#include "sim/schedule_observer.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

class TextTrace : public ScheduleObserver {
 public:
  void OnBegin(const Workload& w, const Machine&, const std::vector<Task>&) override { workload_ = &w; }
  void OnWakeup(const Task& t, Nanos now, int cpu, bool is_first) override {
    Line(now, cpu, Name(t), fmt::format("{}{}", is_first ? "starts" : "wakes", t.waker_pid > 0 ? fmt::format(", by pid {}", t.waker_pid) : ""));
  }
  void OnQueued(const Task& t, Nanos now) override {
    const bool local = t.dsq->home_cpu >= 0;
    Line(now, -1, Name(t), local ? fmt::format("queued on CPU {}", t.dsq->home_cpu) : fmt::format("queued in {}", t.dsq->id >> 63 ? "the global queue" : std::to_string(t.dsq->id)));
  }
  void OnRunning(const Task& t, int cpu, Nanos now, Nanos begins) override {
    Line(now, cpu, Name(t), fmt::format("runs from {}, slice {}", begins.v, t.slice));
  }
  void OnStopping(const Task& t, int cpu, Nanos now, TurnEnd why, int by_cpu) override {
    static constexpr const char* kWhy[] = {"sleeps", "exits", "yields", "has used up its slice", "is preempted"};
    Line(now, cpu, Name(t), fmt::format("{}{}", kWhy[static_cast<size_t>(why)], by_cpu >= 0 ? fmt::format(" by CPU {}", by_cpu) : ""));
  }
  void OnIdle(int cpu, Nanos now, bool idle) override { Line(now, cpu, "-", idle ? "idle" : "busy"); }
  void OnEventBegin(const Task& t, Nanos now, Nanos release) override { Line(now, t.cpu, Name(t), fmt::format("event begins, released at {}", release.v)); }
  void OnEventEnd(const Task& t, Nanos now, Nanos, Nanos work) override { Line(now, t.cpu, Name(t), fmt::format("event ends after {} of work", work.v)); }
  void OnEnd(const Kernel& kernel) override {
    for (int c = 0; c < kernel.machine().cpus; ++c) {
      const CpuTotals& t = kernel.totals(c);
      Line(kernel.now(), c, "-", fmt::format("useful {}, overhead {}, idle {}", t.useful.v, t.overhead.v, t.idle.v));
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string Name(const Task& t) const { return fmt::format("{}[{}]", workload_->groups[static_cast<size_t>(t.group)].name, t.index_in_group); }
  void Line(Nanos now, int cpu, const std::string& task, const std::string& what) {
    text_ += fmt::format("{:>10} {:>2} {:<10} {}\n", now.v, cpu < 0 ? "" : std::to_string(cpu), task, what);
  }

  const Workload* workload_ = nullptr;
  std::string text_;
};

class GoldenTrace : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(GoldenTrace, IsTheSameToTheByte) {
  const auto [name, policy_name] = GetParam();
  const std::string folder = std::string(OSE_SOURCE_DIR) + "/src/sim/testdata/";
  auto w = LoadWorkload(folder + name + ".toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  auto profile = LoadMachine(fmt::format("{}/machines/{}.toml", OSE_SOURCE_DIR, w->machine));
  ASSERT_TRUE(profile.ok()) << profile.error().message;
  auto machine = MachineFor(*w, *profile);
  ASSERT_TRUE(machine.ok()) << machine.error().message;
  auto policy = NativePolicy::Open(ShippedPolicy(policy_name));
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  TextTrace trace;
  SimResult r = Simulate(*w, *machine, *policy, 1, {.checked = true, .observer = &trace});
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;

  const std::string path = fmt::format("{}{}.{}.trace", folder, name, policy_name);
  if (getenv("OSEVOLVE_UPDATE_GOLDEN")) ASSERT_TRUE(WriteFileAtomic(path, trace.text()).ok());
  auto golden = ReadFile(path);
  ASSERT_TRUE(golden.ok()) << golden.error().message;
  EXPECT_EQ(trace.text(), *golden);
}

INSTANTIATE_TEST_SUITE_P(Examples, GoldenTrace, testing::Combine(testing::Values("locks", "pipe", "requests"), testing::Values("eevdf", "shinjuku")),
                         [](const auto& info) { return fmt::format("{}_{}", std::get<0>(info.param), std::get<1>(info.param)); });

}  // namespace
}  // namespace ose
