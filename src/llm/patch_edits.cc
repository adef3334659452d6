// Edits and hunks: find each place, then put all of them in at once.
#include <fmt/format.h>

#include <algorithm>

#include "base/edit_distance.h"
#include "base/utf8.h"
#include "core/policy_source.h"
#include "llm/patch_kinds.h"
#include "llm/patch_lines.h"

namespace ose {
namespace {

constexpr size_t kMaxEdits = 200;
constexpr size_t kShownLines = 8;

std::string Excerpt(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < std::min(lines.size(), kShownLines); ++i)
    text += fmt::format("    {}\n", ToValidUtf8(lines[i].substr(0, 200)));
  if (lines.size() > kShownLines) text += "    ...\n";
  return text;
}

std::string BlockAt(const std::vector<EvolveBlock>& blocks, size_t offset) {
  for (const EvolveBlock& b : blocks)
    if (offset >= b.begin && offset < b.end) return b.name;
  return "";
}

std::string Where(const std::vector<EvolveBlock>& blocks, const std::vector<TextLine>& lines, size_t first,
                  size_t last) {
  const std::string block = BlockAt(blocks, lines[first].begin);
  return fmt::format(
      "{}, {}", first + 1 == last ? fmt::format("line {}", first + 1) : fmt::format("lines {}-{}", first + 1, last),
      block.empty() ? "outside the evolve blocks" : "in block " + block);
}

struct Replacement {
  size_t begin, end;
  std::string text;
};

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& l : lines) text += l + "\n";
  return text;
}

PatchResult Added() {
  PatchResult r;
  r.outcome = PatchOutcome::kOk;
  return r;
}

// The policy and what has been found in it so far.
class Editor {
 public:
  Editor(PatchKind kind, std::string_view base, std::vector<EvolveBlock> blocks,
         const std::vector<TunableDecl>& tunables)
      : kind_(kind),
        base_(base),
        lines_(SplitLines(base)),
        finder_(lines_),
        blocks_(std::move(blocks)),
        tunables_(tunables) {}

  // Adds the replacements of an edit that the reply has `equal` times; a refusal when it has no place.
  PatchResult Add(const PatchEdit& edit, size_t equal, const std::string& name);
  PatchResult Finish();

 private:
  // What an edit at a place would change: the inside of one block, perhaps something that may change, or
  // nothing of the kind.
  enum class Reach { kBlock, kPerhaps, kOutside };
  struct Place {
    LineRange range;
    Replacement change;
    Reach reach;
  };

  const char* What() const { return kind_ == PatchKind::kEdit ? "SEARCH text" : "context of the hunk"; }
  PatchResult Insert(const PatchEdit& edit, const std::string& name);
  PatchResult NotFound(const PatchEdit& edit, const std::string& name) const;
  Place PlaceAt(const PatchEdit& edit, const LineRange& range, Tolerance used) const;
  static void KeepBest(std::vector<Place>* places);
  void KeepNearest(size_t line, std::vector<Place>* places) const;

  PatchKind kind_;
  std::string_view base_;
  std::vector<TextLine> lines_;
  LineFinder finder_;
  std::vector<EvolveBlock> blocks_;
  std::vector<TunableDecl> tunables_;
  std::vector<Replacement> changes_;
};

PatchResult Editor::Insert(const PatchEdit& edit, const std::string& name) {
  std::vector<std::string> names;
  for (const EvolveBlock& b : blocks_) {
    if (b.name == edit.block) {
      changes_.push_back({b.begin, b.begin, Joined(edit.replace)});
      return Added();
    }
    names.push_back(b.name);
  }
  if (kind_ == PatchKind::kDiff)
    return Refused(PatchOutcome::kNoMatch, kind_,
                   name +
                       ": the hunk has neither context nor removed lines, so its place is not clear; show the "
                       "line before");
  return Refused(PatchOutcome::kNoMatch, kind_,
                 fmt::format("{}: there is nothing to search for, so it is not clear where to insert; show the line "
                             "before, or name the block: <<<<<<< SEARCH {}{}",
                             name, names.empty() ? "name" : names[0], DidYouMean(edit.block, names)));
}

