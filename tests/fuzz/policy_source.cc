// Any bytes as a policy source, as far as the trusted side and the first half of the gate look at it: what libclang
// never sees. Token ranges lie in order within the source; what is rewritten parses as before.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/lexer.h"
#include "core/policy_source.h"
#include "gate/report.h"
#include "gate/text_rules.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  size_t end = 0;
  for (const ose::LexToken& t : ose::Lex(source)) {
    Check(end <= t.begin && t.begin < t.end && t.end <= source.size());
    end = t.end;
  }
  if (auto blocks = ose::ParseEvolveBlocks(source); blocks.ok())
    for (const ose::EvolveBlock& b : *blocks) Check(b.begin <= b.end && b.end <= source.size());
  (void)ose::Skeleton(source).ok();
  if (auto normalized = ose::NormalizedSource(source); normalized.ok()) {
    auto tunables = ose::DefaultTunables(source);
    Check(tunables.ok());
    Check(*ose::NormalizedSource(*normalized) == *normalized);
    auto back = ose::SetTunables(*normalized, *tunables);
    Check(back.ok() && *ose::DefaultTunables(*back) == *tunables);
  }
  ose::Report report(source);
  ose::GateOptions options;
  options.skeleton_of = source;
  ose::CheckText(source, options, report);
  for (const ose::GateViolation& v : report.Take(20)) Check(v.line >= 0 && v.rule != "skeleton" && v.message.size() <= 1000);
  return 0;
}
