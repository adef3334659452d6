// Prompts: what a model is told before it writes a scheduler.
//
// A prompt is a template (prompts/*.md, which a user may replace with --prompts DIR) filled with
// sections, each a pure function of a PromptInput: equal inputs give equal bytes. The system text
// holds what stays the same for a whole run, so that providers can cache it: rules and API reference.
// Sections are budgeted to the model's window: what is least useful is shortened or left out first,
// in the order of kGiveUp; the parent's source, its measurements and the request always stay.
#ifndef OSEVOLVE_LLM_PROMPT_H_
#define OSEVOLVE_LLM_PROMPT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/metrics.h"
#include "core/stats.h"
#include "llm/patch.h"

namespace ose {

// What is asked for. Each task has a template of its name: prompts/edit.md, ...
enum class PromptTask : uint8_t { kEdit, kDiff, kRewrite, kCrossover, kTunables, kRepair, kNotes };
const char* PromptTaskName(PromptTask task);
// The kind of patch that the answer should be; kEdit for kNotes, whose answer is prose.
PatchKind PatchKindOf(PromptTask task);

struct PromptMetric {
  std::string name, unit;
  Direction better = Direction::kMaximize;
  double weight = 0;           // > 0: an objective
  Interval value;              // mean and 95% interval over the seeds
  std::optional<double> bound; // what no policy can reach beyond, mean over the same seeds
};

struct PromptPolicy {
  std::string title;      // "candidate 17", "shinjuku (hand-written)"
  std::string source;
  double score = 0;       // per cent of the bound
  int seeds = 0;
  std::vector<PromptMetric> metrics;
};

// One step of the parent's descent, or one try that was made from it.
struct PromptStep {
  std::string what;   // "candidate 17, by edit: shorter quantum for ..."
  std::string diff;   // unified; may be ""
  double before = 0, after = 0;  // scores
  std::string failure;           // when it failed: outcome and diagnosis; before/after are then unused
};

struct PromptInput {
  PromptTask task = PromptTask::kEdit;
  std::string api;        // ApiReference()
  std::string workload, machine;  // in words
  std::string workload_file;      // the TOML; "" when it is too long to show
  PromptPolicy parent;
  std::string profile;            // of the parent's schedule, as text; "" when there is none
  std::vector<PromptStep> ancestry;        // oldest first, the parent last
  std::vector<PromptStep> tried;           // children of this parent so far, most recent last
  std::vector<PromptStep> failures;        // recent failures of the run, most recent last
  std::vector<PromptPolicy> inspirations;  // best first
  std::string notes;              // what the run has learnt
  std::string stance;             // prompt variant: prompts/stance-NAME.md
  // kCrossover: the second parent is inspirations[0].
  // kRepair: what failed and why. `failed` is a source that was refused or failed (parent.source is then
  // what it was made from), or a reply whose patch did not apply.
  std::string failed_source, failed_reply, failed_reason;
  PatchKind repair_kind = PatchKind::kEdit;
};

// The source that the answer's patch applies to: parent.source, or failed_source in a repair.
const std::string& PatchBase(const PromptInput& input);

class PromptTemplates {
 public:
  // `dir` holds the shipped templates; files of the same name in `override_dir` ("" = none) replace them.
  // Errors: a missing template, an unknown {{placeholder}} with a suggestion, a file over 64 KiB, an
  // override that is no template's name.
  static Result<PromptTemplates> Load(const std::string& dir, const std::string& override_dir);
  const std::string& Text(const std::string& name) const { return texts_.at(name); }
  // Names of the prompt variants, from the stance-NAME.md files, in order.
  const std::vector<std::string>& stances() const { return stances_; }
  // SHA-256 over all of them: part of a run's identity.
  const std::string& hash() const { return hash_; }

 private:
  std::map<std::string, std::string> texts_;
  std::vector<std::string> stances_;
  std::string hash_;
};

struct Prompt {
  std::string system, user;
  int64_t tokens = 0;                 // estimate of both (EstimateTokens)
  std::vector<std::string> given_up;  // sections that were shortened or left out
};

// `max_tokens` for the whole prompt. kExitUsage when even the shortest form is larger.
Result<Prompt> BuildPrompt(const PromptTemplates& templates, const PromptInput& input, int64_t max_tokens);

// The part of include/osevolve/policy.h that a policy's author needs: rules, constants, services, the task
// view, hooks; without the plumbing. Begins with a line that names the API's version and the text's hash.
std::string ApiReference(std::string_view policy_header);

// Text of a model's reply to kNotes as it is kept: trimmed, printable, at most `max_bytes`.
std::string NotesFromReply(std::string_view reply, size_t max_bytes);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PROMPT_H_
