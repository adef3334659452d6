// Any text as an rt-app file: a workload that its canonical form says again, or an error that is one line and
// names the file.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "workload/rtapp.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto w = ose::ParseRtApp(text, "f.json");
  if (!w.ok()) {
    const std::string& message = w.error().message;
    Check(message.starts_with("f.json") && message.find_first_of("\r\n\x1b") == std::string::npos);
    return 0;
  }
  const std::string canonical = ose::FormatWorkload(*w);
  const auto again = ose::ParseWorkload(canonical, "f");
  Check(again.ok() && ose::FormatWorkload(*again) == canonical);
  return 0;
}
