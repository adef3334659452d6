#include "gate/call_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace ose {
namespace {

// Services that sched_ext allows in certain hooks only (the kfunc sets of kernel/sched/ext.c;
// scx_bpf_select_cpu_dfl belongs to ops.select_cpu; inserting to the hooks that hold a runnable
// task which is in no queue yet).
const std::map<std::string_view, std::set<std::string_view>>& Contexts() {
  static const std::map<std::string_view, std::set<std::string_view>> contexts = {
      {"dsq_create", {"init"}},
      {"dsq_move_to_local", {"dispatch"}},
      {"keep_running", {"dispatch"}},
      {"select_dfl", {"select_cpu"}},
      {"insert", {"select_cpu", "enqueue"}},
      {"insert_vtime", {"select_cpu", "enqueue"}},
  };
  return contexts;
}

class CallGraph {
 public:
  CallGraph(const std::vector<FunctionCalls>& functions, Report& report)
      : functions_(functions), report_(report) {}

  void Check() {
    for (size_t i = 0; i < functions_.size(); ++i) {
      visited_.assign(functions_.size(), false);
      FindCycle(i, i, functions_[i].offset);
      if (functions_[i].hook) {
        std::set<size_t> seen;
        CheckContext(i, functions_[i].name, seen);
      }
    }
  }

 private:
  // Index of the definition, or -1.
  int Find(CXCursor callee) const {
    for (size_t i = 0; i < functions_.size(); ++i)
      if (clang_equalCursors(functions_[i].function, callee)) return static_cast<int>(i);
    return -1;
  }

  // Reports a call chain from `start` back to itself, at the call that leaves `start`.
  bool FindCycle(size_t start, size_t at, size_t first_call) {
    if (visited_[at]) return false;
    visited_[at] = true;
    for (const FunctionCalls::Call& call : functions_[at].calls) {
      int next = call.service ? -1 : Find(call.callee);
      if (next < 0) continue;
      size_t place = at == start ? call.offset : first_call;
      if (static_cast<size_t>(next) == start) {
        report_.Add(
            place, "recursion",
            fmt::format(
                "{}() calls itself{}, which the verifier refuses because it cannot bound the stack; use "
                "for_n with a bound",
                functions_[start].name, at == start ? "" : " through " + functions_[at].name + "()"));
        return true;
      }
      if (FindCycle(start, next, place)) return true;
    }
    return false;
  }

  void CheckContext(size_t at, const std::string& hook, std::set<size_t>& seen) {
    if (!seen.insert(at).second) return;
    for (const FunctionCalls::Call& call : functions_[at].calls) {
      if (call.service) {
        auto allowed = Contexts().find(call.name);
        if (allowed == Contexts().end() || allowed->second.contains(hook)) continue;
        std::string hooks;
        for (std::string_view h : allowed->second)
          hooks += fmt::format("{}{}()", hooks.empty() ? "" : ", ", h);
        report_.Add(
            call.offset, "context",
            fmt::format(
                "{}() is reached from the hook {}(), where sched_ext ejects the policy for it; call it in "
                "{} only",
                call.name, hook, hooks));
      } else if (int next = Find(call.callee); next >= 0) {
        CheckContext(next, hook, seen);
      }
    }
  }

  const std::vector<FunctionCalls>& functions_;
  Report& report_;
  std::vector<bool> visited_;
};

}  // namespace

bool IsHookName(std::string_view name) {
  static const std::set<std::string_view> hooks = {
      "init",        "exit",       "init_task",   "exit_task", "enable",     "disable",
      "select_cpu",  "enqueue",    "dequeue",     "dispatch",  "runnable",   "running",
      "stopping",    "quiescent",  "tick",        "yield",     "set_weight", "set_cpumask",
      "update_idle", "cpu_online", "cpu_offline", "timer"};
  return hooks.contains(name);
}

void CheckCalls(const std::vector<FunctionCalls>& functions, Report& report) {
  CallGraph(functions, report).Check();
}

}  // namespace ose
