#include "workload/rtapp.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "base/edit_distance.h"
#include "base/file.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "workload/json_tree.h"
#include "workload/workload_check.h"

namespace ose {

namespace {

using Kind = JsonNode::Kind;

constexpr int64_t kForksLimit = 1024;                      // rt-app.c, FORKS_LIMIT
constexpr Nanos kEndless = Nanos::Seconds(10);             // duration -1, and tasks that never end
constexpr Nanos kLongest = Nanos::Seconds(600);            // duration -1, and tasks that all end
constexpr int64_t kDefaultBuffer = 4 << 20;                // mem_buffer_size

// In the order of match: rt-app takes a key as the event of which it has the prefix (run0, sleep_a).
const std::vector<std::string> kEvents = {"runtime", "run",   "sleep",  "timer", "lock",    "unlock", "wait",     "signal",   "broad", "sync",
                                          "suspend", "resume", "memrun", "mem",   "iorun",   "yield",  "barrier", "fork", "sem_post", "sem_wait"};

std::string EventOf(std::string_view key) {
  for (const std::string& e : kEvents)
    if (key.starts_with(e)) return e;
  return "";
}

// The names of one kind of object, in the order of their first use.
uint32_t IndexOf(std::vector<std::string>& names, const std::string& name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<uint32_t>(it - names.begin());
  names.push_back(name);
  return static_cast<uint32_t>(names.size() - 1);
}

struct Sched {
  int weight = 100;
  std::vector<int> cpus;
  bool operator==(const Sched&) const = default;
};

// What its keys say beside events; absent = as before.
struct Attributes {
  std::optional<int> weight;
  std::optional<std::vector<int>> cpus;
};

struct Task {
  const JsonNode* node = nullptr;
  int64_t instances = 1, forks = 0;
  int64_t delay_us = 0;
  bool repeat = false, endless = false;  // endless: a phase of it never ends
  Sched sched;
  int64_t buffer_kb = 0;
  std::vector<Op> program;
  std::vector<int> lines;
  std::vector<std::pair<uint32_t, double>> fork_ops;  // task, times a pass
};

class Reader : private WorkloadPlaces {
 public:
  Reader(const JsonNode& root, const std::string& file) : root_(root), file_(file) { w_.name = Stem(file); }

  Result<Workload> Run() {
    const JsonNode *global = nullptr, *tasks = nullptr;
    OSE_TRY(Walk(root_, [&](const JsonNode& n) -> Status {
      if (n.key == "global") global = &n;
      else if (n.key == "tasks") tasks = &n;
      else if (n.key == "resources") return Resources(n);
      else return Unknown(n, "", {"global", "tasks", "resources"});
      return {};
    }));
    if (global) OSE_TRY(Global(*global));
    if (!tasks) return Fail(1, "there is no \"tasks\" object; add \"tasks\" : { \"name\" : { \"run\" : 1000 } }");
    OSE_TRY(FindResumed(*tasks));
    OSE_TRY(Tasks(*tasks));
    for (size_t b = 0; b < w_.barriers.size(); ++b)
      if (w_.barriers[b].parties == 0)
        return Fail(barrier_lines_[b], fmt::format("barrier '{}' is met by forked tasks alone, which it does not count; use sem_wait and sem_post", Name(w_.barriers[b].name)));
    CountForks();
    MakeGroups();
    OSE_TRY(CheckWorkload(w_, *this));
    return std::move(w_);
  }

  // After Run(), of the workload that it returned.
  int LineOf(const Workload& w, const std::string& group, size_t op) const {
    for (size_t g = 0; g < w.groups.size(); ++g)
      if (w.groups[g].name == group) return Operation(g, op);
    return 0;
  }

 private:
  // --- Errors ------------------------------------------------------------------------------

