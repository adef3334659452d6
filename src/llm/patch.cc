#include "llm/patch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/edit_distance.h"
#include "base/utf8.h"
#include "core/lexer.h"
#include "core/policy_source.h"
#include "llm/patch_lines.h"
#include "llm/patch_reply.h"

namespace ose {
namespace {

constexpr size_t kMaxReply = 4 << 20;
constexpr size_t kMaxEdits = 200;
constexpr size_t kShownLines = 8;

PatchResult Refused(PatchOutcome outcome, PatchKind kind, std::string reason) {
  PatchResult r;
  r.outcome = outcome;
  r.kind = kind;
  r.reason = std::move(reason);
  return r;
}

// The code without comments and white space: what a change must change.
std::string CodeOf(std::string_view source) {
  std::string out;
  for (const LexToken& t : Lex(source)) {
    if (t.kind == LexKind::kComment) continue;
    out += t.text;
    out += '\x1f';
  }
  return out;
}

std::string FirstDifference(std::string_view before, std::string_view after) {
  const std::vector<TextLine> a = SplitLines(before), b = SplitLines(after);
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string_view x = i < a.size() ? a[i].text : "", y = i < b.size() ? b[i].text : "";
    if (x != y) return fmt::format("`{}` became `{}`", OneLine(x, 120), OneLine(y, 120));
  }
  return "";
}

// The last word on every kind of patch: only what may change has changed, and something has.
PatchResult Checked(PatchKind kind, std::string_view base, std::string child) {
  if (child.size() > kMaxPatchedSource) return Refused(PatchOutcome::kTooLarge, kind, fmt::format("the patched policy has {} bytes, more than {}", child.size(), kMaxPatchedSource));
  child = ToValidUtf8(child);
  auto want = Skeleton(base);
  auto have = Skeleton(child);
  if (!want.ok()) return Refused(PatchOutcome::kBadStructure, kind, "the policy to change is malformed itself: " + want.error().message);
  if (!have.ok()) return Refused(PatchOutcome::kBadStructure, kind, "the patched policy is malformed: " + have.error().message);
  if (*have != *want)
    return Refused(PatchOutcome::kOutside, kind, "the patch changes text outside the evolve blocks, which must stay as it is: " + FirstDifference(*want, *have) +
                                                     ". Only lines between EVOLVE-BLOCK-START and EVOLVE-BLOCK-END and the defaults of TUNABLEs may change.");
  if (CodeOf(base) == CodeOf(child)) return Refused(PatchOutcome::kNoChange, kind, "the patch changes nothing but white space or comments");
  PatchResult r;
  r.outcome = PatchOutcome::kOk;
  r.kind = kind;
  r.source = std::move(child);
  return r;
}

std::string Excerpt(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < std::min(lines.size(), kShownLines); ++i) text += fmt::format("    {}\n", ToValidUtf8(lines[i].substr(0, 200)));
  if (lines.size() > kShownLines) text += "    ...\n";
  return text;
}

std::string BlockAt(const std::vector<EvolveBlock>& blocks, size_t offset) {
  for (const EvolveBlock& b : blocks)
    if (offset >= b.begin && offset < b.end) return b.name;
  return "";
}

std::string Where(const std::vector<EvolveBlock>& blocks, const std::vector<TextLine>& lines, size_t first, size_t last) {
  const std::string block = BlockAt(blocks, lines[first].begin);
  return fmt::format("{}, {}", first + 1 == last ? fmt::format("line {}", first + 1) : fmt::format("lines {}-{}", first + 1, last),
                     block.empty() ? "outside the evolve blocks" : "in block " + block);
}

struct Replacement {
  size_t begin, end;
  std::string text;
};

