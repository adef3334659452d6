// Any bytes as a bundle of the knowledge base. The first byte says how far they come: '0': as they are; '1': as contents,
// with a checksum that fits; '2': parts between zero bytes, put together with all hashes right, so that workloads and
// machines are reached. Refused in one clean line, or taken; what is taken is written and read again without a change.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/bundle_check.h"
#include "store/bundle.h"
#include "store/bundle_fields.h"
#include "workload/workload.h"

namespace {

using nlohmann::json;

void Check(bool holds) {
  if (!holds) abort();
}

void CheckError(const ose::Error& e) {
  Check(e.message.starts_with("f.json: "));
  Check(ose::WhyUnprintable(e.message, false).empty());
}

void Read(std::string_view text) {
  auto bundle = ose::ParseBundle(text, "f.json");
  if (!bundle.ok()) return CheckError(bundle.error());
  for (const ose::PolicyRecord& p : bundle->policies) Check(ose::WhyNoName(p.name).empty() && ose::Sha256Hex(p.source) == p.hash);
  for (const ose::EvaluationRecord& e : bundle->evaluations) Check(e.imported);
  const std::string written = ose::FormatBundle(*bundle);
  const auto again = ose::ParseBundle(written, "again.json");
  Check(again.ok());
  Check(ose::FormatBundle(*again) == written);
  if (const ose::Status s = ose::CheckBundle(&*bundle, "f.json"); !s.ok()) return CheckError(s.error());
  for (const ose::WorkloadRecord& w : bundle->workloads) Check(!w.signature.empty());
}

void Sealed(std::string_view contents) {
  // Deep nesting is for ParseBundle to refuse; here it would overflow the stack of this file's own reader.
  if (std::count(contents.begin(), contents.end(), '[') + std::count(contents.begin(), contents.end(), '{') > 1000) return;
  const json j = json::parse(contents, nullptr, false);
  if (j.is_discarded()) return;
  const std::string canonical = j.dump(-1, ' ', false, json::error_handler_t::replace);
  Read("{\"kind\":\"osevolve knowledge bundle\",\"format\":1,\"sha256\":\"" + ose::Sha256Hex(canonical) + "\",\"contents\":" + canonical + "}");
}

// name, author, source, workload, machine, metrics
void Composed(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t at = 0; parts.size() < 6; at = text.find('\0', at) + 1) {
    parts.emplace_back(text.substr(at, text.find('\0', at) - at));
    if (text.find('\0', at) == text.npos) break;
  }
  parts.resize(6);
  for (const std::string& p : parts)
    if (!ose::IsValidUtf8(p)) return;  // is replaced as it is written, and then the hashes are wrong
  const auto workload = ose::ParseWorkload(parts[3].find("file") == parts[3].npos ? parts[3] : "", "w");
  ose::Bundle b;
  b.policies = {{.hash = ose::Sha256Hex(parts[2]), .source = parts[2], .name = parts[0], .author = parts[1]}};
  b.workloads = {{.hash = workload.ok() ? ose::WorkloadHash(*workload) : ose::Sha256Hex(parts[3]), .name = "w", .text = parts[3]}};
  b.machines = {{.hash = ose::Sha256Hex(parts[4]), .name = "m", .text = parts[4]}};
  b.evaluations = {{.policy = b.policies[0].hash, .workload = b.workloads[0].hash, .machine = b.machines[0].hash, .host = "sim", .seeds = 2,
                    .metrics_json = "{}", .versions_json = "{}"}};
  if (const json metrics = json::parse(parts[5].substr(0, 1000), nullptr, false); metrics.is_object()) b.evaluations[0].metrics_json = metrics.dump();
  Read(ose::FormatBundle(b));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {  // '0' is 48: a multiple of 4
    case 0: Read(text); break;
    case 1: Sealed(text); break;
    default: Composed(text);
  }
  return 0;
}
