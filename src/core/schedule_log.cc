#include "core/schedule_log.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/varint.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;
using Kind = ScheduleEvent::Kind;

constexpr int64_t kLatest = int64_t{1} << 61;  // so that sums of two times do not overflow
constexpr int kMostTasks = 1 << 22;

// One event: kind and detail, then the difference of times, then what that kind has.
void Put(std::string& out, const ScheduleEvent& e, int64_t& last) {
  out += static_cast<char>(static_cast<int>(e.kind) | e.detail << 4);
  PutVarint(out, ZigZag(e.at_ns - last));
  last = e.at_ns;
  auto put = [&](int64_t v) { PutVarint(out, ZigZag(v)); };
  if (e.kind != Kind::kEvent) put(e.cpu);
  if (e.kind != Kind::kIdle && e.kind != Kind::kOverhead) put(e.task);
  if (e.kind == Kind::kWakeup || e.kind == Kind::kStop) put(e.other);
  if (e.kind == Kind::kRun || e.kind == Kind::kEvent) put(e.value - e.at_ns);
  if (e.kind == Kind::kQueued || e.kind == Kind::kIdle || e.kind == Kind::kOverhead) put(e.value);
  if (e.kind == Kind::kEvent) put(e.start_ns), put(e.work_ns);
}

// False when the bytes end within it. Numbers are not checked yet.
bool Take(std::string_view& in, ScheduleEvent& e, int64_t& last) {
  if (in.empty()) return false;
  const auto head = static_cast<unsigned char>(in[0]);
  in.remove_prefix(1);
  e.kind = static_cast<Kind>(head & 15);
  e.detail = head >> 4;
  bool whole = true;
  auto take = [&]() -> int64_t {
    auto v = TakeVarint(in);
    whole = whole && v;
    return v ? UnZigZag(*v) : 0;
  };
  auto narrow = [&]() -> int32_t {
    const int64_t v = take();
    whole = whole && v == static_cast<int32_t>(v);
    return static_cast<int32_t>(v);
  };
  const int64_t dt = take();
  if (dt < -kLatest || dt > kLatest) return false;
  e.at_ns = last += dt;
  if (last < 0 || last > kLatest) return false;
  if (e.kind != Kind::kEvent) e.cpu = narrow();
  if (e.kind != Kind::kIdle && e.kind != Kind::kOverhead) e.task = narrow();
  if (e.kind == Kind::kWakeup || e.kind == Kind::kStop) e.other = narrow();
  if (e.kind == Kind::kRun || e.kind == Kind::kEvent) {
    const int64_t v = take();
    if (v < -kLatest || v > kLatest) return false;
    e.value = e.at_ns + v;
  }
  if (e.kind == Kind::kQueued || e.kind == Kind::kIdle || e.kind == Kind::kOverhead) e.value = take();
  if (e.kind == Kind::kEvent) e.start_ns = take(), e.work_ns = take();
  return whole;
}

bool Sound(const ScheduleEvent& e, const ScheduleLog& log, int tasks) {
  auto within = [](int64_t v, int64_t least, int64_t below) { return v >= least && v < below; };
  const bool task = within(e.task, 0, tasks), cpu = within(e.cpu, 0, log.cpus);
  switch (e.kind) {
    case Kind::kWakeup: return task && cpu && within(e.other, -1, tasks) && e.detail <= static_cast<int>(WakeReason::kBefore);
    case Kind::kQueued: return task && within(e.cpu, -1, log.cpus);
    case Kind::kRun: return task && cpu && within(e.value, e.at_ns, kLatest);
    case Kind::kStop: return task && cpu && within(e.other, -1, log.cpus) && e.detail <= static_cast<int>(TurnEnd::kPreempted);
    case Kind::kIdle: return cpu && within(e.value, 0, 2);
    case Kind::kOverhead: return cpu && within(e.value, 1, kLatest) && e.detail < kCostKinds;
    case Kind::kEvent:
      return task && within(e.value, 0, e.at_ns + 1) && within(e.start_ns, -1, e.at_ns + 1) && within(e.work_ns, 0, kLatest) && e.detail <= 1;
  }
  return false;
}

Error NoLog(const std::string& why) { return {kExitInternal, "malformed schedule log: " + why}; }

}  // namespace

