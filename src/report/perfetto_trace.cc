#include "report/perfetto_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "report/trace_packets.h"

namespace ose {
namespace {

using Kind = ScheduleEvent::Kind;
using Args = TracePackets::Args;

class Writer {
 public:
  Writer(const ScheduleLog& log, const std::string& policy);
  std::string Run();

 private:
  struct Overhead {
    int64_t begin, end;
    CostKind kind;
  };
  struct Cpu {
    TracePackets::Track track = 0;
    int task = -1;
    int64_t begins = 0;             // first instruction of the turn
    std::deque<Overhead> overhead;  // not drawn yet
  };
  enum class State { kNone, kSleeping, kRunnable };  // running is drawn with the turn
  struct Task {
    TracePackets::Track track = 0;
    std::string name;
    int group = 0;
    State state = State::kNone;
    int64_t since = 0;
    Args args;                      // of that state
    uint64_t flow_in = 0;
    int64_t queue = kNoQueue;       // where it waits: key in queues_
  };
  struct Counter {
    TracePackets::Track track = 0;
    int64_t value = 0, drawn = -1;
  };
  struct Lanes {  // the events of a group, side by side
    TracePackets::Track parent = 0;
    std::multimap<int64_t, TracePackets::Track> free_from;
  };
  static constexpr int64_t kNoQueue = INT64_MIN;

  Task& TaskOf(const ScheduleEvent& e) { return tasks_[static_cast<size_t>(e.task)]; }
  Cpu& CpuOf(const ScheduleEvent& e) { return cpus_[static_cast<size_t>(e.cpu)]; }
  void Wake(const ScheduleEvent& e);
  void EnterQueue(const ScheduleEvent& e);
  void LeaveQueue(Task& t);
  void EndTurn(Cpu& c, int64_t at, Args& why);
  void DrawOverhead(Cpu& c, int64_t until, bool cut);
  void EndState(Task& t, int64_t at);
  void SetState(Task& t, State state, int64_t at, Args args, uint64_t flow_in);
  void DrawEvent(const ScheduleEvent& e);
  void Change(Counter& counter, int64_t by);
  void DrawCounters();

