// Whole files and whole evolve blocks.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "core/policy_source.h"
#include "llm/patch_kinds.h"
#include "llm/patch_lines.h"

namespace ose {
namespace {

// A line that stands for others, unless the policy has it, too; "" when there is none.
std::string Elision(std::string_view content, LineFinder* base) {
  for (const TextLine& l : SplitLines(content)) {
    Tolerance used;
    if (IsElision(l.text) && base->Find({std::string(l.text)}, &used).empty()) return std::string(l.text);
  }
  return "";
}

// The blocks of a text that need not be a whole policy: name -> content.
Result<std::map<std::string, std::string>> BlocksOf(const std::string& text) {
  OSE_ASSIGN(std::vector<EvolveBlock> blocks, ParseEvolveBlocks(text));
  std::map<std::string, std::string> out;
  for (const EvolveBlock& b : blocks) out[b.name] = text.substr(b.begin, b.end - b.begin);
  return out;
}

}  // namespace

PatchResult ApplyRewrite(const std::vector<Fence>& fences, std::string_view base) {
  constexpr PatchKind kind = PatchKind::kRewrite;
  std::map<std::string, std::string> blocks;
  bool any = false;
  std::string whole;
  const std::vector<TextLine> lines = SplitLines(base);
  LineFinder finder(lines);
  for (const Fence& f : fences) {
    if (f.text.find("EVOLVE-BLOCK-START") == std::string::npos) continue;
    if (!f.closed) return Refused(PatchOutcome::kNoPatch, kind, "the reply was cut off inside its code");
    any = true;
    if (f.text.find("OSEVOLVE_POLICY(") != std::string::npos && f.text.find("#include") != std::string::npos) {
      if (!whole.empty() && whole != f.text)
        return Refused(PatchOutcome::kAmbiguous, kind, "two whole policies that differ; give one");
      whole = f.text;
    }
    auto found = BlocksOf(f.text);
    if (!found.ok())
      return Refused(PatchOutcome::kBadStructure, kind, "the rewritten code is malformed: " + found.error().message);
    for (auto& [name, content] : *found) {
      auto [it, fresh] = blocks.emplace(name, content);
      if (!fresh && it->second != content)
        return Refused(PatchOutcome::kAmbiguous, kind, "block " + name + " is given twice, with different content");
      if (std::string e = Elision(content, &finder); !e.empty())
        return Refused(PatchOutcome::kBadStructure, kind,
                       fmt::format("block {} leaves lines out (`{}`): give every block that you change in full", name,
                                   OneLine(e, 100)));
    }
  }
  if (!any) return Refused(PatchOutcome::kNoPatch, kind, "there is no code with EVOLVE-BLOCK markers in the reply");
  std::string child(base);
  if (!whole.empty()) {
    // The text outside the blocks is the base's; what the reply has there must mean the same.
    auto tunables = DefaultTunables(whole);
    if (!tunables.ok()) return Refused(PatchOutcome::kBadTunable, kind, tunables.error().message);
    auto mine = Skeleton(whole), theirs = Skeleton(base);
    if (!mine.ok() || !theirs.ok())
      return Refused(PatchOutcome::kBadStructure, kind, (mine.ok() ? theirs : mine).error().message);
    if (CodeOf(*mine) != CodeOf(*theirs))
      return Refused(PatchOutcome::kOutside, kind,
                     "the rewritten policy differs outside its evolve blocks, which must stay as they are: " +
                         OutsideDifference(base, whole));
    auto set = SetTunables(child, *tunables);
    if (!set.ok()) return Refused(PatchOutcome::kBadTunable, kind, set.error().message);
    child = *set;
  }
  for (auto& [name, content] : blocks) {
    auto replaced = ReplaceBlock(child, name, content);
    if (!replaced.ok()) {
      auto known = ParseEvolveBlocks(base);
      const bool missing = known.ok() && std::none_of(known->begin(), known->end(),
                                                      [&](const EvolveBlock& b) { return b.name == name; });
      return Refused(missing ? PatchOutcome::kOutside : PatchOutcome::kBadStructure, kind, replaced.error().message);
    }
    child = *replaced;
  }
  return Checked(kind, base, std::move(child));
}

}  // namespace ose
