// Patches: from a model's reply to a new policy source, or to the reason why not.
//
// A reply is prose with one patch in it, of the kind that was asked for; another kind that is
// recognised is taken as well. All or nothing: when one part does not apply, nothing does. Only the
// text inside evolve blocks and the defaults of tunables may change; new TUNABLE declarations and
// helpers are not possible, because they lie outside. Whatever the reply says is data: it is
// never executed, and the gate looks at the result afterwards like at any candidate.
#ifndef OSEVOLVE_LLM_PATCH_H_
#define OSEVOLVE_LLM_PATCH_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace ose {

enum class PatchKind : uint8_t {
  kEdit,      // SEARCH/REPLACE blocks
  kDiff,      // a unified diff
  kRewrite,   // the whole file, or whole evolve blocks, in a code fence
  kTunables,  // lines "name = value" in a code fence
};
const char* PatchKindName(PatchKind kind);

// Each reply ends as one of these; everything but kOk has a reason.
enum class PatchOutcome : uint8_t {
  kOk,
  kNoPatch,      // prose only, or a fence that is no patch
  kAmbiguous,    // several patches that contradict each other, or a SEARCH that fits in several places
  kNoMatch,      // a SEARCH or hunk is not in the source; the reason shows the nearest lines
  kOutside,      // it would change text outside the evolve blocks
  kNoChange,     // applies, and changes nothing but white space or comments
  kBadTunable,   // unknown name, no integer, outside [min, max]
  kBadStructure, // brackets that do not balance, markers inside a block
  kTooLarge,     // the result exceeds kMaxPatchedSource
};
const char* PatchOutcomeName(PatchOutcome outcome);

inline constexpr size_t kMaxPatchedSource = 256 << 10;

struct PatchResult {
  PatchOutcome outcome = PatchOutcome::kNoPatch;
  PatchKind kind = PatchKind::kEdit;  // what was found, whatever was asked for
  std::string source;   // when ok: the child
  std::string reason;   // otherwise: for the next prompt; names the block and shows the nearest lines
  std::string summary;  // the model's own one-line summary ("SUMMARY: ..."), else its first sentence; at most 200 bytes, one line, printable
  bool ok() const { return outcome == PatchOutcome::kOk; }
  // Whether asking the model once more, with the reason, makes sense.
  bool repairable() const { return outcome != PatchOutcome::kOk && outcome != PatchOutcome::kTooLarge; }
};

// `reply` is any bytes; `base` is the source that the prompt showed (it has evolve blocks).
PatchResult ApplyReply(std::string_view reply, PatchKind asked, std::string_view base);

// The part of a prompt that states the form of the answer, with an example.
std::string PatchInstructions(PatchKind kind);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PATCH_H_
