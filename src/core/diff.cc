#include "core/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace ose {
namespace {

// Lines without their newline. A last line that lacks one carries the remark that patch tools
// expect, which also makes it different from the same line with a newline.
std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t newline = text.find('\n');
    lines.emplace_back(text.substr(0, newline));
    if (newline == text.npos) {
      lines.back() += "\n\\ No newline at end of file";
      break;
    }
    text.remove_prefix(newline + 1);
  }
  return lines;
}

// A shortest edit by the linear-space refinement of Myers, "An O(ND) Difference Algorithm and
// Its Variations" (Algorithmica 1, 1986), section 4b: the middle of a shortest path is found by
// searching from both ends at once, and the halves are solved alike. Lines are compared by
// number. Of Debian's libraries, dtl 1.20 is not accepted by clang, hence this one.
class Myers {
 public:
  Myers(const std::vector<int>& a, const std::vector<int>& b)
      : removed(a.size()),
        added(b.size()),
        a_(a),
        b_(b),
        forward_(2 * (a.size() + b.size()) + 6),
        backward_(forward_.size()) {
    Solve(0, static_cast<int>(a.size()), 0, static_cast<int>(b.size()));
  }

  // Whether a line of a is removed, a line of b added.
  std::vector<bool> removed, added;

 private:
  struct Split {
    int x, y;
  };

  void Solve(int a0, int a1, int b0, int b1) {
    while (a0 < a1 && b0 < b1 && a_[a0] == b_[b0]) ++a0, ++b0;
    while (a0 < a1 && b0 < b1 && a_[a1 - 1] == b_[b1 - 1]) --a1, --b1;
    if (a0 == a1 || b0 == b1) {
      std::fill(removed.begin() + a0, removed.begin() + a1, true);
      std::fill(added.begin() + b0, added.begin() + b1, true);
      return;
    }
    Split s = Middle(a0, a1, b0, b1);
    Solve(a0, s.x, b0, s.y);
    Solve(s.x, a1, s.y, b1);
  }

  // A point on a shortest path from (a0, b0) to (a1, b1), other than both. Diagonal k holds the
  // points with x - y = k, counted from each end; forward_ and backward_ keep the furthest x.
  Split Middle(int a0, int a1, int b0, int b1) {
    const int n = a1 - a0, m = b1 - b0, delta = n - m, max = (n + m + 1) / 2;
    const int mid = static_cast<int>(forward_.size() / 2);
    int* f = forward_.data() + mid;
    int* r = backward_.data() + mid;
    f[1] = r[1] = 0;
    for (int d = 0; d <= max; ++d) {
      for (int k = -d; k <= d; k += 2) {
        int x = k == -d || (k != d && f[k - 1] < f[k + 1]) ? f[k + 1] : f[k - 1] + 1;
        int y = x - k;
        while (x < n && y < m && a_[a0 + x] == b_[b0 + y]) ++x, ++y;
        f[k] = x;
        if (delta % 2 != 0 && delta - k >= -(d - 1) && delta - k <= d - 1 && x + r[delta - k] >= n)
          return {a0 + std::min(x, n), b0 + std::min(y, m)};
      }
      for (int k = -d; k <= d; k += 2) {
        int x = k == -d || (k != d && r[k - 1] < r[k + 1]) ? r[k + 1] : r[k - 1] + 1;
        int y = x - k;
        while (x < n && y < m && a_[a1 - x - 1] == b_[b1 - y - 1]) ++x, ++y;
        r[k] = x;
        if (delta % 2 == 0 && delta - k >= -d && delta - k <= d && x + f[delta - k] >= n)
          return {a1 - std::min(x, n), b1 - std::min(y, m)};
      }
    }
    return {a1, b0};  // unreachable: the paths meet within max steps
  }

  const std::vector<int>&a_, &b_;
  std::vector<int> forward_, backward_;
};

struct Edit {
  std::vector<std::string> a, b;
  std::vector<bool> removed, added;
};

Edit Compare(std::string_view before, std::string_view after) {
  Edit e{Lines(before), Lines(after), {}, {}};
  std::map<std::string_view, int> number;
  std::vector<int> a, b;
  for (const std::string& line : e.a) a.push_back(number.try_emplace(line, number.size()).first->second);
  for (const std::string& line : e.b) b.push_back(number.try_emplace(line, number.size()).first->second);
  Myers myers(a, b);
  e.removed = std::move(myers.removed);
  e.added = std::move(myers.added);
  return e;
}

// One line of the result: ' ', '-' or '+', with the lines of both sides before it.
struct Row {
  char sign;
  size_t a, b;
};

}  // namespace

std::string UnifiedDiff(std::string_view before, std::string_view after, std::string_view before_name,
                        std::string_view after_name) {
  if (before == after) return "";
  constexpr size_t kContext = 3;
  Edit e = Compare(before, after);
  std::vector<Row> rows;
  for (size_t i = 0, j = 0; i < e.a.size() || j < e.b.size();) {
    if (i < e.a.size() && e.removed[i])
      rows.push_back({'-', i++, j});
    else if (j < e.b.size() && e.added[j])
      rows.push_back({'+', i, j++});
    else
      rows.push_back({' ', i++, j++});
  }
  std::string out = fmt::format("--- {}\n+++ {}\n", before_name, after_name);
  for (size_t at = 0; at < rows.size();) {
    if (rows[at].sign == ' ') {
      ++at;
      continue;
    }
    // A hunk reaches from here to the last change that is at most two contexts from the one before.
    size_t first = at > kContext ? at - kContext : 0, last = at;
    for (size_t k = at; k < rows.size() && k <= last + 2 * kContext + 1; ++k)
      if (rows[k].sign != ' ') last = k;
    size_t end = std::min(rows.size(), last + 1 + kContext), na = 0, nb = 0;
    for (size_t k = first; k < end; ++k) na += rows[k].sign != '+', nb += rows[k].sign != '-';
    // A side without lines is numbered by the line before it.
    auto span = [](size_t start, size_t n) {
      return n == 1 ? fmt::format("{}", start + 1) : fmt::format("{},{}", n == 0 ? start : start + 1, n);
    };
    out += fmt::format("@@ -{} +{} @@\n", span(rows[first].a, na), span(rows[first].b, nb));
    for (size_t k = first; k < end; ++k)
      out += rows[k].sign + (rows[k].sign == '+' ? e.b[rows[k].b] : e.a[rows[k].a]) + "\n";
    at = end;
  }
  return out;
}

std::vector<Change> Changes(std::string_view before, std::string_view after) {
  Edit e = Compare(before, after);
  std::vector<Change> changes;
  auto line_bytes = [](std::string_view text, size_t at) {
    size_t newline = text.find('\n', at);
    return newline == text.npos ? text.size() - at : newline + 1 - at;
  };
  size_t a = 0, b = 0;  // bytes
  bool open = false;
  for (size_t i = 0, j = 0; i < e.a.size() || j < e.b.size();) {
    bool removes = i < e.a.size() && e.removed[i], adds = !removes && j < e.b.size() && e.added[j];
    if ((removes || adds) && !open) changes.push_back({a, a, b, b});
    open = removes || adds;
    if (!adds) a += line_bytes(before, a), ++i;
    if (!removes) b += line_bytes(after, b), ++j;
    if (open) changes.back().before_end = a, changes.back().after_end = b;
  }
  return changes;
}

int DiffLines(std::string_view before, std::string_view after) {
  Edit e = Compare(before, after);
  return static_cast<int>(std::count(e.removed.begin(), e.removed.end(), true) +
                          std::count(e.added.begin(), e.added.end(), true));
}

}  // namespace ose
