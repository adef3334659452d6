#include "llm/patch_reply.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "llm/patch_lines.h"

namespace ose {
namespace {

constexpr size_t kSummaryBytes = 200;

std::string_view Trimmed(std::string_view s) {
  while (!s.empty() && isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

// "<<<<<<< SEARCH name" with five or more marks; the rest of the line goes to *rest.
bool IsMarker(std::string_view line, char mark, std::string_view word, std::string_view* rest) {
  line = Trimmed(line);
  size_t n = 0;
  while (n < line.size() && line[n] == mark) ++n;
  if (n < 5) return false;
  std::string_view after = Trimmed(line.substr(n));
  // Words after the row of = do no harm, more marks make it something else.
  if (word.empty()) return after.empty() || isspace(static_cast<unsigned char>(line[n]));
  if (!after.starts_with(word)) return false;
  after.remove_prefix(word.size());
  if (!after.empty() && isalnum(static_cast<unsigned char>(after[0]))) return false;
  *rest = Trimmed(after);
  return true;
}

void DropBlankEnds(std::vector<std::string>* lines) {
  while (!lines->empty() && IsBlank(lines->back())) lines->pop_back();
  while (!lines->empty() && IsBlank(lines->front())) lines->erase(lines->begin());
}

}  // namespace

std::string WithoutThinking(std::string_view reply) {
  std::string out;
  size_t at = 0;
  // Some chat templates open the section in the prompt: the reply only ends it.
  const size_t first_end = reply.find("</think>");
  if (first_end != std::string_view::npos && reply.substr(0, first_end).find("<think>") == std::string_view::npos)
    at = first_end + 8;
  for (size_t begin; (begin = reply.find("<think>", at)) != std::string_view::npos;) {
    out += reply.substr(at, begin - at);
    const size_t end = reply.find("</think>", begin);
    if (end == std::string_view::npos) return out;
    at = end + 8;
  }
  out += reply.substr(at);
  return out;
}

std::vector<Fence> FindFences(std::string_view reply) {
  std::vector<Fence> fences;
  std::string_view open;  // the marks that opened the current one
  for (const TextLine& l : SplitLines(reply)) {
    const std::string_view line = Trimmed(l.text);
    size_t n = 0;
    while (n < line.size() && line[n] == line[0] && (line[0] == '`' || line[0] == '~')) ++n;
    if (open.empty()) {
      if (n < 3) continue;
      open = line.substr(0, n);
      fences.push_back({std::string(Trimmed(line.substr(n))), "", false});
    } else if (n >= open.size() && line.size() == n && line[0] == open[0]) {
      fences.back().closed = true;
      open = {};
    } else {
      fences.back().text += std::string(l.text) + "\n";
    }
  }
  return fences;
}

FoundEdits FindEdits(std::string_view reply) {
  FoundEdits out;
  enum { kOutside, kSearch, kReplace } state = kOutside;
  PatchEdit edit;
  std::string_view rest;
  for (const TextLine& l : SplitLines(reply)) {
    if (IsMarker(l.text, '<', "SEARCH", &rest)) {
      if (state != kOutside) {
        out.error = "a SEARCH block begins before the one above it has ended with >>>>>>> REPLACE";
        return out;
      }
      out.found = true;
      edit = {};
      edit.block = std::string(rest.substr(0, rest.find_first_of(" \t")));
      state = kSearch;
    } else if (state == kSearch && IsMarker(l.text, '=', "", &rest)) {
      state = kReplace;
    } else if (state == kReplace && IsMarker(l.text, '>', "REPLACE", &rest)) {
      DropBlankEnds(&edit.search);
      DropBlankEnds(&edit.replace);
      out.edits.push_back(std::exchange(edit, {}));
      state = kOutside;
    } else if (state != kOutside) {
      (state == kSearch ? edit.search : edit.replace).emplace_back(l.text);
    }
  }
  if (state != kOutside)
    out.error =
        "the last SEARCH/REPLACE block is not finished: the reply was cut off, or ======= or >>>>>>> REPLACE is "
        "missing";
  return out;
}

namespace {

// "@@ -12,3 +12,4 @@": 12; 0 when there is no number.
size_t HunkLine(std::string_view header) {
  size_t at = header.find('-'), line = 0;
  if (at == header.npos) return 0;
  for (++at; at < header.size() && header[at] >= '0' && header[at] <= '9' && line < 100'000'000; ++at)
    line = line * 10 + static_cast<size_t>(header[at] - '0');
  return line;
}

// `all_hunk`: there are no @@ lines, and everything but file headers belongs to one hunk.
FoundEdits ReadHunks(std::string_view text, bool all_hunk) {
  FoundEdits out;
  bool in_hunk = all_hunk, fenced = all_hunk;
  size_t context = 0;  // lines since the last + or -
  PatchEdit edit;
  auto finish = [&] {
    // Outside a fence nothing tells where the diff ends: what follows a blank line may be prose.
    if (!fenced)
      for (size_t k = context; k > 0; --k)
        if (IsBlank(edit.search[edit.search.size() - k])) {
          edit.search.resize(edit.search.size() - k);
          edit.replace.resize(edit.replace.size() - k);
          break;
        }
    while (!edit.search.empty() && !edit.replace.empty() && IsBlank(edit.search.back()) &&
           IsBlank(edit.replace.back())) {
      edit.search.pop_back();
      edit.replace.pop_back();
    }
    if (in_hunk && edit.search != edit.replace) out.edits.push_back(std::exchange(edit, {}));
    edit = {};
    context = 0;
    in_hunk = false;
  };
  for (const TextLine& l : SplitLines(text)) {
    const std::string_view line = l.text;
    if (line.starts_with("@@")) {
      finish();
      out.found = true;
      in_hunk = true;
      edit.line = HunkLine(line.substr(0, line.find("@@", 2)));
      continue;
    }
    if (line.starts_with("```") || line.starts_with("~~~")) {
      finish();
      fenced = !fenced;
    } else if (line.starts_with("diff --git") || line.starts_with("--- ") || line.starts_with("+++ ")) {
      finish();
      in_hunk = all_hunk;
    } else if (!in_hunk) {
      continue;
    } else if (line.starts_with('-')) {
      edit.search.emplace_back(line.substr(1));
      context = 0;
    } else if (line.starts_with('+')) {
      edit.replace.emplace_back(line.substr(1));
      context = 0;
    } else if (!line.starts_with('\\')) {  // "\ No newline at end of file"
      const std::string same(line.starts_with(' ') ? line.substr(1) : line);
      edit.search.push_back(same);
      edit.replace.push_back(same);
      ++context;
    }
  }
  finish();
  return out;
}

}  // namespace

FoundEdits FindHunks(std::string_view reply) {
  FoundEdits out = ReadHunks(reply, false);
  if (out.found) return out;
  for (const Fence& f : FindFences(reply)) {
    if (f.language != "diff" && f.language != "patch") continue;
    FoundEdits one = ReadHunks(f.text, true);
    out.found = out.found || !one.edits.empty();
    for (PatchEdit& e : one.edits) out.edits.push_back(std::move(e));
  }
  return out;
}

namespace {

bool HasWord(std::string_view line, std::string_view word) {
  if (line.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i)
    if (toupper(static_cast<unsigned char>(line[i])) != word[i]) return false;
  return true;
}

}  // namespace

std::string SummaryOf(std::string_view reply) {
  std::string first;
  bool fenced = false, in_edit = false;
  std::string_view rest;
  for (const TextLine& l : SplitLines(reply)) {
    std::string_view line = Trimmed(l.text);
    while (line.starts_with('*') || line.starts_with('#')) line = Trimmed(line.substr(1));
    if (line.starts_with("```")) fenced = !fenced;
    if (IsMarker(line, '<', "SEARCH", &rest)) in_edit = true;
    if (IsMarker(line, '>', "REPLACE", &rest)) in_edit = false;
    if (!in_edit && HasWord(line, "SUMMARY:")) {
      line = Trimmed(line.substr(8));
      while (line.starts_with('*')) line = Trimmed(line.substr(1));
      if (!line.empty()) return OneLine(line, kSummaryBytes);
    }
    if (first.empty() && !fenced && !in_edit && !line.empty() && isalpha(static_cast<unsigned char>(line[0])))
      first = line;
  }
  const size_t end = first.find(". ");
  return OneLine(std::string_view(first).substr(0, end == std::string::npos ? first.size() : end + 1), kSummaryBytes);
}

}  // namespace ose
