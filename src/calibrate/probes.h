// Probes: the measurements, each a burst of short repetitions by real pinned threads. No probe needs root.
//
// A probe runs for about `slice` on the calling thread and on threads of its own, which have ended when it returns. A
// repetition during which a thread of it was switched out against its will, or during which the thread used clearly
// less CPU time than passed, is left out (Samples::Discard). Series and what they are: docs/calibrate.md.
#ifndef OSEVOLVE_CALIBRATE_PROBES_H_
#define OSEVOLVE_CALIBRATE_PROBES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "calibrate/samples.h"
#include "calibrate/shape.h"

namespace ose {

struct ProbeBench {
  int home = 0;   // CPU of the calling thread
  int other = 0;  // another CPU, or the same one when there is no other
  Nanos slice = Nanos::Millis(8);
  Nanos tick{0};  // of the kernel
};

// System calls, futex and pipe operations that wake nobody: "call", "futex_call", "pipe_calls", "yield_alone".
void ProbeCalls(const ProbeBench& bench, Samples* samples);
// `home` puts a byte into a pipe, `other` takes it out, in turn: "pipe_apart", ns each.
void ProbePipeApart(const ProbeBench& bench, Samples* samples);
// Creates threads that end at once: "fork", for the creator.
void ProbeFork(const ProbeBench& bench, Samples* samples);
// Two threads of `home` that yield to each other: "yield_ns_per_switch", "yields_per_switch", after `prefix`.
void ProbeYield(const ProbeBench& bench, Samples* samples, const std::string& prefix = "");
// Two threads of `home` that pass a byte to and fro: "pipe_hop".
void ProbePipe(const ProbeBench& bench, Samples* samples);
// Wakes threads of `home` that are not urgent enough to preempt: "wake_here".
void ProbeWakeHere(const ProbeBench& bench, Samples* samples);
// Wakes a thread of `other`, idle for 0.1 ms and for 2 ms: "wake_idle_short", "wake_idle_long" until it runs,
// "waker_idle" what the waker spends; and while a SCHED_IDLE thread spins there: "wake_busy", "waker_busy".
void ProbeWakeThere(const ProbeBench& bench, Samples* samples);
// Moves a sleeping thread between `home` and `other`: CPU time from its last instruction to its first one,
// "moved_DISTANCE" and "stayed_DISTANCE".
void ProbeMove(const ProbeBench& bench, Distance distance, Samples* samples);
// Interrupts a spinning thread of `other` (membarrier): "ipi_latency" until it stops, "ipi_gap" how long it does,
// "ipi_round" for the sender; and of a one-shot timer on `home`: "timer_gap".
void ProbeInterrupts(const ProbeBench& bench, Samples* samples);
// A thread of `home` that only reads the clock: "noise_gap" and "tick_gap" each, "noise_rate" gaps a second,
// "noise_share" of the time.
void ProbeNoise(const ProbeBench& bench, Samples* samples);
// Sleeps on timers: "sleep_late" with a slack of 1 ns, "sleep_late_default" with the default one; "sleep_spent", CPU time.
void ProbeSleep(const ProbeBench& bench, Samples* samples);
// Two spinning threads of `home`: when one took over from the other, ns on CLOCK_MONOTONIC.
std::vector<int64_t> ProbeTurns(const ProbeBench& bench, Nanos time);
// Works through a buffer that `other` has just worked through, less the same again: "refill_DISTANCE_KB", ns per KiB.
void ProbeRefill(const ProbeBench& bench, Distance distance, const std::vector<int>& sizes_kb, Samples* samples);
// Two CPUs that write the same cache line in turn: "line_DISTANCE", ns each.
void ProbeLine(const ProbeBench& bench, Distance distance, Samples* samples);
// The speed of a thread beside a busy one on the CPU's sibling, to that alone: "smt_speed". Precondition: siblings.
void ProbeSmt(const ProbeBench& bench, Samples* samples);

// Works through memory beyond the caches: "memory", ns per KiB. Keeps its buffer.
class MemoryProbe {
 public:
  // Twice the cache and more, if that is at most an eighth of the free memory; else nothing is measured.
  explicit MemoryProbe(int64_t llc_kb);
  void Round(const ProbeBench& bench, Samples* samples);

 private:
  std::vector<unsigned char> buffer_;
  size_t at_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_PROBES_H_