const char* TurnEndName(TurnEnd end) {
  switch (end) {
    case TurnEnd::kSlept: return "slept";
    case TurnEnd::kExited: return "exited";
    case TurnEnd::kYielded: return "yielded";
    case TurnEnd::kSliceUsedUp: return "slice used up";
    case TurnEnd::kPreempted: return "preempted";
  }
  return "?";
}

const char* CostKindName(CostKind kind) {
  switch (kind) {
    case CostKind::kWakeup: return "wake-up";
    case CostKind::kSwitch: return "switch";
    case CostKind::kMigration: return "migration";
    case CostKind::kInterrupt: return "interrupt";
    case CostKind::kSystemCall: return "system call";
    case CostKind::kNoise: return "noise";
    case CostKind::kPolicy: return "policy";
  }
  return "?";
}

const char* WakeReasonName(WakeReason why) {
  switch (why) {
    case WakeReason::kWoken: return "woken";
    case WakeReason::kForked: return "forked";
    case WakeReason::kTimer: return "timer";
    case WakeReason::kRequest: return "request";
    case WakeReason::kStart: return "start";
    case WakeReason::kBefore: return "before the trace";
  }
  return "?";
}

int ScheduleLog::TaskCount() const {
  int n = 0;
  for (const Group& g : groups) n += g.tasks;
  return n;
}

int ScheduleLog::GroupOf(int task) const {
  for (size_t g = 0; g < groups.size(); ++g) {
    if (task < groups[g].tasks) return static_cast<int>(g);
    task -= groups[g].tasks;
  }
  return -1;
}

std::string ScheduleLog::TaskName(int task) const {
  for (const Group& g : groups) {
    if (task < g.tasks) return fmt::format("{}[{}]", g.name, task);
    task -= g.tasks;
  }
  return "?";
}

std::string QueueName(int cpu, int64_t id) {
  if (cpu >= 0) return fmt::format("local queue of cpu {}", cpu);
  return id < 0 ? "global queue" : fmt::format("queue {}", id);
}

std::string EncodeScheduleLog(const ScheduleLog& log) {
  json groups = json::array();
  for (const ScheduleLog::Group& g : log.groups) groups.push_back({g.name, g.tasks});
  std::string bytes;
  int64_t last = 0;
  for (const ScheduleEvent& e : log.events) Put(bytes, e, last);
  return json{{"workload", log.workload}, {"machine", log.machine}, {"seed", std::to_string(log.seed)}, {"cpus", log.cpus},
              {"groups", groups}, {"begin_ns", log.begin_ns}, {"end_ns", log.end_ns}, {"run_ns", log.run_ns}, {"full", log.full},
              {"events", ToBase64(bytes)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ScheduleLog> DecodeScheduleLog(std::string_view text) {
  ScheduleLog log;
  std::optional<std::string> bytes;
  try {
    const json j = json::parse(text);
    log.workload = j.at("workload");
    log.machine = j.at("machine");
    log.seed = std::stoull(j.at("seed").get<std::string>());
    log.cpus = j.at("cpus");
    for (const json& g : j.at("groups")) {
      log.groups.push_back({g.at(0), g.at(1)});
      if (log.groups.back().tasks < 0 || log.groups.back().tasks > kMostTasks) return NoLog("bad number of tasks");
    }
    log.begin_ns = j.at("begin_ns");
    log.end_ns = j.at("end_ns");
    log.run_ns = j.at("run_ns");
    log.full = j.at("full");
    bytes = FromBase64(j.at("events").get<std::string>());
  } catch (const std::exception& e) {
    return NoLog(e.what());
  }
  if (!bytes) return NoLog("no base64");
  if (log.begin_ns < 0 || log.end_ns < log.begin_ns || log.run_ns < log.end_ns || log.run_ns > kLatest) return NoLog("bad times");
  int64_t tasks = 0, last = 0;
  for (const ScheduleLog::Group& g : log.groups) tasks += g.tasks;
  if (log.cpus < 1 || log.cpus > (1 << 16) || tasks > kMostTasks) return NoLog("bad numbers of CPUs or tasks");
  for (std::string_view rest = *bytes; !rest.empty();) {
    ScheduleEvent e;
    if (!Take(rest, e, last) || !Sound(e, log, static_cast<int>(tasks))) return NoLog(fmt::format("event {}", log.events.size()));
    log.events.push_back(e);
  }
  return log;
}

}  // namespace ose