PatchResult Editor::NotFound(const PatchEdit& edit, const std::string& name) const {
  if (lines_.empty()) return Refused(PatchOutcome::kNoMatch, kind_, "the policy is empty");
  const size_t near = NearestLine(lines_, edit.search), first = near > 1 ? near - 1 : 0;
  const size_t many = std::max<size_t>(4, std::min(edit.search.size() + 2, kShownLines));
  const size_t last = std::min(lines_.size(), first + many);
  std::string shown;
  for (size_t k = first; k < last; ++k)
    shown += fmt::format("  {:>4}| {}\n", k + 1, ToValidUtf8(lines_[k].text.substr(0, 200)));
  const std::string block = BlockAt(blocks_, lines_[near].begin);
  return Refused(PatchOutcome::kNoMatch, kind_,
                 fmt::format("{}: this {} is not in the policy:\n{}the nearest lines are {}-{}, {}:\n{}", name, What(),
                             Excerpt(edit.search), first + 1, last,
                             block.empty() ? "outside the evolve blocks" : "in block " + block, shown));
}

Editor::Place Editor::PlaceAt(const PatchEdit& edit, const LineRange& range, Tolerance used) const {
  // Lines that the edit repeats at its ends are context: they stay as the policy has them.
  const size_t common = std::min(edit.search.size(), edit.replace.size());
  size_t front = 0, back = 0;
  while (front < common && edit.search[front] == edit.replace[front]) ++front;
  while (back < common - front && edit.search.rbegin()[static_cast<std::ptrdiff_t>(back)] ==
                                      edit.replace.rbegin()[static_cast<std::ptrdiff_t>(back)])
    ++back;
  const std::vector<size_t> map = LineMap(lines_, edit.search, range, used);
  size_t first = range.first, last = range.last;
  for (size_t i = 0; i < front; ++i)
    if (map[i] < lines_.size()) first = map[i] + 1;
  for (size_t i = map.size(); i > map.size() - back; --i)
    if (map[i - 1] < lines_.size()) last = map[i - 1];
  last = std::max(first, last);

  Place place{range, {}, Reach::kOutside};
  const auto at = [&](size_t line) { return line < lines_.size() ? lines_[line].begin : base_.size(); };
  place.change.begin = at(first);
  place.change.end = at(last);
  std::vector<std::string> middle(edit.replace.begin() + static_cast<std::ptrdiff_t>(front),
                                  edit.replace.end() - static_cast<std::ptrdiff_t>(back));
  if (used >= Tolerance::kIndent) {
    // The line of the search beside the change tells the indentation.
    size_t index = front;
    while (index < edit.search.size() && IsBlank(edit.search[index])) ++index;
    if (index == edit.search.size())
      for (index = front - 1; IsBlank(edit.search[index]);) --index;
    middle = Reindent(middle, edit.search[index], lines_[map[index]].text);
  }
  place.change.text = Joined(middle);

  const size_t begin = place.change.begin, end = place.change.end;
  for (const EvolveBlock& b : blocks_) {
    if (begin >= b.begin && end <= b.end)
      place.reach = Reach::kBlock;
    else if (begin < b.end && end > b.begin)
      place.reach = Reach::kPerhaps;
  }
  for (const TunableDecl& t : tunables_)
    if (place.reach == Reach::kOutside && begin < t.default_end && end > t.default_begin) place.reach = Reach::kPerhaps;
  return place;
}

// A place outside the blocks is no rival of one inside.
void Editor::KeepBest(std::vector<Place>* places) {
  Reach best = Reach::kOutside;
  for (const Place& p : *places) best = std::min(best, p.reach);
  std::erase_if(*places, [&](const Place& p) { return p.reach != best; });
}

// The line in the header of a hunk is often wrong, but it may tell equal places apart.
void Editor::KeepNearest(size_t line, std::vector<Place>* places) const {
  const auto distance = [&](const Place& p) {
    return p.range.first + 1 > line ? p.range.first + 1 - line : line - p.range.first - 1;
  };
  size_t least = SIZE_MAX;
  for (const Place& p : *places) least = std::min(least, distance(p));
  std::erase_if(*places, [&](const Place& p) { return distance(p) != least; });
}

