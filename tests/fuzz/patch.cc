// Any reply, applied to a small policy: no crash, and what applies keeps the policy's skeleton.
#include <cstdlib>

#include "base/utf8.h"
#include "core/policy_source.h"
#include "llm/patch.h"

namespace {

constexpr char kBase[] =
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto asked = static_cast<ose::PatchKind>(data[0] % 4);
  const std::string_view reply(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ose::PatchResult r = ose::ApplyReply(reply, asked, kBase);
  if (r.ok()) {
    if (*ose::Skeleton(r.source) != *ose::Skeleton(kBase) || r.source.size() > ose::kMaxPatchedSource) abort();
  } else if (r.reason.empty()) {
    abort();
  }
  if (r.summary.size() > 200 || !ose::IsValidUtf8(r.summary) || !ose::IsValidUtf8(r.source)) abort();
  return 0;
}
