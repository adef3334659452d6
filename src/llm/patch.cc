#include "llm/patch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "core/lexer.h"
#include "core/policy_source.h"
#include "llm/patch_kinds.h"
#include "llm/patch_lines.h"
#include "llm/patch_reply.h"

namespace ose {
namespace {

constexpr size_t kMaxReply = 4 << 20;

// A token outside the blocks and comments, with the defaults made equal.
struct OutsideToken {
  std::string text;
  size_t line;
};
std::vector<OutsideToken> OutsideTokens(const std::string& source) {
  std::vector<OutsideToken> out;
  auto blocks = ParseEvolveBlocks(source);
  size_t next = 0;
  for (const LexToken& t : Lex(source)) {
    while (blocks.ok() && next < blocks->size() && t.begin >= (*blocks)[next].end) ++next;
    const bool inside = blocks.ok() && next < blocks->size() && t.begin >= (*blocks)[next].begin;
    if (!inside && t.kind != LexKind::kComment) out.push_back({std::string(t.text), static_cast<size_t>(t.line)});
  }
  return out;
}

// Whether a fence is an edit or a diff, which may quote the markers of a block.
bool IsQuote(const Fence& f) {
  return f.language == "diff" || f.language == "patch" || f.text.starts_with("@@") ||
         f.text.find("\n@@") != std::string::npos || FindEdits(f.text).found;
}

PatchResult Apply(std::string_view reply, PatchKind asked, std::string_view base) {
  const std::vector<Fence> fences = FindFences(reply);
  std::vector<Fence> code;
  for (const Fence& f : fences)
    if (f.text.find("EVOLVE-BLOCK-START") != std::string::npos && !IsQuote(f)) code.push_back(f);
  const FoundEdits edits = FindEdits(reply), hunks = FindHunks(reply);
  // What was asked for first. Lines "name = value" may also be part of the others, so they come last.
  for (PatchKind kind : {asked, PatchKind::kEdit, PatchKind::kDiff, PatchKind::kRewrite}) {
    if (kind == PatchKind::kEdit && edits.found) return ApplyEdits(kind, edits, base);
    if (kind == PatchKind::kDiff && hunks.found) return ApplyEdits(kind, hunks, base);
    if (kind == PatchKind::kRewrite && !code.empty()) return ApplyRewrite(code, base);
  }
  PatchResult t = ApplyTunables(reply, fences, base, asked == PatchKind::kTunables);
  if (t.ok() || asked == PatchKind::kTunables || t.outcome != PatchOutcome::kNoPatch) return t;
  if (!fences.empty() && !fences.back().closed)
    return Refused(PatchOutcome::kNoPatch, asked, "the reply was cut off inside its code");
  switch (asked) {
    case PatchKind::kEdit:
      return Refused(PatchOutcome::kNoPatch, asked, "there is no <<<<<<< SEARCH block in the reply");
    case PatchKind::kDiff:
      return Refused(PatchOutcome::kNoPatch, asked, "there is no unified diff (no @@ line) in the reply");
    default:
      return Refused(PatchOutcome::kNoPatch, asked, "there is no code with EVOLVE-BLOCK markers in the reply");
  }
}

}  // namespace

PatchResult Refused(PatchOutcome outcome, PatchKind kind, std::string reason) {
  PatchResult r;
  r.outcome = outcome;
  r.kind = kind;
  r.reason = std::move(reason);
  return r;
}

std::string CodeOf(std::string_view source) {
  std::string out;
  for (const LexToken& t : Lex(source)) {
    if (t.kind == LexKind::kComment) continue;
    out += t.text;
    out += '\x1f';
  }
  return out;
}

std::string OutsideDifference(std::string_view base, std::string_view child) {
  auto a = NormalizedSource(base), b = NormalizedSource(child);
  if (!a.ok() || !b.ok()) return "";
  const std::vector<OutsideToken> x = OutsideTokens(*a), y = OutsideTokens(*b);
  size_t k = 0;
  while (k < x.size() && k < y.size() && x[k].text == y[k].text) ++k;
  const std::vector<TextLine> was = SplitLines(*a), is = SplitLines(*b);
  const auto line = [](const std::vector<TextLine>& lines, size_t number) {
    return number > 0 && number <= lines.size() ? OneLine(lines[number - 1].text, 120) : std::string("(the end)");
  };
  if (k == x.size() && k == y.size()) return "markers, comments or white space there differ";
  const size_t from = k < x.size() ? x[k].line : was.size() + 1, to = k < y.size() ? y[k].line : is.size() + 1;
  return fmt::format("line {} of the policy, `{}`, became `{}`", from, line(was, from), line(is, to));
}

PatchResult Checked(PatchKind kind, std::string_view base, std::string child) {
  if (child.size() > kMaxPatchedSource)
    return Refused(PatchOutcome::kTooLarge, kind,
                   fmt::format("the patched policy has {} bytes, more than {}", child.size(), kMaxPatchedSource));
  child = ToValidUtf8(child);
  auto want = Skeleton(base);
  auto have = Skeleton(child);
  if (!want.ok())
    return Refused(PatchOutcome::kBadStructure, kind,
                   "the policy to change is malformed itself: " + want.error().message);
  if (auto tunables = ParseTunables(child); !tunables.ok())
    return Refused(PatchOutcome::kBadTunable, kind, "the patched policy is malformed: " + tunables.error().message);
  if (!have.ok())
    return Refused(PatchOutcome::kBadStructure, kind, "the patched policy is malformed: " + have.error().message);
  if (*have != *want)
    return Refused(
        PatchOutcome::kOutside, kind,
        "the patch changes text outside the evolve blocks, which must stay as it is: " +
            OutsideDifference(base, child) +
            ". Only lines between EVOLVE-BLOCK-START and EVOLVE-BLOCK-END and the defaults of TUNABLEs may change.");
  if (CodeOf(base) == CodeOf(child))
    return Refused(PatchOutcome::kNoChange, kind, "the patch changes nothing but white space or comments");
  PatchResult r;
  r.outcome = PatchOutcome::kOk;
  r.kind = kind;
  r.source = std::move(child);
  return r;
}

const char* PatchKindName(PatchKind kind) {
  switch (kind) {
    case PatchKind::kEdit:
      return "edit";
    case PatchKind::kDiff:
      return "diff";
    case PatchKind::kRewrite:
      return "rewrite";
    case PatchKind::kTunables:
      return "tunables";
  }
  return "?";
}

const char* PatchOutcomeName(PatchOutcome outcome) {
  switch (outcome) {
    case PatchOutcome::kOk:
      return "ok";
    case PatchOutcome::kNoPatch:
      return "no patch";
    case PatchOutcome::kAmbiguous:
      return "ambiguous";
    case PatchOutcome::kNoMatch:
      return "no match";
    case PatchOutcome::kOutside:
      return "outside the blocks";
    case PatchOutcome::kNoChange:
      return "no change";
    case PatchOutcome::kBadTunable:
      return "bad tunable";
    case PatchOutcome::kBadStructure:
      return "bad structure";
    case PatchOutcome::kTooLarge:
      return "too large";
  }
  return "?";
}

PatchResult ApplyReply(std::string_view reply, PatchKind asked, std::string_view base) {
  reply = reply.substr(0, kMaxReply);  // what follows is as good as cut off
  const std::string text = WithoutThinking(reply);
  PatchResult r = Apply(text, asked, base);
  r.summary = SummaryOf(text);
  return r;
}

std::string PatchInstructions(PatchKind kind) {
  const std::string head =
      "# The form of your answer\n\nBegin with one line `SUMMARY: ` and what you change and why, in at most 150 "
      "characters. Then ";
  switch (kind) {
    case PatchKind::kEdit:
      return head +
             "one or more edits in exactly this form:\n\n"
             "<<<<<<< SEARCH\n    t.insert(kQueue, slice_ns, enq_flags);\n=======\n    t.insert(kQueue, 1'000'000, "
             "enq_flags);\n>>>>>>> REPLACE\n\n"
             "SEARCH holds whole lines of the policy as they are now, enough of them to occur only once; REPLACE holds "
             "what stands there afterwards (nothing: "
             "they are deleted). The default of a TUNABLE is changed by an edit of its line. Nothing but the edits is "
             "applied; they apply all or none.";
    case PatchKind::kDiff:
      return head +
             "a unified diff of the policy, with context:\n\n"
             "```diff\n@@ dispatch @@\n     // EVOLVE-BLOCK-START dispatch\n-    if (!dsq_move_to_local(kQueue)) "
             "keep_running(slice_ns);\n+    if (!dsq_move_to_local(kQueue)) keep_running(2 * slice_ns);\n"
             "     // EVOLVE-BLOCK-END\n```\n\n"
             "Line numbers do not matter; context and removed lines must be lines of the policy as they are now. It "
             "applies all or none.";
    case PatchKind::kRewrite:
      return head +
             "every evolve block that you change, in full, with its marker lines, in one code fence (or the whole "
             "file):\n\n"
             "```cpp\n// EVOLVE-BLOCK-START dispatch\nif (!dsq_move_to_local(kQueue)) keep_running(2 * slice_ns);\n// "
             "EVOLVE-BLOCK-END\n```\n\n"
             "Blocks that are not there stay as they are. Leave nothing out inside a block: no \"...\", no \"rest "
             "unchanged\".";
    case PatchKind::kTunables:
      return head +
             "the new defaults, one a line, in a code fence:\n\n"
             "```\nslice_ns = 1'000'000\n```\n\nOnly names of TUNABLEs of the policy, whole numbers within their "
             "range.";
  }
  return "";
}

}  // namespace ose
