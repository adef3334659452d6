#include "sim/episode_recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/kernel.h"
#include "sim/profiler.h"

namespace ose {
namespace {

constexpr size_t kMaxStretches = 8;   // of an episode, turn by turn; more are folded by CPU and group
constexpr size_t kMaxCpusApart = 6;   // with more, or when that is still too much, CPUs are folded together
constexpr size_t kSharesPerCpu = 2;   // groups shown of each CPU, when folded; the others are one
constexpr size_t kSharesTogether = 6;

std::string QueueName(const BasicDsq<Task>& q) {
  if (q.home_cpu >= 0) return fmt::format("local queue of cpu {}", q.home_cpu);
  if (q.id == osevolve::kDsqGlobal) return "global queue";
  return fmt::format("queue {}", q.id);
}

}  // namespace

EpisodeRecorder::EpisodeRecorder(const std::vector<EpisodeSpan>& spans) {
  for (const EpisodeSpan& s : spans) {
    Episode e;
    e.task = s.task;
    e.text.is_event = s.is_event;
    e.text.begin_ns = s.begin.v;
    e.text.end_ns = s.end.v;
    e.text.ended = s.ended;
    e.text.start_ns = s.start.v;
    e.text.work_ns = s.work.v;
    episodes_.push_back(std::move(e));
  }
}

void EpisodeRecorder::OnBegin(const Workload& workload, const Machine& machine, const std::vector<Task>& tasks) {
  workload_ = &workload;
  tasks_ = &tasks;
  on_cpu_.resize(static_cast<size_t>(machine.cpus));
  for (Episode& e : episodes_) {
    e.text.task = Name(e.task);
    if (e.text.is_event) e.text.why = "arrived while every thread was busy";
    for (int c = 0; c < machine.cpus; ++c)
      if (AllowedOn(&tasks[static_cast<size_t>(e.task)], c)) e.cpus.push_back(c);
    e.logs.resize(e.cpus.size());
    e.together = e.cpus.size() > kMaxCpusApart;
    e.shares.resize(e.together ? 1 : e.cpus.size(), std::vector<Share>(workload.groups.size()));
  }
}

std::string EpisodeRecorder::Name(int task) const {
  const Task& t = (*tasks_)[static_cast<size_t>(task)];
  return fmt::format("{}[{}]", workload_->groups[static_cast<size_t>(t.group)].name, t.index_in_group);
}

// A task may become runnable several times at one instant; the last time is the one that lasts.
void EpisodeRecorder::OnWakeup(const Task& t, Nanos now, int cpu, bool is_first) {
  for (Episode& e : episodes_) {
    if (e.task != t.index || e.text.begin_ns != now.v) continue;
    if (t.serving && t.waker_pid == 0) e.text.why = "a request arrived for it";
    else if (t.waker_pid == 0) e.text.why = is_first ? "it started" : "its timer fired";
    else e.text.why = fmt::format("{} by {} on cpu {}", is_first ? "forked" : "woken", Name(t.waker_pid - (t.pid - t.index)), cpu);
  }
}

void EpisodeRecorder::OnQueued(const Task& t, Nanos now) {
  for (Episode& e : episodes_)
    if (e.task == t.index && e.text.begin_ns == now.v && t.dsq) e.text.queue = QueueName(*t.dsq);
}

void EpisodeRecorder::OnRunning(const Task& t, int cpu, Nanos now, Nanos) {
  Change(cpu, t.index, now);
  for (Episode& e : episodes_)
    if (e.task == t.index && (e.text.is_event ? now.v < e.text.end_ns : now.v == e.text.end_ns && e.text.ended)) e.text.cpu = cpu;
}

void EpisodeRecorder::OnStopping(const Task& t, int cpu, Nanos now, TurnEnd why, int by_cpu) {
  Change(cpu, -1, now);
  for (Episode& e : episodes_) {
    if (e.task != t.index || e.text.begin_ns != now.v || e.text.is_event) continue;
    if (why == TurnEnd::kYielded) e.text.why = fmt::format("it yielded on cpu {}", cpu);
    if (why == TurnEnd::kSliceUsedUp) e.text.why = fmt::format("its slice was used up on cpu {}", cpu);
    if (why == TurnEnd::kPreempted && by_cpu == cpu) e.text.why = fmt::format("preempted on cpu {}", cpu);
    else if (why == TurnEnd::kPreempted) e.text.why = fmt::format("preempted on cpu {} by the policy on cpu {}", cpu, by_cpu);
  }
}

void EpisodeRecorder::OnEnd(const Kernel& kernel) {
  for (size_t c = 0; c < on_cpu_.size(); ++c) Change(static_cast<int>(c), -1, kernel.now());
  for (Episode& e : episodes_) Fold(e);
}

void EpisodeRecorder::Change(int cpu, int task, Nanos now) {
  Occupant& who = on_cpu_[static_cast<size_t>(cpu)];
  if (who.since < now) {
    for (Episode& e : episodes_) {
      const Nanos begin = std::max(who.since, Nanos{e.text.begin_ns}), end = std::min(now, Nanos{e.text.end_ns});
      if (begin >= end) continue;
      auto at = std::lower_bound(e.cpus.begin(), e.cpus.end(), cpu);
      if (at != e.cpus.end() && *at == cpu) Record(e, static_cast<size_t>(at - e.cpus.begin()), who, begin, end);
    }
  }
  who = {task, now};
}

void EpisodeRecorder::Record(Episode& e, size_t at, const Occupant& who, Nanos begin, Nanos end) {
  const int64_t ns = (end - begin).v;
  CpuLog& log = e.logs[at];
  const bool goes_on = log.last_task == who.task && log.last_end == begin;
  log.last_task = who.task;
  log.last_end = end;
  if (goes_on && !log.first.empty() && !log.overflow) {
    log.first.back().ns += ns;
  } else if (log.first.size() < kMaxStretches) {
    log.first.push_back({.cpu = e.cpus[at], .who = who.task < 0 ? "idle" : Name(who.task), .begin_ns = begin.v, .ns = ns, .tasks = who.task >= 0});
  } else {
    log.overflow = true;
  }
  if (who.task < 0) {
    log.idle_ns += ns;
    return;
  }
  const Task& t = (*tasks_)[static_cast<size_t>(who.task)];
  Share& share = e.shares[e.together ? 0 : at][static_cast<size_t>(t.group)];
  share.ns += ns;
  share.turns += !goes_on;
  if (share.seen.empty()) share.seen.resize(static_cast<size_t>(workload_->groups[static_cast<size_t>(t.group)].count));
  if (share.seen[static_cast<size_t>(t.index_in_group)]) return;
  share.seen[static_cast<size_t>(t.index_in_group)] = true;
  ++share.tasks;
  share.only = t.index;
}

// Turn by turn if that is short, otherwise the largest shares by group.
void EpisodeRecorder::Fold(Episode& e) {
  size_t turns = 0;
  bool overflow = false;
  for (const CpuLog& log : e.logs) turns += log.first.size(), overflow = overflow || log.overflow;
  if (!overflow && turns <= kMaxStretches) {
    for (const CpuLog& log : e.logs) e.text.meanwhile.insert(e.text.meanwhile.end(), log.first.begin(), log.first.end());
    return;
  }
  if (!e.together) AddByCpu(e);
  if (!e.together && e.text.meanwhile.size() <= kMaxStretches) return;
  e.text.meanwhile.clear();
  std::vector<Share> all(e.shares[0].size());
  for (const std::vector<Share>& shares : e.shares)
    for (size_t g = 0; g < shares.size(); ++g) all[g].Merge(shares[g]);
  int64_t idle = 0;
  for (const CpuLog& log : e.logs) idle += log.idle_ns;
  AddShares(e, -1, all, idle, kSharesTogether);
}

void EpisodeRecorder::Share::Merge(const Share& other) {
  ns += other.ns;
  turns += other.turns;
  seen.resize(std::max(seen.size(), other.seen.size()));
  for (size_t t = 0; t < other.seen.size(); ++t) {
    if (!other.seen[t] || seen[t]) continue;
    seen[t] = true;
    ++tasks;
    only = other.only;
  }
}

void EpisodeRecorder::AddByCpu(Episode& e) {
  // CPUs on which tasks of one group took turns all the time are one line.
  std::vector<size_t> alike;
  size_t busy_with = 0;
  for (size_t i = 0; i < e.cpus.size(); ++i) {
    const std::vector<Share>& shares = e.shares[i];
    auto used = std::count_if(shares.begin(), shares.end(), [](const Share& s) { return s.ns > 0; });
    auto most = static_cast<size_t>(std::max_element(shares.begin(), shares.end(), [](auto& a, auto& b) { return a.ns < b.ns; }) - shares.begin());
    if (used != 1 || shares[most].tasks == 1 || Counts(e, e.logs[i].idle_ns)) continue;
    if (alike.empty()) busy_with = most;
    if (busy_with == most) alike.push_back(i);
  }
  if (alike.size() == 1) alike.clear();
  std::vector<Share> merged(alike.empty() ? 0 : e.shares[0].size());
  for (size_t i = 0; i < e.cpus.size(); ++i) {
    if (std::find(alike.begin(), alike.end(), i) == alike.end()) {
      AddShares(e, e.cpus[i], e.shares[i], e.logs[i].idle_ns, kSharesPerCpu);
      continue;
    }
    merged[busy_with].Merge(e.shares[i][busy_with]);
  }
  if (!alike.empty()) AddShares(e, -1, merged, 0, kSharesPerCpu);
}

void EpisodeRecorder::AddShares(Episode& e, int cpu, const std::vector<Share>& shares, int64_t idle, size_t most) {
  std::vector<ProfileStretch> list;
  for (size_t g = 0; g < shares.size(); ++g) {
    const Share& s = shares[g];
    if (s.ns == 0) continue;
    list.push_back({.cpu = cpu, .who = s.tasks == 1 ? Name(s.only) : workload_->groups[g].name, .ns = s.ns, .turns = s.turns, .tasks = s.tasks});
  }
  std::sort(list.begin(), list.end(),
            [](const ProfileStretch& a, const ProfileStretch& b) { return a.ns != b.ns ? a.ns > b.ns : a.who < b.who; });
  if (list.size() > most) {
    ProfileStretch others{.cpu = cpu, .who = "others", .turns = 0, .tasks = 0};
    for (size_t i = most - 1; i < list.size(); ++i) {
      others.ns += list[i].ns;
      others.turns += list[i].turns;
      others.tasks += list[i].tasks;
    }
    list.resize(most - 1);
    list.push_back(others);
  }
  if (Counts(e, idle)) list.push_back({.cpu = cpu, .who = "idle", .ns = idle, .tasks = 0});
  e.text.meanwhile.insert(e.text.meanwhile.end(), list.begin(), list.end());
}

std::vector<ProfileEpisode> EpisodeRecorder::TakeEpisodes() {
  std::vector<ProfileEpisode> out;
  for (Episode& e : episodes_) out.push_back(std::move(e.text));
  return out;
}

}  // namespace ose
