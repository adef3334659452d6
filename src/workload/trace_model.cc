// Why a replay cannot deadlock. Every sleep that a followed task ended becomes one `wait` of the
// sleeper and one `signal` of the waker, on a semaphore that only this sleeper waits on. Order
// all operations of all programs by the time at which they completed in the recording. Suppose
// that a replay is stuck, and look at the operation that is first in that order among those not
// completed. All operations recorded before it are complete. It is no run, yield, timer, signal
// or fork, since those complete by themselves (under a policy that starves nobody). So it is the
// k-th wait on some semaphore. In the recording it completed after the wakes that ended this
// and the k-1 sleeps before it; those k signals come earlier in the order, so they are complete
// and the semaphore has had k tokens for k waits: the wait completes, a contradiction. The
// argument needs that signals are counted (an early signal is not lost when the replay's
// sleeper is slower than the recorded one), that nobody else takes them, and that there is
// exactly one per wait: a wake-up that ended no sleep must leave nothing behind, or the
// next wait would pass without a reason and every later one be one wake-up early.
//
// Wake-ups of tasks that are still running. A waker may find its target between "I shall sleep"
// and the switch. Then either the target never sleeps (nothing to record), or the two race and
// the trace has the wake-up *before* the switch to blocked, and then the target gets a CPU
// without being woken again. Only the second happened for a sleep. Which one it was is known
// when the target next gets a CPU, so the waker's program keeps a reserved place until then.
//
// Yields. Without sched_yield events a switch in state R is either a yield or a preemption on the
// way back to user space. The kernel preempts at a tick, after at least its minimum slice, or
// because it put a task on this CPU. So R after less than kShortestSlice, with no wake-up aimed at
// this CPU since the task got it and with a next task that is followed, was a yield.
#include "workload/trace_model.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <utility>

#include "core/exit_code.h"
#include "workload/program_builder.h"

namespace ose {
namespace {

constexpr int64_t kShortestSlice = 700'000;  // ns; EEVDF's base slice before scaling
constexpr int64_t kYieldToSwitch = 50'000;   // ns; from the call to its switch, interrupts included
constexpr Nanos kMaxSpan = Nanos::Seconds(1'000'000);  // a dozen days; what is longer is a damaged time
constexpr int kNobody = -1;

struct Waker {
  int task = kNobody;  // or a timer
  size_t place = 0;    // reserved in the waker's program
};

struct Task {
  enum class State : uint8_t {
    kNew,      // known to be followed, not seen yet
    kUnknown,  // events are missing: it may be anywhere
    kQueued,   // waits for a CPU
    kRunning,
    kBlocked,
    kDead,
  };
  State state = State::kNew;
  bool forked = false;    // by a followed task
  bool in_burst = false;  // used a CPU since its last sleep
  bool ran = false;
  bool early_wake = false;  // a wake-up arrived while it ran: `early`
  int cpu = -1;
  int prio = 120;
  int parent = kNobody;
  size_t fork_place = 0;
  int64_t since = 0;    // start of the time on the CPU that is not in the program yet
  int64_t got_cpu = 0;  // start of this stretch on the CPU
  int64_t start = -1;   // first seen after the start of the recording, and not forked
  int64_t debt = 0;     // cost still to be taken off this stretch
  int64_t early_time = 0;
  int64_t yielded = -1;  // time of the last sched_yield that has not switched yet
  Waker early;
  std::string comm;
  ProgramBuilder program;
};

struct Cpu {
  int running = kNobody;
  int64_t last_event = 0;
  bool gap = false;         // what runs here is unknown since the last gap
  bool wake_aimed = false;  // since the running task got it
};

// Letters, digits, '-' and '_', starting with a letter: what names in a workload file may have.
std::string CleanName(std::string_view comm) {
  std::string out;
  for (char c : comm) out += isalnum(static_cast<unsigned char>(c)) || c == '-' ? c : '_';
  if (out.empty() || !isalpha(static_cast<unsigned char>(out[0]))) out.insert(0, "t");
  return out;
}

}  // namespace

class TraceModel::Impl {
 public:
  explicit Impl(TraceModelOptions options) : opt_(std::move(options)) {
    started_ = opt_.start_at_exec_of == 0;
    if (started_ && opt_.start_ns >= 0) start_ = opt_.start_ns;
    for (int pid : opt_.pids)
      if (pid != opt_.start_at_exec_of) NewTask(pid);
  }