  Error Fail(int line, const std::string& what) const { return {kExitBadWorkload, fmt::format("{}:{}: {}", file_, line, what)}; }
  Error Fail(const JsonNode& n, const std::string& what) const { return Fail(n.line, fmt::format("'{}' {}", Name(n.key), what)); }
  static std::string Name(const std::string& key) { return OneLine(key, 60); }
  Error Unknown(const JsonNode& n, const std::string& where, std::vector<std::string> known) const {
    const std::string advice = DidYouMean(n.key, known);
    return Fail(n.line, fmt::format("unknown key '{}'{}{}", Name(n.key), where, advice.empty() ? "; remove it" : advice));
  }
  Error Unsupported(const JsonNode& n, const std::string& why) const { return Fail(n, "is not supported: " + why + "; remove it"); }

  std::string File() const override { return file_; }
  int Group(size_t g, const char*) const override { return tasks_[group_task_[g]].node->line; }
  int Operation(size_t g, size_t op) const override {
    const Task& t = tasks_[group_task_[g]];
    return op < t.lines.size() ? t.lines[op] : t.node->line;
  }
  int Barrier(size_t b) const override { return barrier_lines_[b]; }

  // --- Values ------------------------------------------------------------------------------

  // Each key of an object, with an error for one that comes twice.
  Status Walk(const JsonNode& n, const std::function<Status(const JsonNode&)>& each) const {
    if (n.kind != Kind::kObject) return Fail(n, fmt::format("is {}; give an object", n.Describe()));
    std::set<std::string> seen;
    for (const JsonNode& item : n.items) {
      if (!seen.insert(item.key).second) return Fail(item, "is there twice; remove one");
      OSE_TRY(each(item));
    }
    return {};
  }

  Result<int64_t> Int(const JsonNode& n, int64_t min, int64_t max) const {
    if (n.kind != Kind::kInteger || n.integer < min || n.integer > max)
      return Fail(n, fmt::format("is {}; give a whole number, {} to {}", n.Describe(), min, max));
    return n.integer;
  }
  Result<bool> Bool(const JsonNode& n) const {
    if (n.kind != Kind::kBool) return Fail(n, fmt::format("is {}; give true or false", n.Describe()));
    return n.integer != 0;
  }
  Result<std::string> Text(const JsonNode& n) const {
    if (n.kind != Kind::kString) return Fail(n, fmt::format("is {}; give a string", n.Describe()));
    return n.text;
  }
  Result<std::string> NonEmpty(const JsonNode& n) const {
    OSE_ASSIGN(std::string text, Text(n));
    if (text.empty()) return Fail(n, "is empty; give a name");
    OSE_TRY(CheckName(n, text));
    return text;
  }
  // Names end up in messages and files.
  Status CheckName(const JsonNode& n, const std::string& name) const {
    if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
      return Fail(n, "is a name with a control character; take it out");
    return {};
  }
  Result<int64_t> Micros(const JsonNode& n) const { return Int(n, 0, INT32_MAX); }

  // --- global, resources -------------------------------------------------------------------

  Status Global(const JsonNode& global) {
    return Walk(global, [&](const JsonNode& n) -> Status {
      const std::string& k = n.key;
      if (k == "duration") {
        OSE_ASSIGN(duration_s_, Int(n, -1, 1'000'000));
        if (duration_s_ == 0) return Fail(n, "is 0; give seconds, or -1 for a run that ends with its tasks");
      } else if (k == "default_policy") {
        OSE_ASSIGN(default_policy_, Policy(n));
      } else if (k == "calibration") {
        // A number is ns a loop, a string the CPU to measure that on: a run's us are CPU time either way.
        if (n.kind != Kind::kInteger && !(n.kind == Kind::kString && n.text.starts_with("CPU")))
          return Fail(n, fmt::format("is {}; give ns a loop, or a CPU, as \"CPU0\"", n.Describe()));
      } else if (k == "pi_enabled") {
        OSE_ASSIGN(bool on, Bool(n));
        if (on) return Unsupported(n, "locks do not inherit priorities here");
      } else if (k == "mem_buffer_size") {
        OSE_ASSIGN(buffer_bytes_, Int(n, 1, 1LL << 40));
      } else if (k == "io_device") {
        OSE_ASSIGN(io_device_, Text(n));
        io_line_ = n.line;
      } else if (k == "frag") {
        // Of older versions, which cut a workload into so many pieces.
        OSE_TRY(Int(n, 1, 1));
      } else if (k == "lock_pages" || k == "gnuplot" || k == "cumulative_slack") {
        OSE_TRY(Bool(n));  // of memory that never swaps, and of logs, which are not written
      } else if (k == "logdir" || k == "log_basename") {
        OSE_TRY(Text(n));
      } else if (k == "log_size") {
        if (n.kind != Kind::kInteger) OSE_TRY(Text(n));
      } else if (k == "ftrace") {
        if (n.kind != Kind::kBool) OSE_TRY(Text(n));
      } else {
        return Unknown(n, " in 'global'", {"duration", "default_policy", "calibration", "pi_enabled", "mem_buffer_size", "io_device", "frag",
                                           "lock_pages", "gnuplot", "cumulative_slack", "logdir", "log_basename", "log_size", "ftrace"});
      }
      return {};
    });
  }

