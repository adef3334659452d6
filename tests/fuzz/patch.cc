// Any reply, applied to a small policy: no crash, and what applies keeps the policy's skeleton.
#include <cstddef>
#include <cstdint>

#include "patch_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  ose::CheckPatch({reinterpret_cast<const char*>(data) + 1, size - 1}, static_cast<ose::PatchKind>(data[0] % 4));
  return 0;
}