  void Add(const SchedEvent& e);
  Result<TraceResult> Finish(int64_t end_ns, int64_t lost_events);

 private:
  using State = Task::State;

  int NewTask(int pid) {
    int t = static_cast<int>(tasks_.size());
    tasks_.emplace_back();
    by_pid_[pid] = t;
    return t;
  }
  int Find(int pid) const {
    auto it = by_pid_.find(pid);
    return it == by_pid_.end() ? kNobody : it->second;
  }
  // The followed task of this thread id, also one that is followed because of its name.
  int Follow(int pid, std::string_view comm, int64_t now);
  Cpu& CpuAt(int cpu) {
    if (static_cast<size_t>(cpu) >= cpus_.size()) cpus_.resize(static_cast<size_t>(cpu) + 1);
    return cpus_[static_cast<size_t>(cpu)];
  }
  // The followed task that emitted the event by its own doing.
  int Actor(const SchedEvent& e) const {
    if (e.interrupt || e.context == 0) return kNobody;
    int t = Find(e.context);
    return t != kNobody && tasks_[t].state == State::kRunning ? t : kNobody;
  }

  void Account(int t, int64_t now);
  void GetCpu(int t, int cpu, int64_t now);
  void HasCpu(int t, const SchedEvent& e);
  void LoseCpu(int t, const SchedEvent& e, bool next_followed);
  void Wake(int t, const SchedEvent& e);
  void EndSleep(int t, int waker, int64_t now);
  void Fork(const SchedEvent& e);
  void Exec(const SchedEvent& e);
  void Gap(const SchedEvent& e);
  Op SignalOp(int sleeper) const {
    return {.kind = OpKind::kSignal, .object = static_cast<uint32_t>(sleeper), .count = 1};
  }
  void BuildGroups(Workload* w);
  std::string DefaultName() const;

