// Measure: the same command under several schedulers of a real kernel, in turn.
//
// One boot runs all policies for each seed, one after the other, the order rotating with the seed, so that what
// drifts (an emulator's host, a machine's temperature) meets all alike. Rows are then paired by seed and boot.
//
// A policy is ejected when a task waits for 15 s, as in the model.
//
// The plan becomes a bash script, which runs in the VM or on this machine as root; its output is a sequence of
// frames "@@osevolve POLICY SEED STATUS OUT_BYTES ERR_BYTES\n" and the bytes.
#ifndef OSEVOLVE_LAB_MEASURE_H_
#define OSEVOLVE_LAB_MEASURE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/candidate.h"

namespace ose {

struct MeasuredPolicy {
  std::string name;
  std::string object = {};   // file of build-bpf
  std::string program = {};  // a scheduler's own program, which attaches it and takes it out on SIGINT
  // Neither: the kernel's own scheduler.
};

// How a command says what it measured.
enum class BenchOutput {
  kLoad,      // JSON of `osevolve load`
  kSysbench,  // the report of sysbench 1.0
  kSeconds,   // "Time: 1.234" (hackbench, and perf bench's "Total time: 1.234 [sec]")
  kRedis,     // redis-benchmark --csv
};
// "load", "sysbench", "seconds", "redis"; kExitUsage otherwise.
Result<BenchOutput> ParseBenchOutput(std::string_view name);

struct MeasurePlan {
  std::vector<MeasuredPolicy> policies;
  std::vector<uint64_t> seeds;
  std::vector<std::string> command;  // "{seed}" in a word stands for the seed
  BenchOutput output = BenchOutput::kLoad;
  std::string live_program;          // osevolve-live
};

std::string MeasureScript(const MeasurePlan& plan);

// One Evaluation a policy, in the plan's order, seeds in theirs, scores 0. A run that failed makes its policy's
// outcome; kExitIo when the output is not whole.
Result<std::vector<Evaluation>> ParseMeasured(const MeasurePlan& plan, std::string_view output);

// What a command's report says, by the names of docs/metrics.md. kExitIo when it cannot be read.
Result<Metrics> ParseBench(BenchOutput output, std::string_view text);

}  // namespace ose

#endif  // OSEVOLVE_LAB_MEASURE_H_
