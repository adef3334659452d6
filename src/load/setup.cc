// LoadRun before and after: CPUs, objects, threads.
#include <errno.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "core/exit_code.h"
#include "load/run.h"

namespace ose {
namespace {

constexpr int kStopSignal = SIGURG;  // ignored by default, should one come late
constexpr size_t kStackBytes = 256 * 1024;
constexpr size_t kMaxReservedSamples = 1 << 14, kAllReservedSamples = 1 << 20;

// The nice value whose weight is nearest.
int WeightToNice(int weight) {
  int best = 0;
  for (int nice = -20; nice <= 19; ++nice)
    if (std::abs(NiceToWeight(nice) - weight) < std::abs(NiceToWeight(best) - weight)) best = nice;
  return best;
}

// se.nr_migrations of the calling thread; false where the kernel does not tell (CONFIG_SCHED_DEBUG).
bool ReadMigrations(int64_t& migrations) {
  auto text = ReadFile("/proc/thread-self/sched", 1 << 16);
  if (!text.ok()) return false;
  const size_t at = text->find("nr_migrations");
  if (at == std::string::npos) return false;
  const size_t colon = text->find(':', at);
  if (colon == std::string::npos) return false;
  migrations = strtoll(text->c_str() + colon + 1, nullptr, 10);
  return true;
}

int64_t Switches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

template <class F>
int StartThread(pthread_t& thread, void* (*body)(void*), F* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const int error = pthread_create(&thread, &attributes, body, argument);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

void LoadRun::Note(const std::string& text) {
  std::lock_guard guard(notes_mutex_);
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(text);
}

Status LoadRun::ChooseCpus() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return Error{kExitFailure, fmt::format("cannot read this process's CPU affinity: {}", strerror(errno))};
  for (int c = 0; c < CPU_SETSIZE; ++c)
    if (CPU_ISSET(static_cast<size_t>(c), &allowed)) cpus_.push_back(c);
  const auto wanted = static_cast<size_t>(options_.cpus);
  if (wanted > cpus_.size())
    Note(fmt::format("{} CPUs are asked for, but there are only {} here", wanted, cpus_.size()));
  if (wanted == 0 || wanted >= cpus_.size()) return {};
  cpus_.resize(wanted);
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (int c : cpus_) CPU_SET(static_cast<size_t>(c), &chosen);
  if (sched_setaffinity(0, sizeof chosen, &chosen) != 0)
    return Error{kExitFailure, fmt::format("cannot run on {} of {} CPUs: {}", wanted, CPU_COUNT(&allowed), strerror(errno))};
  caller_cpus_ = allowed;
  return {};
}

Status LoadRun::MakeObjects() {
  for (size_t q = 0; q < queues_.size(); ++q) {
    const Queue& queue = w_.queues[q];
    OSE_TRY(queues_[q].Open(queue.name, queue.capacity));
    if (queues_[q].limit() < queue.capacity)
      Note(fmt::format("queue '{}' holds {} items, not {}: a pipe is no larger here", queue.name, queues_[q].limit(), queue.capacity));
  }
  const size_t reserved = std::clamp<size_t>(kAllReservedSamples / std::max<size_t>(1, tasks_.size()), 64, kMaxReservedSamples);
  size_t index = 0;
  for (size_t g = 0; g < w_.groups.size(); ++g) {
    const Group& group = w_.groups[g];
    first_task_.push_back(static_cast<int>(index));
    starts_.emplace_back(group.start);
    if (group.arrivals.kind != Arrivals::Kind::kNone) {
      open_loop_ = true;
      arriving_.fetch_add(1);
      OpenLoop& open = open_[g];
      LoadTask* const first = &tasks_[index];
      open.on_awaited = [this, g, first](int thread, const OpenLoop::Request& r) { AnnounceWork(first[thread], RequestStream(options_.seed, static_cast<int>(g), r.number)); };
      open.on_taken = [this](const OpenLoop::Request& r) { pending_.fetch_add(Measured(r.arrival), std::memory_order_acq_rel); };
      open.on_exhausted = [this] {
        arriving_.fetch_sub(1, std::memory_order_acq_rel);
        Notify();
      };
      OSE_TRY(open.Open(ArrivalProcess(w_, static_cast<int>(g), static_cast<int>(cpus_.size()), options_.seed), group.count, w_.horizon));
    }
    for (int cpu : group.affinity)
      if (static_cast<size_t>(cpu) >= cpus_.size())
        Note(fmt::format("group '{}' may run on CPU {}, which the run does not have", group.name, cpu));
    for (int i = 0; i < group.count; ++i, ++index) {
      LoadTask& t = tasks_[index];
      t.run = this;
      t.group = static_cast<int>(g);
      t.index_in_group = i;
      t.rng = TaskStream(options_.seed, t.group, i);
      t.started = !group.forked;
      if (!group.forked) live_.fetch_add(1);
      t.loops.reserve(8);
      if (std::any_of(group.program.begin(), group.program.end(),
                      [&](const Op& op) { return op.kind == OpKind::kPeriod && !w_.timers[op.object].shared; }))
        t.timers = std::vector<PeriodTimer>(w_.timers.size());
      for (auto* xs : {&t.samples.latency_us, &t.samples.slowdown, &t.samples.start_us, &t.samples.wakeup_us}) xs->reserve(reserved);
    }
  }
  return {};
}

Status LoadRun::StartThreads() {
  struct sigaction action{}, old;
  action.sa_handler = [](int) {};
  sigaction(kStopSignal, &action, &old);
  caller_action_ = old;
  // Signals to the process are the caller's business; they would interrupt what is measured.
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, kStopSignal);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (LoadTask& t : tasks_) {
    error = StartThread(t.thread, [](void* p) -> void* {
      auto* task = static_cast<LoadTask*>(p);
      task->run->TaskMain(*task);
      return nullptr;
    }, &t);
    if (error) break;
    ++task_threads_;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error)
    return Error{kExitFailure, fmt::format("cannot make thread {} of {}: {}; raise the limit of threads (ulimit -u, the cgroup's "
                                           "pids.max) or use a smaller workload",
                                           task_threads_ + 1, tasks_.size(), strerror(error))};
  return {};
}

void LoadRun::ReleaseThreads() {
  const auto threads = static_cast<uint32_t>(task_threads_);
  while (true) {
    const uint32_t news = news_.load(std::memory_order_acquire);
    if (ready_.load(std::memory_order_acquire) == threads) break;
    FutexWait(news_, news, -1);
  }
  // By the start each is to have left the gate and wait for its own time.
  origin_ = MonoNs() + 2'000'000 + 50'000 * static_cast<int64_t>(threads);
  for (OpenLoop& open : open_) open.Begin(origin_);
  gate_.store(1, std::memory_order_release);
  FutexWake(gate_, INT_MAX);
}

void LoadRun::StopThreads() {
  if (gate_.load() == 0) {
    gate_.store(2, std::memory_order_release);
    FutexWake(gate_, INT_MAX);
  }
  for (size_t i = 0; i < task_threads_; ++i) tasks_[i].waiter.Stop();
  // Who sleeps in a pipe is interrupted; again and again, since the signal may come just before.
  while (true) {
    const uint32_t news = news_.load(std::memory_order_acquire);
    bool all = true;
    for (size_t i = 0; i < task_threads_; ++i) {
      if (tasks_[i].finished.load(std::memory_order_acquire)) continue;
      all = false;
      if (tasks_[i].blocked_at.load(std::memory_order_acquire)) pthread_kill(tasks_[i].thread, kStopSignal);
    }
    if (all) break;
    FutexWait(news_, news, MonoNs() + 1'000'000);
  }
  for (size_t i = 0; i < task_threads_; ++i) pthread_join(tasks_[i].thread, nullptr);
  task_threads_ = 0;
}

void LoadRun::RestoreCaller() {
  if (caller_action_) sigaction(kStopSignal, &*caller_action_, nullptr);
  if (caller_cpus_) sched_setaffinity(0, sizeof *caller_cpus_, &*caller_cpus_);
  caller_action_.reset();
  caller_cpus_.reset();
}

// --- In the new threads -------------------------------------------------------------------

bool LoadRun::PassGate() {
  ready_.fetch_add(1, std::memory_order_acq_rel);
  Notify();
  while (gate_.load(std::memory_order_acquire) == 0) FutexWait(gate_, 0, -1);
  return gate_.load(std::memory_order_acquire) == 1;
}

void LoadRun::Prepare(LoadTask& t) {
  const Group& group = GroupOf(t);
  pthread_setname_np(pthread_self(), group.name.substr(0, 15).c_str());
  // Sleeps end when they are due, not up to 50 us later (PR_SET_TIMERSLACK(2const)).
  prctl(PR_SET_TIMERSLACK, 1UL);
  errno = 0;
  const int nice = WeightToNice(group.weight), now = getpriority(PRIO_PROCESS, 0);
  // In Linux, a thread has a nice value of its own (setpriority(2), C library/kernel differences).
  if (nice != now && setpriority(PRIO_PROCESS, 0, nice) != 0)
    Note(fmt::format("group '{}' runs at nice {}, not {}: {}", group.name, now, nice, strerror(errno)));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (int cpu : group.affinity)
    if (static_cast<size_t>(cpu) < cpus_.size()) CPU_SET(static_cast<size_t>(cpus_[static_cast<size_t>(cpu)]), &cpus);
  if (CPU_COUNT(&cpus) > 0 && sched_setaffinity(0, sizeof cpus, &cpus) != 0)
    Note(fmt::format("group '{}' runs on all CPUs: {}", group.name, strerror(errno)));
  t.spinner = std::make_unique<Spinner>(ns_per_block_, group.working_set_kb);
  t.has_migrations = ReadMigrations(t.migrations);
  t.tid = gettid();
  if (group.hint != 0) hints_.Tell(t.tid, group.hint);
}

void LoadRun::TakeBaselines(LoadTask& t) {
  t.switches = Switches();
  t.cpu_ns = ThreadCpuNs();
}

void LoadRun::TakeTotals(LoadTask& t) {
  t.cpu_ns = ThreadCpuNs() - t.cpu_ns;
  t.switches = Switches() - t.switches;
  int64_t migrations = 0;
  t.has_migrations = t.has_migrations && ReadMigrations(migrations);
  t.migrations = migrations - t.migrations;
}

void LoadRun::TaskMain(LoadTask& t) {
  Prepare(t);
  if (PassGate()) {
    TakeBaselines(t);
    if (WaitForStart(t)) Perform(t);
    TakeTotals(t);
  }
  t.finished.store(true, std::memory_order_release);
  Notify();
}

void LoadRun::Notify() {
  news_.fetch_add(1, std::memory_order_acq_rel);
  FutexWake(news_, 1);
}

}  // namespace ose