  // Declarations, which rt-app keeps for old files: what is used is what there is.
  Status Resources(const JsonNode& resources) const {
    return Walk(resources, [&](const JsonNode& resource) -> Status {
      return Walk(resource, [&](const JsonNode& n) -> Status {
        if (n.key != "type") return Unknown(n, " in a resource", {"type"});
        const std::vector<std::string> types = {"mutex", "signal", "wait", "broadcast", "sync", "sleep", "run", "timer"};
        OSE_ASSIGN(std::string type, Text(n));
        if (std::find(types.begin(), types.end(), type) == types.end())
          return Fail(n, fmt::format("is {}; give one of {}", n.Describe(), fmt::join(types, ", ")));
        return {};
      });
    });
  }

  // --- Policy, priority, cpus --------------------------------------------------------------

  // SCHED_BATCH counts as SCHED_OTHER, as for every sched_ext scheduler.
  enum class PolicyKind { kOther, kIdle };

  Result<PolicyKind> Policy(const JsonNode& n) const {
    OSE_ASSIGN(std::string name, Text(n));
    if (name == "SCHED_OTHER" || name == "SCHED_BATCH") return PolicyKind::kOther;
    if (name == "SCHED_IDLE") return PolicyKind::kIdle;
    if (name == "SCHED_FIFO" || name == "SCHED_RR" || name == "SCHED_DEADLINE")
      return Fail(n, fmt::format("is {}: real-time and deadline tasks do not run under the policies here; use SCHED_OTHER, SCHED_BATCH or SCHED_IDLE", name));
    return Fail(n, fmt::format("is {}; give SCHED_OTHER, SCHED_BATCH or SCHED_IDLE", n.Describe()));
  }

  // The keys that a task and a phase may have beside events; false: it is none of them.
  Result<bool> Attribute(const JsonNode& n, std::optional<PolicyKind>& policy, std::optional<int>& nice, Attributes& out) const {
    const std::string& k = n.key;
    if (k == "policy") {
      OSE_ASSIGN(PolicyKind kind, Policy(n));
      policy = kind;
    } else if (k == "priority") {
      OSE_ASSIGN(int64_t v, Int(n, -20, 19));
      nice = static_cast<int>(v);
    } else if (k == "cpus") {
      out.cpus.emplace();
      if (n.kind != Kind::kArray || n.items.empty()) return Fail(n, fmt::format("is {}; give an array of CPUs, as [0, 1]", n.kind == Kind::kArray ? "empty" : n.Describe()));
      for (const JsonNode& item : n.items) {
        if (item.kind != Kind::kInteger || item.integer < 0 || item.integer >= kMaxCpus)
          return Fail(n, fmt::format("contains {}; give CPUs, 0 to {}", item.Describe(), kMaxCpus - 1));
        out.cpus->push_back(static_cast<int>(item.integer));
      }
      std::sort(out.cpus->begin(), out.cpus->end());
      out.cpus->erase(std::unique(out.cpus->begin(), out.cpus->end()), out.cpus->end());
    } else if (k == "taskgroup") {
      OSE_ASSIGN(std::string group, Text(n));
      if (!group.empty() && group != "/") return Unsupported(n, "there are no groups of tasks with shares of their own");
    } else if (k == "util_min" || k == "util_max") {
      return Unsupported(n, "utilisation clamping steers the frequency, which does not change here");
    } else if (k == "nodes_membind" || k == "numa") {
      return Unsupported(n, "where memory lies is not modelled");
    } else if (k.starts_with("dl-") || k == "period" || k == "deadline") {
      return Unsupported(n, "it belongs to SCHED_DEADLINE, or asks for a slice, which is the policy's to give");
    } else {
      return false;
    }
    return true;
  }

