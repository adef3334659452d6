// Any bytes as a workload (first byte even) or machine profile (odd): refused with file and line, or taken; what is
// taken is in normal form, so that writing and reading it again changes nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "workload/machine.h"
#include "workload/workload.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] & 1) {
    const auto machine = ose::ParseMachine(text, "m.toml");
    if (!machine.ok()) Check(machine.error().message.find("m.toml") != std::string::npos);
    else Check(machine->cpus > 0);
    return 0;
  }
  const auto workload = ose::ParseWorkload(text, "w.toml");
  if (!workload.ok()) {
    Check(workload.error().message.find("w.toml") != std::string::npos);
    return 0;
  }
  const std::string written = ose::FormatWorkload(*workload);
  const auto again = ose::ParseWorkload(written, "again.toml");
  Check(again.ok());
  Check(ose::FormatWorkload(*again) == written);
  return 0;
}
