#include "evolve/minimize.h"

#include <algorithm>
#include <deque>
#include <set>

#include "core/diff.h"
#include "core/policy_source.h"

namespace ose {
namespace {

struct Line {
  size_t begin, end;  // with its newline
};

std::vector<Line> LinesIn(const std::string& s, size_t begin, size_t end) {
  std::vector<Line> lines;
  while (begin < end) {
    size_t newline = s.find('\n', begin);
    size_t next = newline == s.npos ? end : newline + 1;
    lines.push_back({begin, next});
    begin = next;
  }
  return lines;
}

std::string_view Trimmed(const std::string& s, Line l) {
  std::string_view v = std::string_view(s).substr(l.begin, l.end - l.begin);
  size_t first = v.find_first_not_of(" \t");
  size_t last = v.find_last_not_of(" \t\n");
  return first == v.npos ? "" : v.substr(first, last - first + 1);
}

// Index of the line that closes the brace opened at the end of lines[i], or -1.
int ClosingLine(const std::string& s, const std::vector<Line>& lines, size_t i) {
  int depth = 0;
  for (size_t k = i; k < lines.size(); ++k) {
    for (size_t at = lines[k].begin; at < lines[k].end; ++at) depth += s[at] == '{' ? 1 : s[at] == '}' ? -1 : 0;
    if (depth <= 0) return static_cast<int>(k);
  }
  return -1;
}

std::string Without(const std::string& s, Line cut) { return s.substr(0, cut.begin) + s.substr(cut.end); }

// The block [outer_begin, outer_end) replaced by its inner lines, one level less indented.
std::string Unwrapped(const std::string& s, size_t outer_begin, size_t outer_end, size_t inner_begin, size_t inner_end) {
  std::string inner;
  for (Line l : LinesIn(s, inner_begin, inner_end))
    inner += s.substr(l.begin, l.end - l.begin).substr(s.compare(l.begin, 2, "  ") == 0 ? 2 : 0);
  return s.substr(0, outer_begin) + inner + s.substr(outer_end);
}

// Steps inside one changed stretch.
void AddStatementSteps(const std::string& s, size_t begin, size_t end, std::vector<std::pair<size_t, std::string>>* out) {
  std::vector<Line> lines = LinesIn(s, begin, end);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view text = Trimmed(s, lines[i]);
    if (text.ends_with(';') || text.starts_with("//")) {
      out->emplace_back(lines[i].begin, Without(s, lines[i]));
    } else if (text.ends_with('{') && !text.starts_with('}')) {
      int close = ClosingLine(s, lines, i);
      if (close < 0) continue;
      // The whole block, with its else branches.
      out->emplace_back(lines[i].begin, Without(s, {lines[i].begin, lines[static_cast<size_t>(close)].end}));
      // if (...) { A } else { B }: A alone, B alone; if (...) { A }: A alone.
      int middle = -1;
      int depth = 1;
      for (size_t k = i + 1; k < lines.size(); ++k) {
        std::string_view t = Trimmed(s, lines[k]);
        if (t == "} else {" && depth == 1) middle = static_cast<int>(k);
        for (char c : t) depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        if (depth == 0) {
          close = static_cast<int>(k);
          break;
        }
      }
      auto line = [&](int k) { return lines[static_cast<size_t>(k)]; };
      if (middle < 0) {
        out->emplace_back(lines[i].begin, Unwrapped(s, lines[i].begin, line(close).end, lines[i].end, line(close).begin));
      } else {
        out->emplace_back(lines[i].begin, Unwrapped(s, lines[i].begin, line(close).end, lines[i].end, line(middle).begin));
        out->emplace_back(lines[i].begin, Unwrapped(s, lines[i].begin, line(close).end, line(middle).end, line(close).begin));
      }
    }
  }
}

}  // namespace

std::vector<std::string> SimplerSources(const std::string& root, const std::string& source) {
  std::vector<std::pair<size_t, std::string>> steps;
  std::vector<Change> changes = Changes(root, source);
  for (const Change& c : changes) {
    steps.emplace_back(c.after_begin, source.substr(0, c.after_begin) + root.substr(c.before_begin, c.before_end - c.before_begin) +
                                          source.substr(c.after_end));
    AddStatementSteps(source, c.after_begin, c.after_end, &steps);
  }
  // A tunable whose default changed on a line with other changes.
  auto defaults = DefaultTunables(root);
  auto now = DefaultTunables(source);
  if (defaults.ok() && now.ok()) {
    for (auto& [name, value] : *defaults) {
      auto it = now->find(name);
      if (it == now->end() || it->second == value) continue;
      if (auto reset = SetTunables(source, {{name, value}}); reset.ok()) steps.emplace_back(0, *reset);
    }
  }
  std::sort(steps.begin(), steps.end(), [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::vector<std::string> out;
  std::set<std::string> seen{source};
  for (auto& [at, text] : steps)
    if (seen.insert(text).second) out.push_back(std::move(text));
  return out;
}

Minimized Minimize(const MinimizeOptions& options, const std::string& root, const std::string& winner, Evaluator& evaluator) {
  Minimized result{winner, 0, 0};
  Evaluation base = evaluator.Evaluate({.source = winner, .file = "winner.cc", .seeds = options.seeds, .skeleton_of = {}});
  if (base.outcome != Outcome::kOk) return result;
  const double floor = base.MeanScore() * (1 - options.tolerance);
  std::set<std::string> rejected;
  constexpr size_t kAhead = 4;  // speculative evaluations: most steps are refused
  for (bool progress = true; progress && result.tries < options.max_tries;) {
    progress = false;
    std::vector<std::string> steps = SimplerSources(root, result.source);
    std::erase_if(steps, [&](const std::string& s) { return rejected.contains(s); });
    std::deque<std::future<Evaluation>> ahead;
    size_t submitted = 0;
    for (size_t i = 0; i < steps.size() && result.tries < options.max_tries; ++i) {
      if (options.stop && *options.stop) return result;
      while (submitted < steps.size() && ahead.size() < kAhead)
        ahead.push_back(evaluator.Submit({.source = steps[submitted++], .file = "simpler.cc", .seeds = options.seeds, .skeleton_of = root,
                                          .quick_seeds = 1, .quick_score = 0.9 * base.seeds[0].score}));
      Evaluation e = ahead.front().get();
      ahead.pop_front();
      ++result.tries;
      if (e.outcome == Outcome::kOk && e.seeds.size() == options.seeds.size() && e.MeanScore() >= floor) {
        result.source = steps[i];
        ++result.steps;
        progress = true;
        break;
      }
      rejected.insert(steps[i]);
    }
  }
  return result;
}

}  // namespace ose