// Edits and hunks: find each place, then put all of them in at once.
PatchResult ApplyEdits(PatchKind kind, const FoundEdits& found, std::string_view base) {
  const char* what = kind == PatchKind::kEdit ? "SEARCH text" : "context of the hunk";
  if (!found.error.empty()) return Refused(PatchOutcome::kNoPatch, kind, found.error);
  if (found.edits.empty()) return Refused(PatchOutcome::kNoChange, kind, "the patch changes nothing");
  if (found.edits.size() > kMaxEdits) return Refused(PatchOutcome::kTooLarge, kind, fmt::format("more than {} edits", kMaxEdits));
  auto blocks = ParseEvolveBlocks(base);
  if (!blocks.ok()) return Refused(PatchOutcome::kBadStructure, kind, blocks.error().message);
  const std::vector<TextLine> lines = SplitLines(base);
  std::vector<Replacement> out;
  std::vector<bool> done(found.edits.size(), false);
  for (size_t i = 0; i < found.edits.size(); ++i) {
    if (done[i]) continue;
    const PatchEdit& e = found.edits[i];
    const std::string name = fmt::format("edit {} of {}", i + 1, found.edits.size());
    size_t equal = 0;
    for (size_t j = i; j < found.edits.size(); ++j)
      if (found.edits[j] == e) done[j] = true, ++equal;
    auto text_of = [](const std::vector<std::string>& ls) {
      std::string t;
      for (const std::string& l : ls) t += l + "\n";
      return t;
    };
    if (e.search.empty()) {
      auto b = std::find_if(blocks->begin(), blocks->end(), [&](const EvolveBlock& x) { return x.name == e.block; });
      if (b == blocks->end())
        return Refused(PatchOutcome::kNoMatch, kind, fmt::format("{}: there is nothing to search for, so it is not clear where to insert; show the line before, or name the block: <<<<<<< SEARCH dispatch", name));
      out.push_back({b->begin, b->begin, text_of(e.replace)});
      continue;
    }
    Tolerance used = Tolerance::kExact;
    std::vector<LineRange> all = FindLines(lines, e.search, &used), inside;
    for (const LineRange& r : all) {
      const std::string first = BlockAt(*blocks, lines[r.first].begin), last = BlockAt(*blocks, lines[r.last - 1].begin);
      if (!first.empty() && first == last && (e.block.empty() || e.block == first || kind == PatchKind::kDiff)) inside.push_back(r);
    }
    // A SEARCH that spans markers or a TUNABLE is none of a block; what it changes is checked at the end.
    std::vector<LineRange> places = inside.empty() ? all : inside;
    if (places.empty()) {
      const size_t near = NearestLine(lines, e.search);
      const size_t first = near > 1 ? near - 1 : 0, last = std::min(lines.size(), first + std::max<size_t>(4, std::min(e.search.size() + 2, kShownLines)));
      std::string shown;
      for (size_t k = first; k < last; ++k) shown += fmt::format("  {:>4}| {}\n", k + 1, ToValidUtf8(lines[k].text.substr(0, 200)));
      return Refused(PatchOutcome::kNoMatch, kind,
                     lines.empty() ? "the policy is empty"
                                   : fmt::format("{}: this {} is not in the policy:\n{}the nearest is {}:\n{}", name, what, Excerpt(e.search), Where(*blocks, lines, first, last), shown));
    }
    if (places.size() > 1 && places.size() != equal) {
      std::string list;
      for (size_t k = 0; k < std::min<size_t>(places.size(), 6); ++k) list += (k ? "; " : "") + Where(*blocks, lines, places[k].first, places[k].last);
      return Refused(PatchOutcome::kAmbiguous, kind, fmt::format("{}: this {} occurs in {} places ({}); add lines around it until it is unique, or name the block after SEARCH:\n{}", name, what, places.size(), list, Excerpt(e.search)));
    }
    for (const LineRange& r : places) {
      std::vector<std::string> replace = e.replace;
      if (used >= Tolerance::kIndent) {
        auto says = std::find_if(e.search.begin(), e.search.end(), [](const std::string& l) { return !IsBlank(l); });
        replace = Reindent(replace, *says, lines[r.first].text);
      }
      const size_t end = std::min(lines[r.last - 1].end + 1, base.size());
      out.push_back({lines[r.first].begin, end, text_of(replace)});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Replacement& a, const Replacement& b) { return a.begin < b.begin; });
  std::string child;
  size_t at = 0;
  for (const Replacement& r : out) {
    if (r.begin < at) return Refused(PatchOutcome::kAmbiguous, kind, "two edits change the same lines; make one of them");
    child += base.substr(at, r.begin - at);
    child += r.text;
    at = r.end;
  }
  child += base.substr(at);
  return Checked(kind, base, std::move(child));
}

