// What holds for every reply that is applied to a small policy: a crash or abort() otherwise.
#ifndef OSEVOLVE_FUZZ_PATCH_CHECK_H_
#define OSEVOLVE_FUZZ_PATCH_CHECK_H_

#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "core/policy_source.h"
#include "llm/patch.h"

namespace ose {

inline constexpr char kBase[] =
    "TUNABLE(slice_ns, 5'000'000, 1'000, 20'000'000)\n"
    "TUNABLE(mode, 0, 0, 3)\n"
    "struct P {\n"
    "  void enqueue() {\n"
    "    // EVOLVE-BLOCK-START enqueue\n"
    "    insert(0, slice_ns);\n"
    "    count(1);\n"
    "    // EVOLVE-BLOCK-END\n"
    "  }\n"
    "  void dispatch() {\n"
    "    // EVOLVE-BLOCK-START dispatch\n"
    "    move(0);\n"
    "    count(1);\n"
    "    // EVOLVE-BLOCK-END\n"
    "  }\n"
    "};\n";

// What applies keeps the policy's skeleton; what does not has a reason.
inline void CheckPatch(std::string_view reply, PatchKind asked) {
  const PatchResult r = ApplyReply(reply, asked, kBase);
  if (r.ok()) {
    if (*Skeleton(r.source) != *Skeleton(kBase) || r.source.size() > kMaxPatchedSource) abort();
  } else if (r.reason.empty()) {
    abort();
  }
  if (r.summary.size() > 200 || !IsValidUtf8(r.summary) || !IsValidUtf8(r.source)) abort();
}

}  // namespace ose

#endif  // OSEVOLVE_FUZZ_PATCH_CHECK_H_