  void Settle(std::optional<PolicyKind> policy, std::optional<int> nice, Attributes& out) const {
    if (!policy && !nice) return;
    const bool idle = policy.value_or(default_policy_) == PolicyKind::kIdle;
    // WEIGHT_IDLEPRIO, 3 of 1024, through sched_weight_to_cgroup (kernel/sched/sched.h): at least 1.
    out.weight = idle ? 1 : NiceToWeight(nice.value_or(0));
  }

  // --- tasks -------------------------------------------------------------------------------

  // "suspend" waits under its task's own name, and its string is ignored, says the tutorial; but files that
  // ship with rt-app mean a name that several tasks share. So a string counts if somebody resumes it.
  Status FindResumed(const JsonNode& n) {
    for (const JsonNode& item : n.items) {
      if (item.kind == Kind::kObject) OSE_TRY(FindResumed(item));
      else if (item.kind == Kind::kString && EventOf(item.key) == "resume") resumed_.insert(item.text);
    }
    return {};
  }

  Status Tasks(const JsonNode& tasks) {
    if (tasks.kind != Kind::kObject || tasks.items.empty()) return Fail(tasks, fmt::format("is {}; give at least one task", tasks.kind == Kind::kObject ? "empty" : tasks.Describe()));
    tasks_.resize(tasks.items.size());
    size_t i = 0;
    OSE_TRY(Walk(tasks, [&](const JsonNode& n) -> Status {
      OSE_TRY(CheckName(n, n.key));
      task_index_[n.key] = static_cast<uint32_t>(i);
      tasks_[i++].node = &n;
      return {};
    }));
    for (Task& t : tasks_) OSE_TRY(ReadTask(t));
    return {};
  }

  Status ReadTask(Task& t) {
    const JsonNode& node = *t.node;
    if (node.kind != Kind::kObject) return Fail(node, fmt::format("is {}; give an object of events", node.Describe()));
    const JsonNode* phases = nullptr;
    for (const JsonNode& n : node.items)
      if (n.key == "instance") {
        OSE_ASSIGN(t.instances, Int(n, 0, kMaxTasks));
      } else if (n.key == "phases") {
        phases = &n;
      }
    Attributes own;
    std::optional<PolicyKind> policy;
    std::optional<int> nice;
    std::optional<int64_t> loop;
    std::set<std::string> seen;
    for (const JsonNode& n : node.items) {
      if (!EventOf(n.key).empty()) {
        if (phases) return Fail(n, fmt::format("stands beside 'phases' in task '{}', where rt-app would never execute it; put it into a phase", Name(node.key)));
        continue;
      }
      if (!seen.insert(n.key).second) return Fail(n, "is there twice; remove one");
      OSE_ASSIGN(bool known, Attribute(n, policy, nice, own));
      if (known || n.key == "instance" || n.key == "phases") continue;
      if (n.key == "delay") {
        OSE_ASSIGN(t.delay_us, Micros(n));
      } else if (n.key == "loop") {
        OSE_ASSIGN(loop, Loop(n));
      } else {
        return Unknown(n, fmt::format(" in task '{}'", Name(node.key)), Keys({"instance", "delay", "loop", "phases"}));
      }
    }
    if (!policy) policy = default_policy_;
    Settle(policy, nice, own);
    t.sched = {own.weight.value_or(100), own.cpus.value_or(std::vector<int>{})};
    if (!phases) {
      t.repeat = !loop || *loop < 0;
      Begin(t, node.line, loop.value_or(1));
      OSE_TRY(Events(t, node, loop.value_or(1) < 0 ? 1 : loop.value_or(1)));
      End(t, loop.value_or(1));
      return {};
    }
    if (phases->kind != Kind::kObject || phases->items.empty()) return Fail(*phases, "has no phase; give an object of phases");
    t.repeat = loop.value_or(-1) < 0;
    const int64_t rounds = loop.value_or(-1);
    Begin(t, node.line, rounds);
    OSE_TRY(Phases(t, *phases, own, rounds < 0 ? 1 : rounds));
    End(t, rounds);
    return {};
  }