PatchResult Editor::Add(const PatchEdit& edit, size_t equal, const std::string& name) {
  for (const std::string& l : edit.replace) {
    Tolerance used;
    if (IsElision(l) && finder_.Find({l}, &used).empty())
      return Refused(PatchOutcome::kBadStructure, kind_,
                     fmt::format("{} leaves lines out (`{}`): write all of the new lines", name, OneLine(l, 100)));
  }
  if (std::all_of(edit.search.begin(), edit.search.end(), IsBlank)) return Insert(edit, name);
  Tolerance used = Tolerance::kExact;
  const std::vector<LineRange> found = finder_.Find(edit.search, &used);
  // To tell so many places apart would take long, and no reply has an edit for each.
  if (found.size() > kMaxEdits)
    return Refused(PatchOutcome::kAmbiguous, kind_,
                   fmt::format("{}: this {} occurs in {} places; add lines around it until it is unique:\n{}", name,
                               What(), found.size(), Excerpt(edit.search)));
  std::vector<Place> places;
  for (const LineRange& r : found) places.push_back(PlaceAt(edit, r, used));
  if (places.empty()) return NotFound(edit, name);
  KeepBest(&places);
  const bool named = std::any_of(places.begin(), places.end(), [&](const Place& p) {
    return !edit.block.empty() && BlockAt(blocks_, lines_[p.range.first].begin) == edit.block;
  });
  if (named)
    std::erase_if(places, [&](const Place& p) { return BlockAt(blocks_, lines_[p.range.first].begin) != edit.block; });
  if (places[0].reach == Reach::kOutside)
    return Refused(PatchOutcome::kOutside, kind_,
                   fmt::format("{} changes {}, and only the lines between EVOLVE-BLOCK-START and EVOLVE-BLOCK-END and "
                               "the defaults of TUNABLEs may change:\n{}would become\n{}",
                               name, Where(blocks_, lines_, places[0].range.first, places[0].range.last),
                               Excerpt(edit.search), Excerpt(edit.replace)));
  if (places.size() > 1 && edit.line > 0) KeepNearest(edit.line, &places);
  if (places.size() > 1 && places.size() != equal) {
    std::string list;
    for (size_t k = 0; k < std::min<size_t>(places.size(), 6); ++k)
      list += (k ? "; " : "") + Where(blocks_, lines_, places[k].range.first, places[k].range.last);
    return Refused(
        PatchOutcome::kAmbiguous, kind_,
        fmt::format("{}: this {} occurs in {} places ({}{}); add lines around it until it is unique{}:\n{}", name,
                    What(), places.size(), list, places.size() > 6 ? "; ..." : "",
                    kind_ == PatchKind::kEdit ? ", or name the block after SEARCH" : "", Excerpt(edit.search)));
  }
  for (Place& p : places) changes_.push_back(std::move(p.change));
  return Added();
}

PatchResult Editor::Finish() {
  std::stable_sort(changes_.begin(), changes_.end(),
                   [](const Replacement& a, const Replacement& b) { return a.begin < b.begin; });
  std::string child;
  size_t at = 0;
  for (const Replacement& r : changes_) {
    if (r.begin < at)
      return Refused(
          PatchOutcome::kAmbiguous, kind_,
          fmt::format("two edits change the same lines, around line {}; make one of them",
                      1 + std::count(base_.begin(), base_.begin() + static_cast<std::ptrdiff_t>(r.begin), '\n')));
    child += base_.substr(at, r.begin - at);
    child += r.text;
    at = r.end;
  }
  child += base_.substr(at);
  return Checked(kind_, base_, std::move(child));
}

}  // namespace

PatchResult ApplyEdits(PatchKind kind, const FoundEdits& found, std::string_view base) {
  if (!found.error.empty()) return Refused(PatchOutcome::kNoPatch, kind, found.error);
  if (found.edits.empty()) return Refused(PatchOutcome::kNoChange, kind, "the patch changes nothing");
  if (found.edits.size() > kMaxEdits)
    return Refused(PatchOutcome::kTooLarge, kind, fmt::format("more than {} edits", kMaxEdits));
  auto blocks = ParseEvolveBlocks(base);
  auto tunables = ParseTunables(base);
  if (!blocks.ok() || !tunables.ok())
    return Refused(
        PatchOutcome::kBadStructure, kind,
        "the policy to change is malformed itself: " + (blocks.ok() ? tunables.error() : blocks.error()).message);
  Editor editor(kind, base, std::move(*blocks), *tunables);
  std::vector<bool> done(found.edits.size(), false);
  for (size_t i = 0; i < found.edits.size(); ++i) {
    if (done[i]) continue;
    size_t equal = 0;
    for (size_t j = i; j < found.edits.size(); ++j)
      if (found.edits[j] == found.edits[i]) done[j] = true, ++equal;
    if (PatchResult r = editor.Add(found.edits[i], equal, fmt::format("edit {} of {}", i + 1, found.edits.size()));
        !r.ok())
      return r;
  }
  return editor.Finish();
}

}  // namespace ose