  TraceModelOptions opt_;
  TraceTotals totals_;
  bool started_ = false;
  int64_t start_ = -1;
  int64_t last_ = 0;      // time of the last event of a followed task
  int64_t last_any_ = 0;  // of any
  std::vector<Task> tasks_;
  std::vector<Cpu> cpus_;
  std::unordered_map<int, int> by_pid_;
};

int TraceModel::Impl::Follow(int pid, std::string_view comm, int64_t now) {
  if (pid == 0) return kNobody;
  int t = Find(pid);
  if (t != kNobody && tasks_[t].state == State::kDead) t = kNobody;  // the kernel reuses thread ids
  if (t == kNobody) {
    if (!(opt_.everybody && !IsKernelThreadName(comm)) &&
        std::find(opt_.comms.begin(), opt_.comms.end(), comm) == opt_.comms.end())
      return kNobody;
    t = NewTask(pid);
  }
  if (start_ < 0) start_ = now;
  last_ = now;
  if (!comm.empty()) tasks_[t].comm = comm;
  return t;
}

// Moves the time on the CPU up to `now` into the program.
void TraceModel::Impl::Account(int t, int64_t now) {
  Task& task = tasks_[t];
  int64_t ns = std::max<int64_t>(0, now - task.since);
  task.since = now;
  totals_.cpu += Nanos{ns};
  int64_t cost = std::min(ns, task.debt);
  task.debt -= cost;
  task.program.Run(ns - cost);
  totals_.work += Nanos{ns - cost};
}

void TraceModel::Impl::GetCpu(int t, int cpu, int64_t now) {
  Task& task = tasks_[t];
  if (task.state == State::kNew && !task.forked) task.start = now;
  if (task.state == State::kBlocked) {
    // Nobody was seen waking it: the waker was faster than the sleeper, or the event is lost.
    if (task.early_wake) {
      if (task.early.task != kNobody) tasks_[task.early.task].program.Replace(task.early.place, SignalOp(t));
      EndSleep(t, task.early.task, task.early_time);
    } else {
      EndSleep(t, kNobody, now);
    }
  }
  task.early_wake = false;
  task.state = State::kRunning;
  task.cpu = cpu;
  task.since = task.got_cpu = now;
  task.debt = opt_.context_switch.v;
  task.ran = true;
  if (!task.in_burst) totals_.runs++;
  task.in_burst = true;
  totals_.switches++;
  Cpu& c = CpuAt(cpu);
  c.running = t;
  c.wake_aimed = false;
}

// What it does shows that it has the CPU of `e`: if it was not seen getting it, then it was running since the start of the
// recording, or since events were lost.
void TraceModel::Impl::HasCpu(int t, const SchedEvent& e) {
  Task& task = tasks_[t];
  if (task.state == State::kRunning) return;
  if (start_ < 0) start_ = e.time_ns;
  const bool since_start = task.state == State::kNew && !task.forked && !CpuAt(e.cpu).gap;
  GetCpu(t, e.cpu, since_start ? start_ : e.time_ns);
  if (since_start) task.start = -1;
  task.debt = 0;
}

void TraceModel::Impl::LoseCpu(int t, const SchedEvent& e, bool next_followed) {
  HasCpu(t, e);
  Task& task = tasks_[t];
  const Cpu& c = CpuAt(e.cpu);
  int64_t stretch = e.time_ns - task.got_cpu;
  Account(t, e.time_ns);
  task.prio = e.prio;
  if (task.yielded >= 0 && e.time_ns - task.yielded > kYieldToSwitch) task.yielded = -1;
  switch (e.prev_state) {
    case PrevState::kRunnable:
      if (!opt_.yields_traced && stretch < kShortestSlice && next_followed && !c.wake_aimed) {
        task.program.Yield();
        totals_.yields++;
      } else if (task.yielded < 0) {
        totals_.preemptions++;
      }
      task.state = State::kQueued;
      break;
    case PrevState::kPreempted:
      totals_.preemptions++;
      task.state = State::kQueued;
      break;
    case PrevState::kBlocked:
      totals_.sleeps++;
      task.in_burst = false;
      task.state = State::kBlocked;
      break;
    case PrevState::kDead:
      task.in_burst = false;
      task.state = State::kDead;
      break;
  }
  task.yielded = -1;
}

// The sleep of `t` ended at `now`. The waker has its signal already.
void TraceModel::Impl::EndSleep(int t, int waker, int64_t now) {
  Task& task = tasks_[t];
  totals_.wakeups++;
  if (waker != kNobody) {
    totals_.signals++;
    task.program.Add({.kind = OpKind::kWait, .object = static_cast<uint32_t>(t)});
  } else {
    task.program.Add({.kind = OpKind::kTimer, .ns = std::max<int64_t>(0, now - start_)});
  }
  task.state = State::kQueued;
}

void TraceModel::Impl::Wake(int t, const SchedEvent& e) {
  Task& task = tasks_[t];
  int waker = Actor(e);
  switch (task.state) {
    case State::kNew:
      if (task.forked) {
        task.state = State::kQueued;
        return;
      }
      [[fallthrough]];
    case State::kUnknown:
      // It has been asleep since the start, or since events were lost.
      totals_.sleeps++;
      task.in_burst = false;
      [[fallthrough]];
    case State::kBlocked:
      if (waker != kNobody && waker != t) {
        Account(waker, e.time_ns);
        tasks_[waker].debt += opt_.wakeup.v;
        tasks_[waker].program.Add(SignalOp(t));
        EndSleep(t, waker, e.time_ns);
      } else {
        EndSleep(t, kNobody, e.time_ns);
      }
      return;
    case State::kRunning:
      if (waker == t) return;  // it woke itself: it never left
      task.early_wake = true;
      task.early_time = e.time_ns;
      task.early = {waker, 0};
      if (waker != kNobody) {
        Account(waker, e.time_ns);
        task.early.place = tasks_[waker].program.Reserve();
      }
      return;
    case State::kQueued:
    case State::kDead:
      return;
  }
}

void TraceModel::Impl::Fork(const SchedEvent& e) {
  int parent = e.interrupt ? kNobody : Find(e.context);
  if (parent == kNobody || tasks_[parent].state == State::kDead) return;  // a stranger's child, unless it has a followed name
  HasCpu(parent, e);
  int known = Find(e.pid);
  bool is_new = known == kNobody || tasks_[known].state == State::kDead;
  if (e.kind == SchedEvent::Kind::kWakeupNew && !is_new) {
    // The child starts here, a little after it was made.
    Task& child = tasks_[known];
    if (child.parent != parent || child.state != State::kNew) return;
    child.state = State::kQueued;
    if (!tasks_[parent].program.Retract(child.fork_place)) return;
    Account(parent, e.time_ns);
    child.fork_place =
        tasks_[parent].program.Add({.kind = OpKind::kFork, .object = static_cast<uint32_t>(known)});
    return;
  }
  if (!is_new) return;
  Account(parent, e.time_ns);
  int t = NewTask(e.pid);
  Task& child = tasks_[t];
  child.comm = e.comm;
  child.forked = true;
  child.parent = parent;
  child.prio = tasks_[parent].prio;
  child.fork_place = tasks_[parent].program.Add({.kind = OpKind::kFork, .object = static_cast<uint32_t>(t)});
  if (e.kind == SchedEvent::Kind::kWakeupNew) child.state = State::kQueued;
  last_ = e.time_ns;
}

void TraceModel::Impl::Exec(const SchedEvent& e) {
  if (!started_ && e.pid == opt_.start_at_exec_of) {
    started_ = true;
    start_ = last_ = e.time_ns;
    int t = NewTask(e.pid);
    tasks_[t].comm = e.comm;
    tasks_[t].forked = false;
    tasks_[t].state = State::kQueued;
    GetCpu(t, e.cpu, e.time_ns);
    tasks_[t].debt = 0;
    return;
  }
  std::string_view comm = e.comm.substr(0, 15);  // TASK_COMM_LEN
  int t = Find(e.old_pid);
  if (t == kNobody || tasks_[t].state == State::kDead) {
    // With its new name it may be one of those to follow.
    if (t = Follow(e.pid, comm, e.time_ns); t != kNobody && tasks_[t].state == State::kNew)
      GetCpu(t, e.cpu, e.time_ns);
    return;
  }
  if (!comm.empty()) tasks_[t].comm = comm;
  if (e.old_pid != e.pid) {
    // A thread that executes a program takes the place, and the id, of its process's first thread.
    if (int old = Find(e.pid); old != kNobody) tasks_[old].state = State::kDead;
    by_pid_.erase(e.old_pid);
    by_pid_[e.pid] = t;
  }
}

void TraceModel::Impl::Gap(const SchedEvent& e) {
  totals_.lost_events += e.lost;
  Cpu& c = CpuAt(e.cpu);
  c.gap = true;
  if (c.running != kNobody && tasks_[c.running].state == State::kRunning) {
    Account(c.running, std::max(c.last_event, tasks_[c.running].since));
    tasks_[c.running].state = State::kUnknown;
  }
  c.running = kNobody;
}

void TraceModel::Impl::Add(const SchedEvent& e) {
  using Kind = SchedEvent::Kind;
  if (!started_ && !(e.kind == Kind::kExec && e.pid == opt_.start_at_exec_of)) return;
  if (e.time_ns < start_) return;
  last_any_ = e.time_ns;
  switch (e.kind) {
    case Kind::kSwitch: {
      int prev = Follow(e.pid, e.comm, e.time_ns), next = Follow(e.next_pid, e.next_comm, e.time_ns);
      if (prev != kNobody) LoseCpu(prev, e, next != kNobody);
      Cpu& c = CpuAt(e.cpu);
      c.gap = false;
      c.running = kNobody;
      c.wake_aimed = false;
      if (next != kNobody) GetCpu(next, e.cpu, e.time_ns);
      break;
    }
    case Kind::kWaking:
    case Kind::kWakeup:
      if (e.target_cpu >= 0) CpuAt(e.target_cpu).wake_aimed = true;
      if (int t = Follow(e.pid, e.comm, e.time_ns); t != kNobody) Wake(t, e);
      break;
    case Kind::kWakeupNew:
      if (e.target_cpu >= 0) CpuAt(e.target_cpu).wake_aimed = true;
      Fork(e);
      break;
    case Kind::kFork:
      Fork(e);
      break;
    case Kind::kExec:
      Exec(e);
      break;
    case Kind::kMigrate:
      if (e.target_cpu >= 0) CpuAt(e.target_cpu).wake_aimed = true;
      break;
    case Kind::kYield:
      if (int t = Actor(e); t != kNobody) {
        Account(t, e.time_ns);
        tasks_[t].program.Yield();
        tasks_[t].yielded = e.time_ns;
        totals_.yields++;
        last_ = e.time_ns;
      }
      break;
    case Kind::kExit:
      break;  // it runs on for a while; the switch in state Z or X ends it
    case Kind::kGap:
      Gap(e);
      break;
  }
  CpuAt(e.cpu).last_event = e.time_ns;
}

void TraceModel::Impl::BuildGroups(Workload* w) {
  std::vector<std::vector<Op>> programs;
  std::vector<int> group(tasks_.size(), -1), semaphore(tasks_.size(), -1);
  for (Task& task : tasks_) programs.push_back(task.program.Take());
  int groups = 0;
  for (size_t t = 0; t < tasks_.size(); t++)
    if (tasks_[t].ran && !programs[t].empty()) group[t] = groups++;
  for (size_t t = 0; t < tasks_.size(); t++) {
    if (group[t] < 0) continue;
    const Task& task = tasks_[t];
    Group g;
    g.name = CleanName(task.comm) + "-" + std::to_string(group[t]);
    g.weight = WeightOfPrio(task.prio);
    g.event = EventKind::kNone;
    g.forked = task.forked;
    if (task.start > start_) {
      g.has_start = true;
      g.start.a = static_cast<double>(task.start - start_);
    }
    for (Op& op : programs[t]) {
      switch (op.kind) {
        case OpKind::kFork:
          if (group[op.object] < 0) continue;  // it never ran
          op.object = static_cast<uint32_t>(group[op.object]);
          break;
        case OpKind::kWait:
        case OpKind::kSignal: {
          // A sleeper without a program waits for nobody.
          if (group[op.object] < 0) continue;
          int& s = semaphore[op.object];
          if (s < 0) {
            s = static_cast<int>(w->semaphores.size());
            w->semaphores.push_back("sem" + std::to_string(s));  // plain names make a short file
          }
          op.object = static_cast<uint32_t>(s);
          break;
        }
        default:
          break;
      }
      if (op.kind == OpKind::kRun && !g.program.empty() && g.program.back().kind == OpKind::kRun)
        g.program.back().ns += op.ns;  // what stood between them was dropped
      else
        g.program.push_back(op);
    }
    std::vector<Op>().swap(programs[t]);
    // All it did concerned tasks that never ran; its parent still forks it.
    if (g.program.empty()) g.program.push_back({.kind = OpKind::kRun, .ns = 1});
    w->groups.push_back(std::move(g));
  }
}

std::string TraceModel::Impl::DefaultName() const {
  std::string_view word = std::string_view(opt_.command).substr(0, opt_.command.find(' '));
  word = word.substr(word.rfind('/') + 1);
  return word.empty() ? "recorded" : CleanName(word);
}

Result<TraceResult> TraceModel::Impl::Finish(int64_t end_ns, int64_t lost_events) {
  totals_.started = started_;
  totals_.lost_events += lost_events;
  int64_t end = std::max(end_ns, last_any_);
  for (size_t t = 0; t < tasks_.size(); t++) {
    Task& task = tasks_[t];
    if (task.state == State::kDead || !task.ran) continue;
    totals_.unfinished++;
    if (task.state == State::kRunning) Account(static_cast<int>(t), end);
  }
  totals_.span = Nanos{std::max<int64_t>(0, (totals_.unfinished ? end : last_) - start_)};

  TraceResult r;
  Workload& w = r.workload;
  BuildGroups(&w);
  totals_.tasks = static_cast<int64_t>(w.groups.size());
  if (w.groups.empty())
    return Error{kExitBadTrace,
                 "none of the followed tasks ran in this trace; follow other tasks, or record longer"};
  if (totals_.tasks > kMaxTasks)
    return Error{kExitBadTrace, std::to_string(totals_.tasks) + " tasks are more than a workload can have (" +
                                    std::to_string(kMaxTasks) + "); record a shorter time"};
  if (totals_.span > kMaxSpan)
    return Error{kExitBadTrace, "from the first to the last event it is " + std::to_string(totals_.span.v / Nanos::Seconds(1).v) +
                                    " s, more than a workload can have (" + std::to_string(kMaxSpan.v / Nanos::Seconds(1).v) +
                                    " s); cut out a part, and look for a damaged time"};

  w.name = opt_.name.empty() ? DefaultName() : opt_.name;
  w.description = opt_.command.empty() ? "Recorded." : "Recorded from: " + opt_.command;
  w.cpus = std::clamp(opt_.cpus > 0 ? opt_.cpus : static_cast<int>(cpus_.size()), 1, kMaxCpus);
  w.run_to_completion = true;
  // A recording draws nothing: seeds differ in tick phases and in what the policy draws, and a
  // replay of millions of operations takes seconds. A few show what there is to see.
  w.search_seeds = 2;
  w.select_seeds = 6;
  w.final_seeds = 12;
  w.horizon = totals_.span * 10 + Nanos::Seconds(1);
  w.objectives.push_back({"span", Direction::kMinimize, 1.0});
  // Without a sleep there is no wake-up to measure.
  if (totals_.wakeups > 0) w.objectives.push_back({"wakeup_p99", Direction::kMinimize, 1.0});

  if (totals_.lost_events > 0 || std::any_of(cpus_.begin(), cpus_.end(), [](const Cpu& c) { return c.gap; }))
    r.notes.push_back(std::to_string(totals_.lost_events) +
                      " events were lost: the replay has holes there; record with a larger buffer");
  // With the events of a started task missing, the kernel did not follow it (seen now and then).
  if (auto unseen = std::count_if(tasks_.begin(), tasks_.end(), [](const auto& t) { return t.forked && !t.ran; }); unseen > 0)
    r.notes.push_back(std::to_string(unseen) +
                      " tasks were started but never seen running: the trace missed them and the replay lacks them; record again");
  if (totals_.unfinished > 0)
    r.notes.push_back(std::to_string(totals_.unfinished) +
                      " tasks had not ended when the recording did; "
                      "their programs end there");
  if (!opt_.yields_traced && totals_.yields > 0)
    r.notes.push_back("sched_yield was not traced: " + std::to_string(totals_.yields) +
                      " switches in state R count as yields");

  Recorded& rec = w.recorded;
  rec.present = true;
  rec.command = opt_.command;
  rec.cpus = w.cpus;
  rec.span_us = totals_.span.us();
  rec.cpu_us = totals_.work.us();
  rec.tasks = totals_.tasks;
  rec.runs = totals_.runs;
  rec.sleeps = totals_.sleeps;
  rec.wakeups = totals_.wakeups;
  rec.lost_events = totals_.lost_events;
  r.totals = totals_;
  return r;
}

TraceModel::TraceModel(TraceModelOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
TraceModel::~TraceModel() = default;
void TraceModel::Add(const SchedEvent& event) { impl_->Add(event); }
Result<TraceResult> TraceModel::Finish(int64_t end_ns, int64_t lost_events) {
  return impl_->Finish(end_ns, lost_events);
}

}  // namespace ose
