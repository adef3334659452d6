// Collects violations by byte offset and hands them out in the order of the source.
#ifndef OSEVOLVE_GATE_REPORT_H_
#define OSEVOLVE_GATE_REPORT_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "core/gate_protocol.h"

namespace ose {

class Report {
 public:
  explicit Report(std::string_view source) : source_(source) {}

  void Add(size_t offset, std::string_view rule, std::string message) {
    offset = std::min(offset, source_.size());
    size_t line_start = offset == 0 ? source_.npos : source_.rfind('\n', offset - 1);
    line_start = line_start == source_.npos ? 0 : line_start + 1;
    int line = 1 + static_cast<int>(std::count(source_.begin(), source_.begin() + offset, '\n'));
    AddAt(line, static_cast<int>(offset - line_start) + 1, rule, std::move(message));
  }

  // Line 0: the file as a whole.
  void AddAt(int line, int column, std::string_view rule, std::string message) {
    // Messages quote the source, which may hold a name of any length.
    constexpr size_t kMaxMessage = 1000;
    if (message.size() > kMaxMessage) message = OneLine(message, kMaxMessage);
    out_.push_back({std::string(rule), line, column, std::move(message)});
  }

  bool empty() const { return out_.empty(); }

  // Sorted by place, one per rule and place, at most `max`.
  std::vector<GateViolation> Take(int max) {
    auto key = [](const GateViolation& v) { return std::tie(v.line, v.column, v.rule, v.message); };
    std::sort(out_.begin(), out_.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    auto same = [](const auto& a, const auto& b) {
      return std::tie(a.line, a.column, a.rule) == std::tie(b.line, b.column, b.rule);
    };
    out_.erase(std::unique(out_.begin(), out_.end(), same), out_.end());
    if (out_.size() > static_cast<size_t>(max)) out_.resize(max);
    return std::move(out_);
  }

 private:
  std::string_view source_;
  std::vector<GateViolation> out_;
};

}  // namespace ose

#endif  // OSEVOLVE_GATE_REPORT_H_
