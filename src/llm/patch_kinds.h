// The kinds of patches, one function each. Private to patch.cc; the contract is patch.h.
#ifndef OSEVOLVE_LLM_PATCH_KINDS_H_
#define OSEVOLVE_LLM_PATCH_KINDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "llm/patch.h"
#include "llm/patch_reply.h"

namespace ose {

PatchResult ApplyEdits(PatchKind kind, const FoundEdits& found, std::string_view base);
PatchResult ApplyRewrite(const std::vector<Fence>& fences, std::string_view base);
// `asked`: an unknown name in a fence is an error then; else it is taken for other code.
PatchResult ApplyTunables(std::string_view reply, const std::vector<Fence>& fences, std::string_view base, bool asked);

PatchResult Refused(PatchOutcome outcome, PatchKind kind, std::string reason);

// The last word on every kind of patch: only what may change has changed, and something has.
PatchResult Checked(PatchKind kind, std::string_view base, std::string child);

// The code without comments and white space: what a change must change.
std::string CodeOf(std::string_view source);

// The first difference outside the blocks and the defaults: "line 12 of the policy, `a`, became `b`".
std::string OutsideDifference(std::string_view base, std::string_view child);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PATCH_KINDS_H_