  // A loop's brackets, if it needs them. Less than 0, for ever, is the group's business.
  static void Begin(Task& t, int line, int64_t times) {
    if (times > 1) Add(t, {.kind = OpKind::kLoop, .count = static_cast<uint32_t>(times)}, line);
  }
  static void End(Task& t, int64_t times) {
    if (times > 1) Add(t, {.kind = OpKind::kEndLoop}, t.lines.back());
  }
  static void Add(Task& t, Op op, int line) {
    t.program.push_back(op);
    t.lines.push_back(line);
  }

  Result<int64_t> Loop(const JsonNode& n) const {
    OSE_ASSIGN(int64_t loop, Int(n, -1, kMaxCount));
    if (loop == 0) return Fail(n, "is 0; give how often, or -1 for ever");
    return loop;
  }

  Status Phases(Task& t, const JsonNode& phases, const Attributes& own, int64_t rounds) {
    std::optional<Sched> all;
    for (const JsonNode& phase : phases.items) {
      if (phase.kind != Kind::kObject) return Fail(phase, fmt::format("is {}; give an object of events", phase.Describe()));
      if (t.endless) return Fail(phase, "comes after a phase that loops for ever; remove it");
      Attributes here;
      std::optional<PolicyKind> policy;
      std::optional<int> nice;
      int64_t loop = 1;
      std::set<std::string> seen;
      for (const JsonNode& n : phase.items) {
        if (!EventOf(n.key).empty()) continue;
        if (!seen.insert(n.key).second) return Fail(n, "is there twice; remove one");
        OSE_ASSIGN(bool known, Attribute(n, policy, nice, here));
        if (known) continue;
        if (n.key != "loop") return Unknown(n, fmt::format(" in phase '{}'", Name(phase.key)), Keys({"loop"}));
        OSE_ASSIGN(loop, Loop(n));
      }
      Settle(policy, nice, here);
      // Affinity falls back to the task's, weight stays as it was.
      Sched sched{here.weight.value_or(all ? all->weight : t.sched.weight), here.cpus.value_or(own.cpus.value_or(std::vector<int>{}))};
      if (all && sched != *all)
        return Fail(phase, fmt::format("changes the priority or CPUs of task '{}', which stay the same for all of a task here; make a task of "
                                       "its own of it, or give all phases the same",
                                       Name(t.node->key)));
      all = sched;
      if (loop < 0 && phases.items.size() == 1) t.repeat = true;
      else if (loop < 0) t.endless = true, t.repeat = false;
      const int64_t times = loop < 0 ? (t.endless ? static_cast<int64_t>(kMaxCount) : 1) : loop;
      Begin(t, phase.line, times);
      OSE_TRY(Events(t, phase, times * rounds));
      End(t, times);
    }
    t.sched = *all;
    return {};
  }

  static std::vector<std::string> Keys(std::vector<std::string> own) {
    own.insert(own.end(), {"policy", "priority", "cpus"});
    own.insert(own.end(), kEvents.begin(), kEvents.end());
    return own;
  }

  // --- Events ------------------------------------------------------------------------------

  Status Events(Task& t, const JsonNode& phase, int64_t times) {
    const size_t from = t.program.size();
    std::set<std::string> held;
    for (const JsonNode& n : phase.items)
      if (!EventOf(n.key).empty()) OSE_TRY(Event(t, n, held, times));
    if (t.program.size() == from) return Fail(phase, "has no events; add one, like \"run\" : 1000");
    MarkActivations(t, from);
    return {};
  }

