#include "llm/patch_reply.h"

#include <algorithm>

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
  if (word.empty()) return after.empty();
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
      out.edits.push_back(std::move(edit));
      state = kOutside;
    } else if (state != kOutside) {
      (state == kSearch ? edit.search : edit.replace).emplace_back(l.text);
    }
  }
  if (state != kOutside) out.error = "the last SEARCH/REPLACE block is not finished: the reply was cut off, or ======= or >>>>>>> REPLACE is missing";
  return out;
}

FoundEdits FindHunks(std::string_view reply) {
  FoundEdits out;
  bool in_hunk = false;
  PatchEdit edit;
  auto finish = [&] {
    // Blank lines at the end belong to the prose around the diff.
    while (!edit.search.empty() && !edit.replace.empty() && IsBlank(edit.search.back()) && IsBlank(edit.replace.back())) {
      edit.search.pop_back();
      edit.replace.pop_back();
    }
    if (in_hunk && edit.search != edit.replace) out.edits.push_back(std::move(edit));
    edit = {};
    in_hunk = false;
  };
  for (const TextLine& l : SplitLines(reply)) {
    const std::string_view line = l.text;
    if (line.starts_with("@@")) {
      finish();
      out.found = true;
      in_hunk = true;
      continue;
    }
    if (!in_hunk) continue;
    if (line.starts_with("```") || line.starts_with("~~~") || line.starts_with("diff --git") || line.starts_with("--- ") || line.starts_with("+++ ")) {
      finish();
    } else if (line.starts_with('-')) {
      edit.search.emplace_back(line.substr(1));
    } else if (line.starts_with('+')) {
      edit.replace.emplace_back(line.substr(1));
    } else if (!line.starts_with('\\')) {  // "\ No newline at end of file"
      const std::string context(line.starts_with(' ') ? line.substr(1) : line);
      edit.search.push_back(context);
      edit.replace.push_back(context);
    }
  }
  finish();
  return out;
}

std::string SummaryOf(std::string_view reply) {
  std::string first;
  bool fenced = false;
  for (const TextLine& l : SplitLines(reply)) {
    std::string_view line = Trimmed(l.text);
    while (line.starts_with('*') || line.starts_with('#')) line = Trimmed(line.substr(1));
    if (line.starts_with("```")) fenced = !fenced;
    if (line.starts_with("SUMMARY:")) {
      line = Trimmed(line.substr(8));
      while (line.starts_with('*')) line = Trimmed(line.substr(1));
      if (!line.empty()) return OneLine(line, kSummaryBytes);
    }
    if (first.empty() && !fenced && !line.empty() && isalpha(static_cast<unsigned char>(line[0]))) first = line;
  }
  const size_t end = first.find(". ");
  return OneLine(std::string_view(first).substr(0, end == std::string::npos ? first.size() : end + 1), kSummaryBytes);
}

}  // namespace ose
