#include "base/edit_distance.h"

#include <algorithm>
#include <numeric>

namespace ose {

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string Suggest(std::string_view word, const std::vector<std::string>& names) {
  int best = std::max<int>(2, static_cast<int>(word.size()) / 3) + 1;
  std::string found;
  for (const std::string& name : names)
    if (int d = EditDistance(word, name); d < best) best = d, found = name;
  return found;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& names) {
  std::string s = Suggest(word, names);
  return s.empty() ? "" : "; did you mean '" + s + "'?";
}

}  // namespace ose
