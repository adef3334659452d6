#include "worker/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/frame.h"
#include "core/exit_code.h"
#include "sandbox/sandbox.h"
#include "sim/profiler.h"
#include "sim/sample_recorder.h"
#include "sim/schedule_recorder.h"
#include "sim/simulate.h"

namespace ose {
namespace {

WorkerReply Failed(Outcome outcome, std::string diagnosis) {
  WorkerReply r;
  r.outcome = outcome;
  r.diagnosis = std::move(diagnosis);
  return r;
}

Outcome OutcomeOf(ExitKind kind) {
  switch (kind) {
    case ExitKind::kSandbox: return Outcome::kSandbox;
    case ExitKind::kCpu: return Outcome::kTimeout;
    case ExitKind::kMemory:
    case ExitKind::kStack: return Outcome::kMemory;
    default: return Outcome::kCrash;
  }
}

// The reply of the child that runs a policy, or what became of it; the child and its group have ended then.
WorkerReply AwaitReply(pid_t pid, int from, const WorkerLimits& limits, Nanos deadline) {
  auto frame = ReadFrame(from, kMaxWorkerReply, deadline);
  const bool timed_out = !frame.ok() && frame.error().code == kFrameTimeout;
  const bool complete = frame.ok() && frame->has_value();
  if (!complete && !timed_out) {
    // The child closed the pipe: it is dying, give it the moment that takes.
    struct pollfd none{};
    for (int i = 0; i < 200 && waitid(P_PID, static_cast<id_t>(pid), nullptr, WEXITED | WNOHANG | WNOWAIT) == 0; ++i) {
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid) break;
      poll(&none, 0, 1);
    }
  }
  // Whatever state it is in: after its one frame, or its time, the whole group ends, also when its leader has ended
  // already. The number is the child's until it is reaped.
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  int status = 0;
  rusage usage{};
  while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  Nanos cpu = Nanos::Seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
              Nanos::Micros(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  WorkerReply reply;
  if (complete) {
    auto decoded = DecodeReply(**frame);
    reply = decoded.ok() ? std::move(*decoded) : Failed(Outcome::kCrash, "the policy garbled its result");
  } else if (timed_out) {
    reply = Failed(Outcome::kTimeout, "the policy did not finish within " + std::to_string(limits.wall_ms) +
                                          " ms of wall time: an endless loop?");
  } else {
    ExitReason reason = DescribeExit(status, cpu, Nanos::Millis(limits.cpu_ms));
    reply = Failed(OutcomeOf(reason.kind), "the policy " + reason.text);
  }
  reply.cpu_ms = cpu.ms();
  return reply;
}

}  // namespace

int WorkerServer::Serve(int in, int out) {
  for (;;) {
    auto frame = ReadFrame(in, kMaxWorkerFrame);
    if (!frame.ok()) return kExitInternal;
    if (!frame->has_value()) return kExitOk;
    auto request = DecodeWorkerRequest(**frame);
    std::string reply;
    if (!request.ok()) reply = EncodeReply(Failed(Outcome::kInternal, request.error().message));
    else if (auto* load = std::get_if<WorkerLoad>(&*request)) reply = EncodeLoadReply(Load(*load));
    else reply = EncodeReply(Run(std::get<WorkerRun>(*request)));
    if (!WriteFrame(out, reply).ok()) return kExitInternal;
  }
}

Status WorkerServer::Load(const WorkerLoad& load) {
  OSE_ASSIGN(Workload workload, ParseWorkload(load.workload, "workload"));
  OSE_ASSIGN(Machine machine, ParseMachine(load.machine, "machine"));
  slots_[load.slot] = Slot{std::move(workload), std::move(machine)};
  return {};
}

WorkerReply WorkerServer::Run(const WorkerRun& run) {
  for (const WorkerStep& step : run.steps)
    if (step.slot < 0 || step.slot >= kMaxWorkerSlots || !slots_[step.slot])
      return Failed(Outcome::kInternal, "no workload is loaded in that slot");
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return Failed(Outcome::kInternal, std::string("pipe: ") + strerror(errno));
  Fd result_read(fds[0]), result_write(fds[1]);
  const Nanos deadline = MonotonicNow() + Nanos::Millis(run.limits.wall_ms);
  pid_t pid = fork();
  if (pid < 0) return Failed(Outcome::kInternal, std::string("fork: ") + strerror(errno));
  if (pid == 0) {
    setpgid(0, 0);
    result_read.reset();
    WorkerReply reply = RunSteps(run, result_write.get());
    Status sent = WriteFrame(result_write.get(), EncodeReply(reply));
    _exit(sent.ok() ? 0 : 1);
  }
  setpgid(pid, pid);
  result_write.reset();
  return AwaitReply(pid, result_read.get(), run.limits, deadline);
}

// One simulation, with what is to be seen of it.
SimResult WorkerServer::RunOnce(const Slot& slot, const NativePolicy& policy, uint64_t seed, const WorkerStep& step, WorkerSeed& result) {
  SimOptions options{.checked = step.checked, .max_events = step.max_events};
  if (step.watch.profile) return SimulateWithProfile(slot.workload, slot.machine, policy, seed, options, &result.profile.emplace());
  std::optional<ScheduleRecorder> recorder;
  std::optional<SampleRecorder> samples;
  if (step.watch.log) options.observer = &recorder.emplace(*step.watch.log);
  else if (!step.watch.distributions.empty()) options.observer = &samples.emplace(step.watch.distributions);
  SimResult r = Simulate(slot.workload, slot.machine, policy, seed, options);
  if (recorder) {
    result.log = recorder->TakeLog();
    result.log->seed = seed;
  }
  if (samples) result.distributions = samples->Take();
  return r;
}

WorkerReply WorkerServer::RunSteps(const WorkerRun& run, int result_fd) {
  SandboxOptions sandbox;
  sandbox.limits.cpu = Nanos::Millis(run.limits.cpu_ms);
  sandbox.limits.memory_bytes = static_cast<uint64_t>(run.limits.memory_mb) << 20;
  sandbox.readable = {run.object};
  sandbox.write_fds = {result_fd};
  if (Status s = EnterLoading(sandbox); !s.ok()) return Failed(Outcome::kInternal, s.error().message);
  auto policy = NativePolicy::Open(run.object);
  if (!policy.ok()) return Failed(Outcome::kCompile, policy.error().message);
  if (Status s = EnterRunning(); !s.ok()) return Failed(Outcome::kInternal, s.error().message);
  if (Status s = policy->SetTunables(run.tunables); !s.ok()) return Failed(Outcome::kGate, s.error().message);
  WorkerReply reply;
  for (const WorkerStep& step : run.steps) {
    const Slot& slot = *slots_[step.slot];
    for (uint64_t seed : step.seeds) {
      WorkerSeed result;
      result.seed = seed;
      SimResult r = RunOnce(slot, *policy, seed, step, result);
      if (r.outcome != Outcome::kOk)
        return Failed(r.outcome, r.diagnosis + (step.report ? "" : kTortureNote));
      if (!step.report) continue;
      result.metrics = std::move(r.metrics);
      result.counters.assign(r.counters, r.counters + osevolve::kMaxCounters);
      reply.results.push_back(std::move(result));
    }
  }
  return reply;
}

}  // namespace ose
