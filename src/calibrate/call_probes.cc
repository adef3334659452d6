// What system calls and switches cost on one CPU.
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "calibrate/pinned.h"
#include "calibrate/probes.h"
#include "load/waiter.h"

namespace ose {
namespace {

constexpr int64_t kBatchNs = 100'000;  // long against the clock's reading, short against a slice
constexpr int kMostOperations = 1 << 16;

// Batches of an operation until the time is up; one sample a batch, in ns an operation.
template <class Operation>
void Repeat(Nanos time, const char* series, Samples* samples, Operation operation) {
  constexpr int kPatience = 100;  // batches without a clean one, on a busy machine
  const int64_t end = MonoNs() + time.v;
  int operations = 16, disturbed = 0;
  bool any = false;
  do {
    Repetition r;
    for (int i = 0; i < operations; ++i) operation();
    const int64_t wall = r.End();
    if (wall < kBatchNs && operations < kMostOperations) {  // also the warm-up
      operations *= 2;
      continue;
    }
    if (!r.clean()) {
      samples->Discard(series);
      ++disturbed;
      continue;
    }
    samples->Add(series, static_cast<double>(wall) / operations);
    any = true;
  } while (MonoNs() < end || (!any && disturbed < kPatience));
}

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  bool ok() const { return static_cast<bool>(read_end); }
  bool Put() const { return write(write_end.get(), "", 1) == 1; }
  bool Take() const {
    char c;
    return read(read_end.get(), &c, 1) == 1;
  }
};

}  // namespace

void ProbeCalls(const ProbeBench& bench, Samples* samples) {
  PinTo(bench.home);
  const Nanos each{bench.slice.v / 4};
  Repeat(each, "call", samples, [] { syscall(SYS_getppid); });
  std::atomic<uint32_t> word{0};
  Repeat(each, "futex_call", samples, [&] { FutexWake(word, 1); });
  Repeat(each, "yield_alone", samples, [] { sched_yield(); });
  const Pipe pipe;
  if (!pipe.ok()) return;
  Repeat(each, "pipe_calls", samples, [&] {
    pipe.Put();
    pipe.Take();
  });
}

void ProbePipeApart(const ProbeBench& bench, Samples* samples) {
  constexpr uint32_t kTrips = 50;
  const Pipe pipe;
  if (bench.other == bench.home || !pipe.ok()) return;
  PinTo(bench.home);
  TakeTurns(bench.other, MonoNs() + bench.slice.v / 2, kTrips, [&] { pipe.Put(); }, [&] { pipe.Take(); }, "pipe_apart", samples);
}

void ProbeFork(const ProbeBench& bench, Samples* samples) {
  constexpr int kThreads = 8;
  PinTo(bench.home);
  const int64_t end = MonoNs() + bench.slice.v / 2;
  do {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    // CPU time, since the new threads may preempt.
    const int64_t begin = ThreadCpuNs();
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([] {});
    samples->Add("fork", static_cast<double>(ThreadCpuNs() - begin) / kThreads);
    for (std::thread& t : threads) t.join();
  } while (MonoNs() < end);
}

void ProbeYield(const ProbeBench& bench, Samples* samples, const std::string& prefix) {
  constexpr int kYields = 128;
  PinTo(bench.home);
  // Both threads are on one CPU: relaxed order is enough, and a switch is seen as the other's mark.
  std::atomic<int> last{0};
  std::atomic<int64_t> switches{0}, yields{0};
  std::atomic<bool> stop{false};
  const auto yield = [&](int me) {
    sched_yield();
    yields.store(yields.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (last.load(std::memory_order_relaxed) == me) return;
    last.store(me, std::memory_order_relaxed);
    switches.store(switches.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  };
  {
    PinnedThread partner(bench.home, ThreadClass::kNormal, [&] {
      while (!stop.load(std::memory_order_relaxed)) yield(2);
    });
    const int64_t end = MonoNs() + bench.slice.v;
    while (MonoNs() < end && switches.load(std::memory_order_relaxed) < 2) yield(1);
    do {
      const int64_t s = switches.load(std::memory_order_relaxed), y = yields.load(std::memory_order_relaxed);
      Repetition r(CLOCK_PROCESS_CPUTIME_ID);
      for (int i = 0; i < kYields; ++i) yield(1);
      const int64_t wall = r.End();
      const auto switched = static_cast<double>(switches.load(std::memory_order_relaxed) - s);
      if (r.clean() && 8 * switched >= kYields) {
        samples->Add(prefix + "yield_ns_per_switch", static_cast<double>(wall) / switched);
        samples->Add(prefix + "yields_per_switch", static_cast<double>(yields.load(std::memory_order_relaxed) - y) / switched);
      } else {
        samples->Discard(prefix + "yield_ns_per_switch");
      }
    } while (MonoNs() < end);
    stop = true;
  }
}

void ProbePipe(const ProbeBench& bench, Samples* samples) {
  constexpr int kTrips = 50;
  PinTo(bench.home);
  const Pipe there;
  auto back = std::make_unique<Pipe>();
  if (!there.ok() || !back->ok()) return;
  std::atomic<bool> stop{false};
  PinnedThread partner(bench.home, ThreadClass::kNormal, [&] {
    while (there.Take() && !stop.load(std::memory_order_relaxed)) back->Put();
  });
  const int64_t end = MonoNs() + bench.slice.v;
  do {
    Repetition r(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < kTrips; ++i) {
      there.Put();
      back->Take();
    }
    const int64_t wall = r.End();
    if (r.clean()) samples->Add("pipe_hop", static_cast<double>(wall) / (2 * kTrips));
    else samples->Discard("pipe_hop");
  } while (MonoNs() < end);
  stop = true;
  there.Put();
}

}  // namespace ose