  // What is measured: from a wake-up, or the begin of a phase, to what the task sleeps in next, if it uses
  // the CPU in between.
  static void MarkActivations(Task& t, size_t from) {
    std::vector<Op> ops(t.program.begin() + static_cast<std::ptrdiff_t>(from), t.program.end());
    std::vector<int> lines(t.lines.begin() + static_cast<std::ptrdiff_t>(from), t.lines.end());
    t.program.resize(from);
    t.lines.resize(from);
    auto sleeps = [](const Op& op) {
      return op.kind == OpKind::kSleep || op.kind == OpKind::kPeriod || op.kind == OpKind::kWait || op.kind == OpKind::kCondWait ||
             op.kind == OpKind::kBarrier;
    };
    for (size_t i = 0; i < ops.size();) {
      size_t end = i;
      while (end < ops.size() && !sleeps(ops[end])) ++end;
      const bool runs = std::any_of(ops.begin() + static_cast<std::ptrdiff_t>(i), ops.begin() + static_cast<std::ptrdiff_t>(end),
                                    [](const Op& op) { return op.kind == OpKind::kRun || op.kind == OpKind::kSpin; });
      if (runs) Add(t, {.kind = OpKind::kBegin}, lines[i]);
      for (size_t k = i; k < end; ++k) Add(t, ops[k], lines[k]);
      if (runs) Add(t, {.kind = OpKind::kEnd}, lines[end - 1]);
      if (end < ops.size()) Add(t, ops[end], lines[end]);
      i = end + 1;
    }
  }

  Status Event(Task& t, const JsonNode& n, std::set<std::string>& held, int64_t times) {
    const std::string event = EventOf(n.key);
    auto add = [&](Op op) {
      Add(t, op, n.line);
      return Status();
    };
    auto timed = [&](OpKind kind) -> Status {
      OSE_ASSIGN(int64_t us, Micros(n));
      return add({.kind = kind, .ns = us * 1000});
    };
    if (event == "run") return timed(OpKind::kRun);
    if (event == "runtime") return timed(OpKind::kSpin);
    if (event == "sleep") return timed(OpKind::kSleep);
    if (event == "mem") return Mem(t, n);
    if (event == "iorun") return IoRun(t, n);
    if (event == "memrun") return Unsupported(n, "how long it takes depends on caches that are not modelled; use run or mem");
    if (event == "timer") return PeriodOf(t, n);
    if (event == "yield") return add({.kind = OpKind::kYield});
    if (event == "wait" || event == "sync") return CondWait(t, n, event == "sync", held);
    if (event == "suspend") {
      if (n.kind != Kind::kString && n.kind != Kind::kNull) return Fail(n, fmt::format("is {}; give a string", n.Describe()));
      const bool shared = resumed_.contains(n.text) && !n.text.empty();
      return add({.kind = OpKind::kCondWait, .object = IndexOf(w_.conditions, shared ? n.text : t.node->key), .count = 0});
    }
    OSE_ASSIGN(std::string name, NonEmpty(n));
    if (event == "lock" || event == "unlock") {
      if (event == "lock") held.insert(name);
      else held.erase(name);
      return add({.kind = event == "lock" ? OpKind::kLock : OpKind::kUnlock, .object = IndexOf(w_.locks, name)});
    }
    if (event == "signal") return add({.kind = OpKind::kCondSignal, .object = IndexOf(w_.conditions, name)});
    if (event == "broad" || event == "resume") return add({.kind = OpKind::kCondBroadcast, .object = IndexOf(w_.conditions, name)});
    if (event == "sem_post") return add({.kind = OpKind::kSignal, .object = IndexOf(w_.semaphores, name)});
    if (event == "sem_wait") return add({.kind = OpKind::kWait, .object = IndexOf(w_.semaphores, name)});
    if (event == "barrier") {
      const uint32_t b = IndexOf(barrier_names_, name);
      if (b == w_.barriers.size()) {
        w_.barriers.push_back({.name = name});
        barrier_lines_.push_back(n.line);
      }
      w_.barriers[b].parties += static_cast<int>(t.instances);
      return add({.kind = OpKind::kBarrier, .object = b});
    }
    // fork
    const auto child = task_index_.find(name);
    if (child == task_index_.end()) {
      std::vector<std::string> names;
      for (const auto& [task, index] : task_index_) names.push_back(task);
      const std::string advice = DidYouMean(name, names);
      return Fail(n, fmt::format("forks '{}', which is no task{}", Name(name), advice.empty() ? "; name one of 'tasks'" : advice));
    }
    t.fork_ops.push_back({child->second, t.repeat || t.endless ? 1e18 : static_cast<double>(times)});
    return add({.kind = OpKind::kFork, .object = child->second});
  }

