// Any bytes as the text of a scheduling trace: refused with file and line, or a workload that can be written and read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "workload/trace_import.h"
#include "workload/trace_text.h"
#include "workload/workload.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  int64_t seen = 0;
  const auto info = ose::ParseTraceText(text, "t.txt", [&](const ose::SchedEvent&) { ++seen; });
  if (info.ok()) Check(info->events >= seen || info->events > 0);
  else Check(info.error().message.find("t.txt") != std::string::npos);
  const auto imported = ose::ImportTraceText(text, "t.txt", {});
  if (!imported.ok()) {
    Check(!imported.error().message.empty());
    return 0;
  }
  const std::string written = ose::FormatWorkload(imported->workload);
  Check(ose::ParseWorkload(written, "again.toml").ok());
  return 0;
}
