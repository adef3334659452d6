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
    case Tolerance::kExact: return std::string(line);
    case Tolerance::kTrailing: return std::string(Trim(line, false));
    case Tolerance::kIndent: return std::string(Trim(line, true));
    case Tolerance::kSpaces: break;
  }
  std::string out;
  for (char c : Trim(line, true)) {
    const bool space = std::string_view(kSpace).find(c) != std::string_view::npos;
    if (space && out.ends_with(' ')) continue;
    out += space ? ' ' : c;
  }
  return out;
}

std::vector<LineRange> FindLines(const std::vector<TextLine>& text, const std::vector<std::string>& wanted, Tolerance* used) {
  for (Tolerance t : {Tolerance::kExact, Tolerance::kTrailing, Tolerance::kIndent, Tolerance::kSpaces}) {
    const bool skip_blank = t == Tolerance::kSpaces;
    std::vector<std::string> have, want;
    std::vector<size_t> number;  // of each entry of `have` in the text
    for (size_t i = 0; i < text.size(); ++i) {
      if (skip_blank && IsBlank(text[i].text)) continue;
      have.push_back(NormalLine(text[i].text, t));
      number.push_back(i);
    }
    for (const std::string& w : wanted)
      if (!skip_blank || !IsBlank(w)) want.push_back(NormalLine(w, t));
    std::vector<LineRange> places;
    if (want.empty() || want.size() > have.size()) continue;
    for (size_t i = 0; i + want.size() <= have.size(); ++i)
      if (std::equal(want.begin(), want.end(), have.begin() + static_cast<std::ptrdiff_t>(i)))
        places.push_back({number[i], number[i + want.size() - 1] + 1});
    if (!places.empty()) {
      *used = t;
      return places;
    }
  }
  return {};
}

std::vector<std::string> Reindent(const std::vector<std::string>& replacement, std::string_view wanted_line, std::string_view found_line) {
  const size_t have = Indent(wanted_line), want = Indent(found_line);
  std::vector<std::string> out;
  for (const std::string& line : replacement) {
    if (IsBlank(line)) out.emplace_back();
    else if (want >= have) out.push_back(std::string(want - have, ' ') + line);
    else out.push_back(line.substr(std::min(Indent(line), have - want)));
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
    const double distance = static_cast<double>(EditDistance(first, line)) / static_cast<double>(std::max(first.size(), line.size()));
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

}  // namespace ose