// A line that stands for others: "// ...", "// rest unchanged". Not one that the base has, too.
std::string Elision(std::string_view content, std::string_view base) {
  for (const TextLine& l : SplitLines(content)) {
    const std::string line = NormalLine(l.text, Tolerance::kSpaces);
    const bool dots = line == "..." || line.starts_with("// ...") || line.starts_with("/* ...");
    const bool words = line.starts_with("//") && (line.find("unchanged") != std::string::npos || line.find("existing code") != std::string::npos || line.find("rest of") != std::string::npos);
    if ((dots || words) && base.find(line) == std::string_view::npos) return line;
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

PatchResult ApplyRewrite(const std::vector<Fence>& fences, std::string_view base) {
  constexpr PatchKind kind = PatchKind::kRewrite;
  std::map<std::string, std::string> blocks;
  bool any = false;
  std::string whole;
  for (const Fence& f : fences) {
    if (f.text.find("EVOLVE-BLOCK-START") == std::string::npos) continue;
    if (!f.closed) return Refused(PatchOutcome::kNoPatch, kind, "the reply was cut off inside its code");
    any = true;
    if (f.text.find("OSEVOLVE_POLICY(") != std::string::npos && f.text.find("#include") != std::string::npos) {
      if (!whole.empty() && whole != f.text) return Refused(PatchOutcome::kAmbiguous, kind, "two whole policies that differ; give one");
      whole = f.text;
    }
    auto found = BlocksOf(f.text);
    if (!found.ok()) return Refused(PatchOutcome::kBadStructure, kind, "the rewritten code is malformed: " + found.error().message);
    for (auto& [name, content] : *found) {
      auto [it, fresh] = blocks.emplace(name, content);
      if (!fresh && it->second != content) return Refused(PatchOutcome::kAmbiguous, kind, "block " + name + " is given twice, with different content");
      if (std::string e = Elision(content, base); !e.empty())
        return Refused(PatchOutcome::kBadStructure, kind, fmt::format("block {} leaves lines out (`{}`): give every block that you change in full", name, OneLine(e, 100)));
    }
  }
  if (!any) return Refused(PatchOutcome::kNoPatch, kind, "there is no code with EVOLVE-BLOCK markers in the reply");
  std::string child(base);
  if (!whole.empty()) {
    // The text outside the blocks is the base's; what the reply has there must mean the same.
    auto mine = Skeleton(whole), theirs = Skeleton(base);
    if (mine.ok() && theirs.ok() && CodeOf(*mine) != CodeOf(*theirs))
      return Refused(PatchOutcome::kOutside, kind, "the rewritten policy differs outside its evolve blocks, which must stay as they are: " + FirstDifference(*theirs, *mine));
    auto tunables = DefaultTunables(whole);
    if (tunables.ok()) {
      if (auto set = SetTunables(child, *tunables); set.ok()) child = *set;
    }
  }
  for (auto& [name, content] : blocks) {
    auto replaced = ReplaceBlock(child, name, content);
    if (!replaced.ok()) {
      auto known = ParseEvolveBlocks(base);
      const bool missing = known.ok() && std::none_of(known->begin(), known->end(), [&](const EvolveBlock& b) { return b.name == name; });
      return Refused(missing ? PatchOutcome::kOutside : PatchOutcome::kBadStructure, kind, replaced.error().message);
    }
    child = *replaced;
  }
  return Checked(kind, base, std::move(child));
}

std::optional<int64_t> Integer(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != '\'' && c != '_' && c != ',') digits += c;
  int64_t v = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return v;
}

// "name = value", "name: value", "\"name\": value,", "TUNABLE(name, value, ...)"; nothing when it is none.
std::optional<std::pair<std::string, std::string>> Assignment(std::string_view line) {
  std::string s = NormalLine(line, Tolerance::kSpaces);
  for (std::string_view prefix : {"TUNABLE(", "- ", "* ", "`"})
    if (s.starts_with(prefix)) {
      const bool macro = prefix == "TUNABLE(";
      s.erase(0, prefix.size());
      if (macro) {
        const size_t comma = s.find(','), next = comma == std::string::npos ? comma : s.find(',', comma + 1);
        if (next == std::string::npos) return std::nullopt;
        s = s.substr(0, comma) + "=" + s.substr(comma + 1, next - comma - 1);
      }
    }
  std::erase(s, '"');
  std::erase(s, '`');
  std::erase(s, '{');
  std::erase(s, '}');
  if (s.find("//") != std::string::npos) s = s.substr(0, s.find("//"));
  while (!s.empty() && (s.back() == ',' || s.back() == ';' || s.back() == ' ' || s.back() == '.')) s.pop_back();
  const size_t at = s.find_first_of("=:");
  if (at == std::string::npos) return std::nullopt;
  std::string name = NormalLine(s.substr(0, at), Tolerance::kSpaces), value = NormalLine(s.substr(at + 1), Tolerance::kSpaces);
  const bool identifier = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return isalnum(c) || c == '_'; }) && !isdigit(static_cast<unsigned char>(name[0]));
  if (!identifier || value.empty()) return std::nullopt;
  return std::pair{name, value};
}

