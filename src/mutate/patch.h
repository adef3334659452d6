// A mechanism is more than one edit: a rule in one hook needs what another hook measures, a field to
// keep it in and a number to compare it with. A Patch collects these edits and puts them where the
// policy allows them.
//
// Where it may write is told by the names of the evolve blocks (docs/policy-api.md, section 7):
//   tunables              at file level: new TUNABLEs
//   task_state, cpu_state in the state structs: new fields
//   hooks (policy_state)  in the policy's class: new hooks, members and constants
//   init                  in init(): new queues
//   any block in a hook   lines at its beginning
// What a policy has no block for, it cannot get: Take() then returns nothing.
#ifndef OSEVOLVE_MUTATE_PATCH_H_
#define OSEVOLVE_MUTATE_PATCH_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mutate/operators.h"

namespace ose {

class Patch {
 public:
  Patch(const Program& program, Rng& rng) : p_(program), rng_(rng) {}

  const Program& program() const { return p_; }
  Rng& rng() { return rng_; }
  void Fail() { failed_ = true; }
  bool failed() const { return failed_; }

  void Replace(ast::Range range, std::string text);
  // Whole lines before the line at `offset`, indented as given.
  void InsertLines(size_t offset, std::string lines);

  // Whether lines can be put into a hook: it has a block, or is missing and can be added.
  bool CanHook(std::string_view hook) const;
  bool HasHook(std::string_view hook) const;
  // Lines (indented from 0, each ended) at the beginning of the first block of a hook, which is added when
  // it is missing. `measures`: before all other lines that this patch puts there. Code of a void hook
  // may return.
  void InHook(std::string_view hook, std::string_view lines, bool measures = false);
  // What is done at each wake-up of a task `t`.
  void OnWakeup(std::string_view statement);

  // "t->name", "cpu_state(" and so on: the field's name, added when it is missing. `is_new` tells whether the
  // caller must add what keeps it up to date. The comment explains the field.
  bool TaskField(std::string_view name, std::string_view comment);
  bool CpuField(std::string_view name, std::string_view comment);
  // A u64 of the policy, and a queue of its own; true when new.
  bool Member(std::string_view name, std::string_view comment);
  bool Queue(std::string_view name, uint64_t id, bool per_cpu, std::string_view comment);

  // A time as u64: a number drawn log-uniformly from [lo, hi], as a literal or as a new tunable `role`_ns,
  // or a tunable that is there.
  std::string Time(std::string_view role, uint64_t lo = 1'000, uint64_t hi = 10'000'000);

  // The edits with a note; nothing after Fail().
  std::optional<TreeChange> Take(std::string note);

 private:
  const EvolveBlock* Block(std::string_view name) const;
  const EvolveBlock* BlockIn(std::string_view hook) const;
  bool Field(std::string_view block, const std::vector<Field>& fields, std::string_view name,
             std::string_view comment);

  const Program& p_;
  Rng& rng_;
  bool failed_ = false;
  std::vector<TextEdit> edits_;
  std::map<size_t, std::string> inserted_;  // at offsets
  struct Body {
    std::string measures, rules;
  };
  std::map<std::string, Body, std::less<>> hooks_;
  std::vector<std::string> new_names_;
};

// A value between lo and hi whose logarithm is uniform, with two significant digits.
int64_t LogUniform(Rng& rng, uint64_t lo, uint64_t hi);

// What a kernel knows of a task: a u64 expression over `t`, adding to the patch what measures it.
struct Fact {
  std::string text;
  bool time = false;  // in ns
  std::string name;   // for notes
  std::string id;     // a part of identifiers
  bool grows = false;  // by each ns that the task runs
};
Fact DrawFact(Patch& patch);
Fact Attained(Patch& patch);  // CPU time since it was woken

// A condition that tells tasks apart, in a hook with `t`; `flags` is the name of the enqueue flags there, or "".
std::string DrawClass(Patch& patch, std::string_view flags);

// A slice: short, long or without end.
std::string DrawSlice(Patch& patch);

// cpu_state(c).turn_began: when the turn of the task that runs there began, 0 without one.
void MeasureTurns(Patch& patch);
// cpu_state(c).turn_ID: what `fact` of the running task was when its turn began. Returns its name.
std::string MeasureRank(Patch& patch, const Fact& fact);
// Code for enqueue() that chooses the CPU `victim` whose task has the largest `fact`, if that is larger than
// the one of t by a margin; -1: none (placement_ops.cc).
std::string LargestVictim(Patch& patch, const Fact& fact);

// Text of a user queue that can be named at a place; "" when there is none.
std::string QueueFor(const Program& p, size_t offset, int function, Rng& rng);
bool IsBuiltinQueue(std::string_view text);

// Places in hooks.
const Statement* InsertStatement(const Program& p, Rng& rng, bool user_queue);
int FunctionNamed(const Program& p, std::string_view name);

}  // namespace ose

#endif  // OSEVOLVE_MUTATE_PATCH_H_