  Status Mem(Task& t, const JsonNode& n) {
    OSE_ASSIGN(int64_t bytes, Int(n, 0, INT32_MAX));
    t.buffer_kb = std::max(t.buffer_kb, (std::min(bytes, buffer_bytes_) + 1023) / 1024);
    Add(t, {.kind = OpKind::kRun, .ns = std::llround(static_cast<double>(bytes) / 1024 * kRtAppMemNsPerKb)}, n.line);
    return {};
  }

  Status IoRun(Task& t, const JsonNode& n) {
    OSE_ASSIGN(int64_t bytes, Int(n, 0, INT32_MAX));
    if (io_device_ != "/dev/null")
      return Fail(io_line_, fmt::format("'io_device' is \"{}\": how long writing to it takes is not in the file; use \"/dev/null\", or sleep for that long", Name(io_device_)));
    Add(t, {.kind = OpKind::kRun, .ns = (bytes + buffer_bytes_ - 1) / buffer_bytes_ * kRtAppWriteNs}, n.line);
    return {};
  }

  Status PeriodOf(Task& t, const JsonNode& n) {
    std::string ref, mode = "relative";
    int64_t period_us = -1;
    OSE_TRY(Walk(n, [&](const JsonNode& v) -> Status {
      if (v.key == "ref") {
        OSE_ASSIGN(ref, NonEmpty(v));
      } else if (v.key == "period") {
        OSE_ASSIGN(period_us, Micros(v));
      } else if (v.key == "mode") {
        OSE_ASSIGN(mode, Text(v));
        if (mode != "relative" && mode != "absolute") return Fail(v, fmt::format("is {}; give \"relative\" or \"absolute\"", v.Describe()));
      } else {
        return Unknown(v, " in a timer", {"ref", "period", "mode"});
      }
      return {};
    }));
    if (ref.empty() || period_us < 0) return Fail(n, "needs a \"ref\" and a \"period\" in us; add them");
    // "unique..." is one for each thread, which has its own of that name; others are one for all.
    const bool shared = !ref.starts_with("unique");
    const std::string name = shared ? ref : t.node->key + "/" + ref;
    const uint32_t i = IndexOf(timer_names_, name);
    if (i == w_.timers.size()) w_.timers.push_back({.name = name, .shared = shared});
    w_.timers[i].absolute |= mode == "absolute";
    Add(t, {.kind = OpKind::kPeriod, .object = i, .ns = period_us * 1000}, n.line);
    return {};
  }

  // The tutorial's sync takes the mutex itself, the program expects it to be held: both are read.
  Status CondWait(Task& t, const JsonNode& n, bool sync, const std::set<std::string>& held) {
    std::string ref, mutex;
    OSE_TRY(Walk(n, [&](const JsonNode& v) -> Status {
      if (v.key != "ref" && v.key != "mutex") return Unknown(v, fmt::format(" in '{}'", Name(n.key)), {"ref", "mutex"});
      OSE_ASSIGN((v.key == "ref" ? ref : mutex), NonEmpty(v));
      return {};
    }));
    if (ref.empty() || mutex.empty()) return Fail(n, "needs a \"ref\" and a \"mutex\"; add them");
    const uint32_t condition = IndexOf(w_.conditions, ref), lock = IndexOf(w_.locks, mutex);
    const bool takes = sync && !held.contains(mutex);
    if (takes) Add(t, {.kind = OpKind::kLock, .object = lock}, n.line);
    if (sync) Add(t, {.kind = OpKind::kCondSignal, .object = condition}, n.line);
    Add(t, {.kind = OpKind::kCondWait, .object = condition, .count = lock + 1}, n.line);
    if (takes) Add(t, {.kind = OpKind::kUnlock, .object = lock}, n.line);
    return {};
  }