PatchResult ApplyTunables(std::string_view reply, const std::vector<Fence>& fences, std::string_view base, bool asked) {
  constexpr PatchKind kind = PatchKind::kTunables;
  auto decls = ParseTunables(base);
  if (!decls.ok()) return Refused(PatchOutcome::kBadStructure, kind, decls.error().message);
  std::vector<std::string> names;
  for (const TunableDecl& d : *decls) names.push_back(d.name);
  std::string text;
  for (const Fence& f : fences) text += f.text;
  const bool bare = text.empty();
  if (bare) text = reply;
  // A JSON object may stand on one line.
  if (text.find('{') != std::string::npos) {
    for (size_t i = 0; i + 1 < text.size(); ++i)
      if (text[i] == ',' && !isdigit(static_cast<unsigned char>(text[i + 1])) && text[i + 1] != '_') text[i] = '\n';
  }
  Tunables values;
  for (const TextLine& l : SplitLines(text)) {
    auto a = Assignment(l.text);
    if (!a) continue;
    auto d = std::find_if(decls->begin(), decls->end(), [&](const TunableDecl& x) { return x.name == a->first; });
    const std::optional<int64_t> value = Integer(a->second);
    if (d == decls->end()) {
      // In prose, or where code was asked for, a line with a colon is no wrong name.
      if (bare || !asked || !value) continue;
      return Refused(PatchOutcome::kBadTunable, kind, fmt::format("there is no TUNABLE '{}'{} (they are: {})", a->first, DidYouMean(a->first, names), fmt::join(names, ", ")));
    }
    if (!value) return Refused(PatchOutcome::kBadTunable, kind, fmt::format("the value of {} must be one integer, not '{}'", d->name, OneLine(a->second, 60)));
    if (*value < d->min || *value > d->max)
      return Refused(PatchOutcome::kBadTunable, kind, fmt::format("{} = {} is outside its range, {} to {}", d->name, *value, d->min, d->max));
    auto [it, fresh] = values.emplace(d->name, *value);
    if (!fresh && it->second != *value) return Refused(PatchOutcome::kAmbiguous, kind, d->name + " is given two values");
  }
  if (values.empty()) return Refused(PatchOutcome::kNoPatch, kind, "there are no lines \"name = value\" for this policy's TUNABLEs in the reply");
  auto child = SetTunables(base, values);
  if (!child.ok()) return Refused(PatchOutcome::kBadTunable, kind, child.error().message);
  return Checked(kind, base, *child);
}

PatchResult Apply(std::string_view reply, PatchKind asked, std::string_view base) {
  const std::vector<Fence> fences = FindFences(reply);
  const bool has_blocks = std::any_of(fences.begin(), fences.end(), [](const Fence& f) { return f.text.find("EVOLVE-BLOCK-START") != std::string::npos; });
  if (FoundEdits e = FindEdits(reply); e.found) return ApplyEdits(PatchKind::kEdit, e, base);
  if (FoundEdits h = FindHunks(reply); h.found && (asked == PatchKind::kDiff || !has_blocks)) return ApplyEdits(PatchKind::kDiff, h, base);
  if (has_blocks) return ApplyRewrite(fences, base);
  PatchResult t = ApplyTunables(reply, fences, base, asked == PatchKind::kTunables);
  if (t.ok() || asked == PatchKind::kTunables || t.outcome != PatchOutcome::kNoPatch) return t;
  if (!fences.empty() && !fences.back().closed) return Refused(PatchOutcome::kNoPatch, asked, "the reply was cut off inside its code");
  switch (asked) {
    case PatchKind::kEdit: return Refused(PatchOutcome::kNoPatch, asked, "there is no <<<<<<< SEARCH block in the reply");
    case PatchKind::kDiff: return Refused(PatchOutcome::kNoPatch, asked, "there is no unified diff (no @@ line) in the reply");
    default: return Refused(PatchOutcome::kNoPatch, asked, "there is no code with EVOLVE-BLOCK markers in the reply");
  }
}

}  // namespace

