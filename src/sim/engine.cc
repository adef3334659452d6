#include "sim/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "core/seeds.h"
#include "sim/sample_room.h"
#include "sim/schedule_observer.h"
#include "workload/program.h"

namespace ose {
namespace {

// More operations than this at one instant of one task, or events at one instant of the whole
// machine, mean that time stands still.
constexpr int kMaxOpsAtOnce = 1'000'000;
constexpr uint64_t kMaxEventsAtOnce = 20'000'000, kNoLimit = uint64_t{1} << 62;
// Checked mode looks at every task; a prime, so that it does not keep step with the workload.
constexpr uint64_t kCheckEvery = 127;

// What happens at one instant has no order in life, so a policy must not gain by the one it has here: where policies
// are selected and proven, each seed breaks ties in its own way.
uint64_t TieStride(uint64_t seed) {
  constexpr uint64_t kTieStream = 0x7469657300000000ULL;
  return seed >> 56 > static_cast<uint64_t>(SeedFamily::kSearch) ? Rng::Stream(seed, kTieStream)() : 1;
}

}  // namespace

void Engine::WaitQueue::Push(Task& t) {
  t.next_waiter = nullptr;
  (tail ? tail->next_waiter : head) = &t;
  tail = &t;
}

Task* Engine::WaitQueue::Pop() {
  Task* t = head;
  if (t && !(head = t->next_waiter)) tail = nullptr;
  return t;
}

Engine::Engine(const Workload& workload, const Machine& machine, const NativePolicy& policy, uint64_t seed,
               const SimOptions& options)
    : w_(workload),
      m_(machine),
      seed_(seed),
      options_(options),
      events_(machine.cpus + 1 + static_cast<int>(workload.groups.size()) + workload.TaskCount(), TieStride(seed)),
      kernel_(machine, policy, events_, *this, workload.TaskCount(), machine.cpus, seed),
      tasks_(static_cast<size_t>(workload.TaskCount())),
      forked_(workload.groups.size(), 0),
      locks_(workload.locks.size()),
      semaphores_(workload.semaphores.size()),
      barriers_(workload.barriers.size()),
      queues_(workload.queues.size()),
      conditions_(workload.conditions.size()),
      timers_(workload.timers.size()),
      open_(workload.groups.size()),
      samples_(workload.groups.size()) {
  for (const Dist& d : w_.dists) samplers_.emplace_back(d);
  MakeTasks();
  const std::vector<SampleRoom> room = RoomForSamples(w_, m_.cpus);
  for (size_t g = 0; g < room.size(); ++g) samples_[g].Reserve(room[g].events, room[g].wakeups);
}

void Engine::MakeTasks() {
  int index = 0;
  // By seed family: a policy that has learnt its search runs' pids by heart meets others when it is selected and proven.
  const int first_pid = 1 + 10'000 * std::max(0, static_cast<int>(seed_ >> 56) - 1);
  for (size_t g = 0; g < w_.groups.size(); ++g) {
    const Group& group = w_.groups[g];
    first_task_.push_back(index);
    starts_.emplace_back(group.start);
    kernel_.group_names.push_back(group.name);
    const uint64_t* mask = kernel_.MakeMask(group.affinity);
    size_t timers = 0;
    own_timer_.emplace_back();
    for (const Op& op : group.program) {
      if (op.kind != OpKind::kPeriod || w_.timers[op.object].shared) continue;
      own_timer_.back().resize(w_.timers.size(), -1);
      if (int& own = own_timer_.back()[op.object]; own < 0) own = static_cast<int>(timers++);
    }
    int nr_allowed = group.affinity.empty() ? m_.cpus : static_cast<int>(group.affinity.size());
    if (group.arrivals.kind != Arrivals::Kind::kNone) {
      open_loop_ = true;
      open_[g].arrivals = std::make_unique<ArrivalProcess>(w_, static_cast<int>(g), m_.cpus, seed_);
      open_[g].idle_threads.reserve(static_cast<size_t>(group.count));
      open_[g].backlog.Reserve(4096);
    }
    for (int i = 0; i < group.count; ++i, ++index) {
      Task& t = tasks_[static_cast<size_t>(index)];
      t.index = index;
      t.pid = first_pid + index;
      t.group = static_cast<int>(g);
      t.index_in_group = i;
      t.comm = osevolve::comm_hash(group.name.c_str());
      t.weight = static_cast<uint32_t>(group.weight);
      t.hint = group.hint;
      t.working_set_kb = group.working_set_kb;
      t.allowed = mask;
      t.nr_allowed = nr_allowed;
      t.cpu = index % m_.cpus;
      if (!AllowedOn(&t, t.cpu)) t.cpu = group.affinity[static_cast<size_t>(i) % group.affinity.size()];
      t.program = group.program.data();
      t.program_size = static_cast<uint32_t>(group.program.size());
      t.rng = TaskStream(seed_, static_cast<int>(g), i);
      task_timers_.push_back(timers_.size());
      timers_.resize(timers_.size() + timers);
    }
  }
}

void Engine::StartTasks() {
  for (Task& t : tasks_) {
    const Group& group = w_.groups[static_cast<size_t>(t.group)];
    if (group.forked) continue;
    kernel_.AddTask(t, true);
    ++live_;
    Nanos start{0};
    if (group.has_start) start = {starts_[static_cast<size_t>(t.group)](t.rng)};
    AnnounceWork(t);
    events_.Set(TaskSource(t), start);
  }
  for (size_t g = 0; g < open_.size(); ++g)
    if (open_[g].arrivals) events_.Set(ArrivalSource(static_cast<int>(g)), open_[g].arrivals->Next());
}

SimResult Engine::Run() {
  const Nanos limit = open_loop_ ? w_.horizon * 2 : w_.horizon;
  // A run shorter than the watchdog must not hide a starved task: half of the run is too long, but
  // for runs so short that honest queueing takes as much. Those count it in Finish().
  const Nanos patience = std::min(m_.watchdog, std::max(Nanos{w_.horizon.v / 2}, Nanos::Seconds(1)));
  kernel_.set_observer(options_.observer);
  if (options_.observer) [[unlikely]] options_.observer->OnBegin(w_, m_, tasks_);
  kernel_.Init();
  if (!kernel_.failed()) StartTasks();
  Nanos next_watchdog = patience;
  const uint64_t max_events = options_.max_events > 0 ? options_.max_events : kNoLimit;
  const uint64_t most_at_once = std::min(kMaxEventsAtOnce, max_events + 1);
  uint64_t at_once = 0;
  while (!kernel_.failed() && !done_) {
    if (processed_ > max_events) [[unlikely]] {
      kernel_.Fail(Outcome::kTimeout, fmt::format("all {} events that a run may take are used up at {:.3f} of {:.0f} ms: CPUs are rescheduled "
                                                  "far too often (tiny slices, or a kick from dispatch() or running()?)",
                                                  max_events, kernel_.now().ms(), w_.horizon.ms()));
      break;
    }
    if (events_.empty()) {
      kernel_.EjectStalled(tasks_);
      if (!kernel_.failed() && live_ > 0) FailStuck();
      break;
    }
    const Nanos t = events_.NextTime();
    if (t > kernel_.now()) {
      at_once = 0;
      if (open_loop_ && pending_ == 0 && t > w_.horizon) {
        kernel_.SetTime(w_.horizon);
        break;
      }
      if (t > limit) {
        kernel_.SetTime(limit);
        break;
      }
      if (t > next_watchdog) [[unlikely]] {
        next_watchdog = WatchUntil(t, next_watchdog, patience);
        if (kernel_.failed()) break;
      }
      kernel_.SetTime(t);
    } else if (++at_once > kMaxEventsAtOnce) [[unlikely]] {
      kernel_.Fail(Outcome::kRule, fmt::format("time stands still at {:.3f} ms: CPUs are rescheduled for ever without "
                                               "progress (a kick in dispatch() or running()?)", t.ms()));
      break;
    }
    const int source = events_.NextSource();
    for (bool again = true; again;) {
      again = source < m_.cpus ? kernel_.OnCpuEvent(source) : (HandleEvent(source), false);
      ++processed_;
      if (options_.checked && processed_ % kCheckEvery == 0 && !kernel_.failed()) [[unlikely]] kernel_.CheckInvariants(tasks_);
      again = again && !done_ && !kernel_.failed() && ++at_once < most_at_once;
    }
  }
  kernel_.Settle();
  end_ = kernel_.now();
  if (options_.observer) [[unlikely]] options_.observer->OnEnd(kernel_);
  kernel_.CheckWatchdog(tasks_, patience);
  if (w_.run_to_completion && live_ > 0 && !kernel_.failed()) FailUnfinished();
  kernel_.Exit();
  SimResult r;
  r.outcome = kernel_.outcome();
  r.diagnosis = kernel_.diagnosis();
  r.events = processed_;
  std::copy_n(kernel_.counters(), osevolve::kMaxCounters, r.counters);
  if (r.outcome == Outcome::kOk) r.metrics = CollectMetrics();
  return r;
}

// Looks for starved tasks at every half of the watchdog's patience up to `t`; returns when to look next.
Nanos Engine::WatchUntil(Nanos t, Nanos next, Nanos patience) {
  const int64_t period = std::max<int64_t>(patience.v / 2, 1);
  while (kernel_.anyone_waits() && !kernel_.failed() && t > next) {
    kernel_.SetTime(next);
    kernel_.CheckWatchdog(tasks_, patience);
    next += Nanos{period};
  }
  if (t > next) next += Nanos{(t - next + Nanos{period - 1}).v / period * period};
  return next;
}

// Of any source that is not a CPU.
void Engine::HandleEvent(int source) {
  if (source == m_.cpus) return kernel_.OnPolicyTimer();
  int group = source - m_.cpus - 1;
  if (group < static_cast<int>(w_.groups.size())) return Arrive(group);
  Task& t = tasks_[static_cast<size_t>(group) - w_.groups.size()];
  events_.Cancel(source);
  bool first = t.state == TaskState::kNew;
  if (first) {
    first_start_ = std::min(first_start_, kernel_.now());
    t.started_at = kernel_.now();
  }
  kernel_.Wake(t, -1, 0, first ? osevolve::kWakeFork : osevolve::kWakeTtwu);
}

// --- Programs -----------------------------------------------------------------------------

Nanos Engine::Duration(const Op& op, Task& t) {
  return {op.drawn ? samplers_[op.object](t.rng) : op.ns};
}

Step Engine::Advance(Task& t, int cpu) {
  const Nanos futex = m_.syscall + m_.futex_op;
  if (t.wants_lock > 0 && !TakeLock(t.wants_lock - 1, t)) {
    if (futex.v > 0) kernel_.ChargeSystemCall(cpu, futex);
    ++sleeps_;
    return Step::kBlock;
  }
  for (int ops = 0; ops < kMaxOpsAtOnce; ++ops) {
    if (t.pc == 0 && !t.pass_open && !BeginPass(t)) {
      ++sleeps_;
      return Step::kBlock;
    }
    if (t.pc == t.program_size) {
      if (!EndPass(t)) return Step::kExit;
      continue;
    }
    const Op& op = t.program[t.pc++];
    bool blocks = false;
    Nanos call{0};  // cost of the system call, if it is one
    switch (op.kind) {
      case OpKind::kRun:
        t.remaining = Duration(op, t);
        if (t.remaining.v <= 0) break;
        t.released = false;
        return Step::kRun;
      case OpKind::kSleep:
        if (Nanos d = Duration(op, t); d.v > 0) {
          events_.Set(TaskSource(t), kernel_.now() + d);
          call = m_.syscall + m_.sleep_op;
          blocks = true;
        }
        break;
      case OpKind::kTimer:
        if (op.ns > kernel_.now().v || w_.recorded.present) {
          events_.Set(TaskSource(t), std::max(kernel_.now(), Nanos{op.ns}));
          call = m_.syscall + m_.sleep_op;
          blocks = true;
        }
        break;
      case OpKind::kLock:
        if (!TakeLock(op.object, t)) blocks = true, call = futex;
        break;
      case OpKind::kUnlock:
        if (Unlock(op.object, t, cpu)) call = futex;
        break;
      case OpKind::kWait: {
        Semaphore& s = semaphores_[op.object];
        if (s.value == 0) {
          s.waiters.Push(t);
          call = futex;
          blocks = true;
          break;
        }
        --s.value;
        // What slept in the recording sleeps in the replay, too: if its wake-up came before it got
        // here, it goes to sleep and is woken at once. The number of sleeps stays as recorded.
        if (w_.recorded.present) {
          events_.Set(TaskSource(t), kernel_.now());
          blocks = true;
        }
        break;
      }
      case OpKind::kSignal: {
        Semaphore& s = semaphores_[op.object];
        s.value += op.count;
        while (s.value > 0 && !s.waiters.empty()) {
          --s.value;
          WakeBy(*s.waiters.Pop(), t, cpu);
          call = futex;
        }
        break;
      }
      case OpKind::kBarrier: {
        BarrierState& b = barriers_[op.object];
        if (w_.barriers[op.object].parties > 1) call = futex;
        if (++b.arrived < w_.barriers[op.object].parties) {
          b.waiters.Push(t);
          blocks = true;
          break;
        }
        b.arrived = 0;
        while (Task* waiter = b.waiters.Pop()) WakeBy(*waiter, t, cpu);
        break;
      }
      case OpKind::kYield:
        if (m_.syscall.v > 0) kernel_.ChargeSystemCall(cpu, m_.syscall);
        return Step::kYield;
      case OpKind::kFork:
        Fork(t, static_cast<int>(op.object), cpu);
        call = m_.syscall + m_.fork_op;
        break;
      case OpKind::kPut:
        blocks = Put(queues_[op.object], w_.queues[op.object].capacity, t, cpu);
        call = PipeCall(queues_[op.object], cpu);
        break;
      case OpKind::kTake:
        blocks = Take(queues_[op.object], t, cpu);
        call = PipeCall(queues_[op.object], cpu);
        break;
      case OpKind::kBegin:
        if (w_.groups[static_cast<size_t>(t.group)].event == EventKind::kMarked) BeginEvent(t, t.released ? t.woken_at : kernel_.now());
        break;
      case OpKind::kEnd:
        if (w_.groups[static_cast<size_t>(t.group)].event == EventKind::kMarked) EndEvent(t);
        break;
      case OpKind::kLoop: t.loops[static_cast<size_t>(t.loop_depth++)] = {t.pc, op.count}; break;
      case OpKind::kEndLoop: {
        Task::Loop& loop = t.loops[static_cast<size_t>(t.loop_depth - 1)];
        if (--loop.left > 0) t.pc = loop.start;
        else --t.loop_depth;
        break;
      }
      case OpKind::kSpin: {
        if (t.spin_until.v < 0) {
          const Nanos d = Duration(op, t);
          if (d.v <= 0) break;
          t.spin_until = kernel_.now() + d;
        } else if (kernel_.now() >= t.spin_until) {
          t.spin_until = Nanos{-1};
          break;
        }
        --t.pc;
        t.remaining = kSpinStep;
        t.released = false;
        return Step::kRun;
      }
      case OpKind::kPeriod:
        blocks = SleepPeriod(op, t);
        if (blocks) call = m_.syscall + m_.sleep_op;
        break;
      case OpKind::kCondWait:
        CondWait(op, t, cpu);
        call = futex;
        blocks = true;
        break;
      case OpKind::kCondSignal:
        if (CondSignal(op.object, t, cpu)) call = futex;
        break;
      case OpKind::kCondBroadcast:
        while (CondSignal(op.object, t, cpu)) call = futex;
        break;
    }
    if (kernel_.failed()) return Step::kBlock;
    if (call.v > 0) [[unlikely]] {
      kernel_.ChargeSystemCall(cpu, call);
      if (!blocks) return Step::kRun;  // nothing remains to be run, so it goes on when the call is over
    }
    if (blocks) {
      ++sleeps_;
      return Step::kBlock;
    }
  }
  kernel_.Fail(Outcome::kStuck, fmt::format("workload '{}': a task of group '{}' executes more than {} operations without using "
                                            "CPU time or sleeping; add a run or sleep",
                                            w_.name, w_.groups[static_cast<size_t>(t.group)].name, kMaxOpsAtOnce));
  return Step::kBlock;
}

bool Engine::SleepPeriod(const Op& op, Task& t) {
  const Timer& timer = w_.timers[op.object];
  const size_t own = timer.shared ? 0 : static_cast<size_t>(own_timer_[static_cast<size_t>(t.group)][op.object]);
  PeriodTimer& p = timers_[timer.shared ? op.object : task_timers_[static_cast<size_t>(t.index)] + own];
  if (!p.used) p = {.used = true, .due = t.started_at};
  p.due += Nanos{op.ns};
  if (kernel_.now() < p.due) {
    events_.Set(TaskSource(t), p.due);
    return true;
  }
  if (!timer.absolute) p.due = kernel_.now();
  return false;
}

void Engine::CondWait(const Op& op, Task& t, int cpu) {
  conditions_[op.object].Push(t);
  if (op.count > 0) Unlock(op.count - 1, t, cpu);
}

// Who is signalled wakes up with its mutex: if somebody holds it, when it is handed over.
bool Engine::CondSignal(uint32_t condition, Task& t, int cpu) {
  Task* waiter = conditions_[condition].Pop();
  if (!waiter) return false;
  if (const uint32_t mutex = waiter->program[waiter->pc - 1].count; mutex > 0) {
    Lock& lock = locks_[mutex - 1];
    if (!w_.lock_handover) {
      waiter->wants_lock = mutex;
      WakeBy(*waiter, t, cpu);
      return true;
    }
    if (lock.owner) {
      lock.waiters.Push(*waiter);
      return true;
    }
    lock.owner = waiter;
  }
  WakeBy(*waiter, t, cpu);
  return true;
}

bool Engine::TakeLock(uint32_t index, Task& t) {
  Lock& lock = locks_[index];
  const bool free = !lock.owner;
  if (free) lock.owner = &t;
  else lock.waiters.Push(t);
  t.wants_lock = free || w_.lock_handover ? 0 : index + 1;
  return free;
}

bool Engine::Unlock(uint32_t index, Task& t, int cpu) {
  Lock& lock = locks_[index];
  Task* next = lock.waiters.Pop();
  lock.owner = w_.lock_handover ? next : nullptr;
  if (next) WakeBy(*next, t, cpu);
  return next != nullptr;
}

inline bool Engine::BeginPass(Task& t) {
  const Group& group = w_.groups[static_cast<size_t>(t.group)];
  OpenLoop& open = open_[static_cast<size_t>(t.group)];
  if (open.arrivals && !t.serving) {
    if (open.backlog.empty()) {
      open.idle_threads.push_back(&t);
      return false;
    }
    Serve(t, open.backlog.Pop());
  }
  t.pass_open = true;
  if (group.event == EventKind::kIteration)
    BeginEvent(t, open.arrivals ? t.event_release : t.released ? t.woken_at : kernel_.now());
  return true;
}

inline bool Engine::EndPass(Task& t) {
  const Group& group = w_.groups[static_cast<size_t>(t.group)];
  if (group.event == EventKind::kIteration) EndEvent(t);
  if (t.serving && Measured(t.request_arrival) && --pending_ == 0 && kernel_.now() >= w_.horizon) done_ = true;
  t.pc = 0;
  t.pass_open = false;
  t.serving = false;
  if (open_[static_cast<size_t>(t.group)].arrivals) return true;
  if (group.repeat) {
    AnnounceWork(t);
    return true;
  }
  last_exit_ = kernel_.now();
  if (--live_ == 0 && w_.run_to_completion) done_ = true;
  return false;
}

void Engine::Fork(Task& parent, int g, int cpu) {
  const Group& group = w_.groups[static_cast<size_t>(g)];
  int& started = forked_[static_cast<size_t>(g)];
  if (started >= group.count) return;
  Task& child = tasks_[static_cast<size_t>(first_task_[static_cast<size_t>(g)] + started++)];
  if (AllowedOn(&child, cpu)) child.cpu = cpu;
  child.started_at = kernel_.now();
  kernel_.AddTask(child, false);
  ++live_;
  const Nanos start{group.has_start ? starts_[static_cast<size_t>(g)](child.rng) : 0};
  AnnounceWork(child);
  if (group.has_start) events_.Set(TaskSource(child), kernel_.now() + start);
  else kernel_.Wake(child, cpu, parent.pid, osevolve::kWakeFork);
}

bool Engine::Put(QueueState& q, int64_t capacity, Task& t, int cpu) {
  if (capacity > 0 && q.size >= capacity) {
    q.putters.Push(t);
    return true;
  }
  if (Task* taker = q.takers.Pop()) WakeBy(*taker, t, cpu, true);
  else ++q.size;
  return false;
}

bool Engine::Take(QueueState& q, Task& t, int cpu) {
  if (q.size == 0) {
    q.takers.Push(t);
    return true;
  }
  --q.size;
  if (Task* putter = q.putters.Pop()) {
    ++q.size;
    WakeBy(*putter, t, cpu, true);
  }
  return false;
}

Nanos Engine::PipeCall(QueueState& q, int cpu) const {
  const bool remote = q.last_cpu >= 0 && q.last_cpu != cpu;
  q.last_cpu = cpu;
  return m_.syscall + m_.pipe_op + (remote ? m_.pipe_remote : Nanos{0});
}

void Engine::WakeBy(Task& sleeper, Task& waker, int cpu, bool sync) {
  kernel_.Wake(sleeper, cpu, waker.pid, osevolve::kWakeTtwu | (sync ? osevolve::kWakeSync : 0));
}

// --- Open loop ----------------------------------------------------------------------------

void Engine::Arrive(int g) {
  OpenLoop& open = open_[static_cast<size_t>(g)];
  const Nanos now = kernel_.now();
  if (Nanos next = open.arrivals->Next(); next < w_.horizon) events_.Set(ArrivalSource(g), next);
  else events_.Cancel(ArrivalSource(g));
  if (now >= w_.horizon) return;
  if (Measured(now)) ++pending_;
  if (open.idle_threads.empty()) {
    open.backlog.Push(now);
    return;
  }
  Task& t = *open.idle_threads.back();
  open.idle_threads.pop_back();
  Serve(t, now);
  kernel_.Wake(t, -1, 0, osevolve::kWakeTtwu);
}

void Engine::Serve(Task& t, Nanos arrival) {
  OpenLoop& open = open_[static_cast<size_t>(t.group)];
  t.serving = true;
  t.event_release = t.request_arrival = arrival;
  t.rng = RequestStream(seed_, t.group, open.next_request++);
  AnnounceWork(t);
}

void Engine::AnnounceWork(Task& t) {
  const Group& group = w_.groups[static_cast<size_t>(t.group)];
  if (group.hint_is_work) t.hint = WorkHint(group.program, samplers_, t.rng);
}

// --- Measuring ----------------------------------------------------------------------------

void Engine::OnWakeupServed(Task& t, Nanos latency) {
  ++runs_;
  if (Measured(t.woken_at)) samples_[static_cast<size_t>(t.group)].wakeup_us.push_back(latency.us());
}

inline void Engine::BeginEvent(Task& t, Nanos release) {
  t.event_open = true;
  t.event_release = release;
  t.event_work_base = t.run_total;
  GroupSamples& s = samples_[static_cast<size_t>(t.group)];
  s.first_start = std::min(s.first_start, kernel_.now());
  if (options_.observer) [[unlikely]] options_.observer->OnEventBegin(t, kernel_.now(), release);
  if (Measured(release)) s.start_us.push_back((kernel_.now() - release).us());
}

inline void Engine::EndEvent(Task& t) {
  if (!t.event_open) return;
  t.event_open = false;
  GroupSamples& s = samples_[static_cast<size_t>(t.group)];
  const Nanos now = kernel_.now();
  if (options_.observer) [[unlikely]] options_.observer->OnEventEnd(t, now, t.event_release, t.run_total - t.event_work_base);
  if (now >= w_.warmup && now <= w_.horizon) {
    ++s.events;
    s.last_finish = now;
  }
  if (!Measured(t.event_release)) return;
  double latency = (now - t.event_release).us();
  s.latency_us.push_back(latency);
  if (Nanos work = t.run_total - t.event_work_base; work.v > 0) s.slowdown.push_back(latency / work.us());
}

SimResult Simulate(const Workload& workload, const Machine& machine, const NativePolicy& policy, uint64_t seed,
                   const SimOptions& options) {
  Engine engine(workload, machine, policy, seed, options);
  return engine.Run();
}

}  // namespace ose