  // --- The workload ------------------------------------------------------------------------

  // How many of each task can be forked: limited as in rt-app, which ends there.
  void CountForks() {
    for (size_t round = 0; round <= tasks_.size(); ++round) {
      std::vector<double> forks(tasks_.size());
      for (const Task& t : tasks_)
        for (auto [child, times] : t.fork_ops) forks[child] += static_cast<double>(t.instances + t.forks) * times;
      for (size_t i = 0; i < tasks_.size(); ++i)
        tasks_[i].forks = static_cast<int64_t>(std::min(forks[i], static_cast<double>(kForksLimit)));
    }
  }

  void MakeGroups() {
    std::vector<uint32_t> forked_group(tasks_.size());
    bool all_end = true, events = false;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      Task& t = tasks_[i];
      for (const bool forked : {false, true}) {
        const int64_t count = forked ? t.forks : t.instances;
        if (count == 0) continue;
        struct Group g;
        g.name = t.node->key + (forked && t.instances > 0 ? "-fork" : "");
        std::replace(g.name.begin(), g.name.end(), '.', '_');
        g.count = static_cast<int>(count);
        g.weight = t.sched.weight;
        g.affinity = t.sched.cpus;
        g.working_set_kb = t.buffer_kb;
        g.repeat = t.repeat;
        g.forked = forked;
        g.has_start = t.delay_us > 0;
        g.start.a = static_cast<double>(t.delay_us) * 1000;
        g.program = t.program;
        const bool marked = std::any_of(g.program.begin(), g.program.end(), [](const Op& op) { return op.kind == OpKind::kBegin; });
        g.event = marked ? EventKind::kMarked : EventKind::kNone;
        all_end &= !t.repeat && !t.endless;
        events |= marked;
        if (forked) forked_group[i] = static_cast<uint32_t>(w_.groups.size());
        w_.groups.push_back(std::move(g));
        group_task_.push_back(i);
      }
    }
    for (struct Group& g : w_.groups)
      for (Op& op : g.program)
        if (op.kind == OpKind::kFork) op.object = forked_group[op.object];
    w_.run_to_completion = all_end && duration_s_ < 0;
    w_.horizon = duration_s_ > 0 ? Nanos::Seconds(duration_s_) : all_end ? kLongest : kEndless;
    w_.description = fmt::format("rt-app: {} threads of {} tasks", w_.TaskCount(), tasks_.size());
    if (events) w_.objectives = {{.metric = "latency_p99", .direction = Direction::kMinimize}, {.metric = "throughput"}};
    else w_.objectives = {{.metric = "utilization"}};
  }

  const JsonNode& root_;
  const std::string file_;
  Workload w_;
  int64_t duration_s_ = -1, buffer_bytes_ = kDefaultBuffer;
  PolicyKind default_policy_ = PolicyKind::kOther;
  std::string io_device_ = "/dev/null";
  int io_line_ = 1;
  std::set<std::string> resumed_;
  std::vector<Task> tasks_;
  std::map<std::string, uint32_t> task_index_;
  std::vector<size_t> group_task_;
  std::vector<std::string> barrier_names_, timer_names_;
  std::vector<int> barrier_lines_;
};

}  // namespace

Result<Workload> ParseRtApp(std::string_view text, const std::string& file) {
  OSE_ASSIGN(JsonNode root, ParseJsonTree(text, file, kExitBadWorkload));
  return Reader(root, file).Run();
}

int RtAppOperationLine(std::string_view text, const std::string& file, const std::string& group, size_t op) {
  auto root = ParseJsonTree(text, file, kExitBadWorkload);
  if (!root.ok()) return 0;
  Reader reader(*root, file);
  auto workload = reader.Run();
  return workload.ok() ? reader.LineOf(*workload, group, op) : 0;
}

}  // namespace ose