const char* PatchKindName(PatchKind kind) {
  switch (kind) {
    case PatchKind::kEdit: return "edit";
    case PatchKind::kDiff: return "diff";
    case PatchKind::kRewrite: return "rewrite";
    case PatchKind::kTunables: return "tunables";
  }
  return "?";
}

const char* PatchOutcomeName(PatchOutcome outcome) {
  switch (outcome) {
    case PatchOutcome::kOk: return "ok";
    case PatchOutcome::kNoPatch: return "no patch";
    case PatchOutcome::kAmbiguous: return "ambiguous";
    case PatchOutcome::kNoMatch: return "no match";
    case PatchOutcome::kOutside: return "outside the blocks";
    case PatchOutcome::kNoChange: return "no change";
    case PatchOutcome::kBadTunable: return "bad tunable";
    case PatchOutcome::kBadStructure: return "bad structure";
    case PatchOutcome::kTooLarge: return "too large";
  }
  return "?";
}

PatchResult ApplyReply(std::string_view reply, PatchKind asked, std::string_view base) {
  if (reply.size() > kMaxReply) return Refused(PatchOutcome::kTooLarge, asked, fmt::format("the reply has {} bytes, more than {}", reply.size(), kMaxReply));
  const std::string text = WithoutThinking(reply);
  PatchResult r = Apply(text, asked, base);
  r.summary = SummaryOf(text);
  return r;
}

std::string PatchInstructions(PatchKind kind) {
  const std::string head = "# The form of your answer\n\nBegin with one line `SUMMARY: ` and what you change and why, in at most 150 characters. Then ";
  switch (kind) {
    case PatchKind::kEdit:
      return head +
             "one or more edits in exactly this form:\n\n"
             "<<<<<<< SEARCH\n    t.insert(kQueue, slice_ns, enq_flags);\n=======\n    t.insert(kQueue, 1'000'000, enq_flags);\n>>>>>>> REPLACE\n\n"
             "SEARCH holds whole lines of the policy as they are now, enough of them to occur only once; REPLACE holds what stands there afterwards (nothing: "
             "they are deleted). The default of a TUNABLE is changed by an edit of its line. Nothing but the edits is applied; they apply all or none.";
    case PatchKind::kDiff:
      return head +
             "a unified diff of the policy, with context:\n\n"
             "```diff\n@@ dispatch @@\n     // EVOLVE-BLOCK-START dispatch\n-    if (!dsq_move_to_local(kQueue)) keep_running(slice_ns);\n+    if (!dsq_move_to_local(kQueue)) keep_running(2 * slice_ns);\n"
             "     // EVOLVE-BLOCK-END\n```\n\n"
             "Line numbers do not matter; context and removed lines must be lines of the policy as they are now. It applies all or none.";
    case PatchKind::kRewrite:
      return head +
             "every evolve block that you change, in full, with its marker lines, in one code fence (or the whole file):\n\n"
             "```cpp\n// EVOLVE-BLOCK-START dispatch\nif (!dsq_move_to_local(kQueue)) keep_running(2 * slice_ns);\n// EVOLVE-BLOCK-END\n```\n\n"
             "Blocks that are not there stay as they are. Leave nothing out inside a block: no \"...\", no \"rest unchanged\".";
    case PatchKind::kTunables:
      return head +
             "the new defaults, one a line, in a code fence:\n\n"
             "```\nslice_ns = 1'000'000\n```\n\nOnly names of TUNABLEs of the policy, whole numbers within their range.";
  }
  return "";
}

}  // namespace ose