  const ScheduleLog& log_;
  TracePackets out_;
  std::vector<Cpu> cpus_;
  std::vector<Task> tasks_;
  std::vector<Lanes> lanes_;
  TracePackets::Track counters_ = 0;
  Counter waiting_, idle_;
  std::map<int64_t, Counter> queues_;  // -1: global, -2 - cpu: local, else the id
  std::set<Counter*> changed_;
  int64_t now_ = 0;
  uint64_t flows_ = 0;
};

Writer::Writer(const ScheduleLog& log, const std::string& policy) : log_(log), cpus_(static_cast<size_t>(log.cpus)) {
  const auto all = out_.AddTrack(fmt::format("CPUs: {} on {}, {}, seed {}", policy, log.workload, log.machine, log.seed), 0,
                                 "What each CPU does: turns of tasks, in them and between them overhead");
  for (size_t c = 0; c < cpus_.size(); ++c) cpus_[c].track = out_.AddTrack(fmt::format("cpu {}", c), all);
  counters_ = out_.AddTrack("Counters", 0);
  waiting_.track = out_.AddCounter("waiting tasks", counters_, "tasks");
  idle_.track = out_.AddCounter("idle CPUs", counters_, "CPUs");
  std::vector<bool> has_events(log.groups.size());
  for (const ScheduleEvent& e : log.events)
    if (e.kind == Kind::kEvent) has_events[static_cast<size_t>(log.GroupOf(e.task))] = true;
  for (size_t g = 0; g < log.groups.size(); ++g) {
    const ScheduleLog::Group& group = log.groups[g];
    const auto parent = out_.AddTrack(group.name, 0, "Tasks of this group, and its events");
    lanes_.push_back({.parent = has_events[g] ? out_.AddTrack("events", parent, "From release to finish") : 0, .free_from = {}});
    for (int i = 0; i < group.tasks; ++i) {
      Task& t = tasks_.emplace_back();
      t.name = fmt::format("{}[{}]", group.name, i);
      t.group = static_cast<int>(g);
      t.track = out_.AddTrack(t.name, parent);
    }
  }
}

std::string Writer::Run() {
  now_ = log_.begin_ns;
  for (const ScheduleEvent& e : log_.events) {
    if (e.kind == Kind::kOverhead) {
      CpuOf(e).overhead.push_back({e.at_ns, e.at_ns + e.value, static_cast<CostKind>(e.detail)});
      continue;
    }
    if (e.at_ns != now_) DrawCounters();
    now_ = e.at_ns;
    switch (e.kind) {
      case Kind::kWakeup: Wake(e); break;
      case Kind::kQueued: EnterQueue(e); break;
      case Kind::kRun:
        CpuOf(e).task = e.task;
        CpuOf(e).begins = e.value;
        LeaveQueue(TaskOf(e));
        Change(waiting_, -1);
        break;
      case Kind::kStop: {
        const auto why = static_cast<TurnEnd>(e.detail);
        Args args;
        args.Add(out_, "ended", TurnEndName(why));
        if (e.other >= 0) args.Add(out_, "by cpu", e.other);
        EndTurn(CpuOf(e), e.at_ns, args);
        if (StaysRunnable(why)) {
          SetState(TaskOf(e), State::kRunnable, e.at_ns, Args().Add(out_, "because", TurnEndName(why)), 0);
          Change(waiting_, +1);
        } else {
          SetState(TaskOf(e), why == TurnEnd::kSlept ? State::kSleeping : State::kNone, e.at_ns, {}, 0);
        }
        break;
      }
      case Kind::kIdle: Change(idle_, e.value != 0 ? 1 : -1); break;
      case Kind::kEvent: DrawEvent(e); break;
      case Kind::kOverhead: break;
    }
  }
  DrawCounters();
  Args cut;
  cut.Add(out_, "ended", "the trace ends here");
  for (Cpu& c : cpus_) {
    EndTurn(c, log_.end_ns, cut);
    DrawOverhead(c, log_.end_ns, true);
  }
  for (Task& t : tasks_) EndState(t, log_.end_ns);
  return out_.Finish();
}

void Writer::Wake(const ScheduleEvent& e) {
  Task& t = TaskOf(e);
  Args args;
  args.Add(out_, "because", WakeReasonName(static_cast<WakeReason>(e.detail)));
  uint64_t flow = 0;
  if (e.other >= 0) {
    const Task& waker = tasks_[static_cast<size_t>(e.other)];
    args.Add(out_, "by", waker.name);
    flow = ++flows_;
    out_.Instant(waker.track, e.at_ns, out_.NameOf("wakes " + t.name), flow);
  }
  SetState(t, State::kRunnable, e.at_ns, std::move(args), flow);
  Change(waiting_, +1);
}

// --- Queues -------------------------------------------------------------------------------

void Writer::EnterQueue(const ScheduleEvent& e) {
  Task& t = TaskOf(e);
  LeaveQueue(t);
  t.queue = e.cpu >= 0 ? -2 - e.cpu : std::max<int64_t>(e.value, -1);
  Counter& q = queues_[t.queue];
  if (q.track == 0) q.track = out_.AddCounter(QueueName(e.cpu, e.value), counters_, "tasks");
  Change(q, +1);
}

void Writer::LeaveQueue(Task& t) {
  if (t.queue != kNoQueue) Change(queues_[t.queue], -1);
  t.queue = kNoQueue;
}

// Drawn once all that happens at one instant has happened.
void Writer::Change(Counter& counter, int64_t by) {
  counter.value += by;
  changed_.insert(&counter);
}

void Writer::DrawCounters() {
  // In the order of their tracks, not of their addresses.
  std::vector<Counter*> changed(changed_.begin(), changed_.end());
  changed_.clear();
  std::sort(changed.begin(), changed.end(), [](const Counter* a, const Counter* b) { return a->track < b->track; });
  for (Counter* c : changed) {
    if (c->value != c->drawn) out_.Count(c->track, now_, c->value);
    c->drawn = c->value;
  }
}

// --- CPUs ---------------------------------------------------------------------------------

// Overhead that begins before `until`; what goes on then is cut or, unless it ends there, kept.
void Writer::DrawOverhead(Cpu& c, int64_t until, bool cut) {
  while (!c.overhead.empty() && c.overhead.front().begin < until) {
    Overhead& o = c.overhead.front();
    if (o.end > until && !cut) {
      out_.Begin(c.track, o.begin, out_.NameOf(CostKindName(o.kind)));
      out_.End(c.track, until);
      o.begin = until;
      return;
    }
    out_.Begin(c.track, o.begin, out_.NameOf(CostKindName(o.kind)));
    out_.End(c.track, std::min(o.end, until));
    c.overhead.pop_front();
  }
}

// A turn that is cut short before its first instruction is not drawn; its task was runnable all the time.
void Writer::EndTurn(Cpu& c, int64_t at, Args& why) {
  if (c.task < 0) return;
  Task& t = tasks_[static_cast<size_t>(c.task)];
  if (c.begins < at) {
    DrawOverhead(c, c.begins, false);
    out_.Begin(c.track, c.begins, out_.NameOf(t.name));
    DrawOverhead(c, at, false);
    out_.End(c.track, at, why);
    EndState(t, c.begins);
    out_.Begin(t.track, c.begins, out_.NameOf("running"),
               Args().Add(out_, "cpu", static_cast<int64_t>(&c - cpus_.data())));
    out_.End(t.track, at, why);
    t.state = State::kNone;
  }
  c.task = -1;
}

// --- Tasks --------------------------------------------------------------------------------

void Writer::EndState(Task& t, int64_t at) {
  if (t.state == State::kNone || (at <= t.since && t.flow_in == 0)) return;
  out_.Begin(t.track, t.since, out_.NameOf(t.state == State::kSleeping ? "sleeping" : "runnable"), t.args, t.flow_in);
  out_.End(t.track, std::max(at, t.since));
  t.state = State::kNone;
  t.flow_in = 0;
}

void Writer::SetState(Task& t, State state, int64_t at, Args args, uint64_t flow_in) {
  if (t.state == state && state == State::kRunnable) return;  // a turn that was not drawn
  EndState(t, at);
  t.state = state;
  t.since = at;
  t.args = std::move(args);
  t.flow_in = flow_in;
}

// --- Events of the workload ---------------------------------------------------------------

void Writer::DrawEvent(const ScheduleEvent& e) {
  const Task& t = TaskOf(e);
  Lanes& lanes = lanes_[static_cast<size_t>(t.group)];
  const int64_t release = std::max(e.value, log_.begin_ns);
  if (release > e.at_ns) return;
  // The lane that has been free for the shortest time; they come in the order of their ends.
  TracePackets::Track lane = 0;
  if (auto it = lanes.free_from.upper_bound(release); it != lanes.free_from.begin()) {
    lane = (--it)->second;
    lanes.free_from.erase(it);
  } else {
    lane = out_.AddTrack("event", lanes.parent);
  }
  lanes.free_from.emplace(e.at_ns, lane);
  Args args;
  args.Add(out_, "task", t.name).Add(out_, "work_ns", e.work_ns);
  if (e.detail == 0) args.Add(out_, "unfinished", "when the trace ends");
  out_.Begin(lane, release, out_.NameOf(log_.groups[static_cast<size_t>(t.group)].name), args);
  const bool served = e.start_ns > release && e.start_ns < e.at_ns;
  if (served) {
    out_.Begin(lane, e.start_ns, out_.NameOf("served by " + t.name));
    out_.End(lane, e.at_ns);
  }
  out_.End(lane, e.at_ns);
}

}  // namespace

std::string PerfettoTrace(const ScheduleLog& log, const std::string& policy) { return Writer(log, policy).Run(); }

}  // namespace ose
