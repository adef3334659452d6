#include "llm/patch_lines.h"

#include <algorithm>

#include "base/edit_distance.h"

namespace ose {
namespace {

constexpr char kSpace[] = " \t\r\f\v";

std::string_view Trim(std::string_view s, bool left) {
  const size_t end = s.find_last_not_of(kSpace);
  s = end == std::string_view::npos ? std::string_view() : s.substr(0, end + 1);
  if (left) s.remove_prefix(std::min(s.find_first_not_of(kSpace), s.size()));
  return s;
}

size_t Indent(std::string_view s) { return std::min(s.find_first_not_of(" \t"), s.size()); }

}  // namespace

bool IsBlank(std::string_view line) { return line.find_first_not_of(kSpace) == std::string_view::npos; }

std::vector<TextLine> SplitLines(std::string_view text) {
  std::vector<TextLine> lines;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back({at, end, line});
    at = end + 1;
  }
  return lines;
}

std::string NormalLine(std::string_view line, Tolerance tolerance) {
  switch (tolerance) {
    case Tolerance::kExact:
      return std::string(line);
    case Tolerance::kTrailing:
      return std::string(Trim(line, false));
    case Tolerance::kIndent:
      return std::string(Trim(line, true));
    case Tolerance::kSpaces:
      break;
  }
  std::string out;
  for (char c : Trim(line, true)) {
    const bool space = std::string_view(kSpace).find(c) != std::string_view::npos;
    if (space && out.ends_with(' ')) continue;
    out += space ? ' ' : c;
  }
  return out;
}

LineFinder::View& LineFinder::At(Tolerance tolerance) {
  View& v = views_[static_cast<size_t>(tolerance)];
  if (v.made) return v;
  v.made = true;
  for (size_t i = 0; i < text_.size(); ++i) {
    if (tolerance == Tolerance::kSpaces && IsBlank(text_[i].text)) continue;
    v.lines.push_back(v.numbers.emplace(NormalLine(text_[i].text, tolerance), v.numbers.size()).first->second);
    v.origin.push_back(i);
  }
  return v;
}

std::vector<LineRange> LineFinder::Find(const std::vector<std::string>& wanted, Tolerance* used) {
  for (Tolerance t : {Tolerance::kExact, Tolerance::kTrailing, Tolerance::kIndent, Tolerance::kSpaces}) {
    const View& v = At(t);
    std::vector<size_t> want;
    bool known = true;
    for (const std::string& w : wanted) {
      if (t == Tolerance::kSpaces && IsBlank(w)) continue;
      auto it = v.numbers.find(NormalLine(w, t));
      known = it != v.numbers.end();
      if (!known) break;
      want.push_back(it->second);
    }
    if (!known || want.empty() || want.size() > v.lines.size()) continue;
    // Knuth, Morris, Pratt.
    std::vector<size_t> border(want.size(), 0);
    for (size_t i = 1, k = 0; i < want.size(); ++i) {
      while (k > 0 && want[i] != want[k]) k = border[k - 1];
      if (want[i] == want[k]) ++k;
      border[i] = k;
    }
    std::vector<LineRange> places;
    for (size_t i = 0, k = 0; i < v.lines.size(); ++i) {
      while (k > 0 && v.lines[i] != want[k]) k = border[k - 1];
      if (v.lines[i] == want[k]) ++k;
      if (k < want.size()) continue;
      places.push_back({v.origin[i + 1 - want.size()], v.origin[i] + 1});
      k = border[k - 1];
    }
    if (!places.empty()) {
      *used = t;
      return places;
    }
  }
  return {};
}

std::vector<size_t> LineMap(const std::vector<TextLine>& text, const std::vector<std::string>& wanted,
                            const LineRange& place, Tolerance used) {
  std::vector<size_t> map;
  size_t at = place.first;
  for (const std::string& w : wanted) {
    if (used == Tolerance::kSpaces) {
      if (IsBlank(w)) {
        map.push_back(text.size());
        continue;
      }
      while (at < place.last && IsBlank(text[at].text)) ++at;
    }
    map.push_back(at++);
  }
  return map;
}

bool IsElision(std::string_view line) {
  std::string s = NormalLine(line, Tolerance::kSpaces);
  for (char& c : s) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (s.starts_with("...") || s == "\u2026") return true;
  if (!s.starts_with("//") && !s.starts_with("/*")) return false;
  s.erase(0, s.find_first_not_of("/*! ") == std::string::npos ? s.size() : s.find_first_not_of("/*! "));
  if (s.starts_with("...") || s.starts_with("\u2026")) return true;
  if (s.size() > 60) return false;  // a comment that explains something
  for (std::string_view words : {"unchanged", "existing code", "rest of the", "same as before", "remains the same"})
    if (s.find(words) != std::string::npos) return true;
  return false;
}

std::vector<std::string> Reindent(const std::vector<std::string>& replacement, std::string_view wanted_line,
                                  std::string_view found_line) {
  const size_t have = Indent(wanted_line), want = Indent(found_line);
  std::vector<std::string> out;
  for (const std::string& line : replacement) {
    if (IsBlank(line))
      out.emplace_back();
    else if (want >= have)
      out.push_back(std::string(want - have, ' ') + line);
    else
      out.push_back(line.substr(std::min(Indent(line), have - want)));
  }
  return out;
}

size_t NearestLine(const std::vector<TextLine>& text, const std::vector<std::string>& wanted) {
  constexpr size_t kLongest = 100, kMostLines = 3000;
  std::string first;
  for (const std::string& w : wanted)
    if (first.size() < 4) first = NormalLine(w, Tolerance::kSpaces).substr(0, kLongest);
  size_t best = 0;
  double least = 2;
  for (size_t i = 0; i < std::min(text.size(), kMostLines); ++i) {
    const std::string line = NormalLine(text[i].text, Tolerance::kSpaces).substr(0, kLongest);
    if (line.empty()) continue;
    const double distance =
        static_cast<double>(EditDistance(first, line)) / static_cast<double>(std::max(first.size(), line.size()));
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

}  // namespace ose
