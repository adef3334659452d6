#include "prove/minimize.h"

#include <algorithm>
#include <deque>

namespace ose {
namespace {

// Whole changes before parts, each from the end to the beginning.
std::vector<int> Order(const PolicyDiff& diff) {
  std::vector<int> order;
  for (const bool tops : {true, false})
    for (size_t i = diff.pieces().size(); i-- > 0;)
      if ((diff.pieces()[i].parent < 0) == tops) order.push_back(static_cast<int>(i));
  return order;
}

// One round: the pieces that may go together.
class Round {
 public:
  // `hopeless`: pieces, by Key, that are not worth a try; those of this round are added.
  Round(const MinimizeOptions& options, const PolicyDiff& diff, const Evaluation& base, Evaluator& evaluator, Minimized* result, std::set<std::string>* hopeless)
      : options_(options), diff_(diff), base_(base), evaluator_(evaluator), result_(*result), hopeless_(*hopeless), order_(Order(diff)) {}

  // False when it was stopped.
  bool Run() {
    for (size_t i = 0; i < order_.size() && result_.tries < options_.max_tries; ++i) {
      if (options_.stop && *options_.stop) return false;
      const std::set<int> out = With(order_[i]);
      if (!WorthATry(out)) continue;
      const std::string source = diff_.Without(out);
      const Evaluation e = Evaluate(i);
      ++result_.tries;
      if (e.outcome == Outcome::kOk && e.seeds.size() == options_.seeds.size() &&
          NoWorse(PairedGainPct(base_.Scores(), e.Scores()), options_.tolerance_pct)) {
        out_ = out;
        result_.source = source;
        ++result_.steps;
        ahead_.clear();
      } else if (e.outcome != Outcome::kOk || e.seeds.size() < options_.seeds.size()) {
        hopeless_.insert(Key(out));
      }
      if (options_.on_progress) options_.on_progress(result_.tries, result_.steps);
    }
    return true;
  }

 private:
  struct Ahead {
    size_t index;
    std::future<Evaluation> future;
  };

  // What goes with `out`, as text: the numbers of pieces change from round to round.
  std::string Key(const std::set<int>& out) const {
    std::string key;
    for (int i : out) {
      const DiffPiece& p = diff_.pieces()[static_cast<size_t>(i)];
      if (!out_.contains(i)) key += p.block + '\n' + PieceKindName(p.kind) + '\n' + p.before + '\n' + p.after + '\n' + p.context + p.context_before + '\n';
    }
    return key;
  }

  bool WorthATry(const std::set<int>& out) const { return !hopeless_.contains(Key(out)) && diff_.Without(out) != diff_.Without(out_); }

  std::set<int> With(int piece) const {
    std::set<int> out = out_;
    out.insert(piece);
    return diff_.Closure(std::move(out));
  }

  // Most steps are refused, so the next ones are evaluated meanwhile.
  Evaluation Evaluate(size_t index) {
    constexpr size_t kAhead = 4;
    for (size_t k = ahead_.empty() ? index : ahead_.back().index + 1; k < order_.size() && ahead_.size() < kAhead; ++k) {
      if (const std::set<int> out = With(order_[k]); WorthATry(out)) ahead_.push_back({k, evaluator_.Submit(Job(diff_.Without(out)))});
    }
    // What was not worth it any more when its turn came.
    while (ahead_.front().index < index) ahead_.pop_front();
    Evaluation e = ahead_.front().future.get();
    ahead_.pop_front();
    return e;
  }

  // Far below the winner on the first seeds is enough to refuse a step.
  EvalJob Job(std::string source) const {
    const size_t quick = std::clamp<size_t>(options_.seeds.size() / 8, 1, 8);
    double sum = 0;
    for (size_t i = 0; i < quick; ++i) sum += base_.seeds[i].score;
    return {.source = std::move(source), .file = "simpler.cc", .seeds = options_.seeds, .skeleton_of = {}, .quick_seeds = static_cast<int>(quick),
            .quick_score = (quick > 1 ? 0.95 : 0.9) * sum / static_cast<double>(quick), .max_events = RunawayLimit(base_.MostSimEvents())};
  }

  const MinimizeOptions& options_;
  const PolicyDiff& diff_;
  const Evaluation& base_;
  Evaluator& evaluator_;
  Minimized& result_;
  std::set<std::string>& hopeless_;
  const std::vector<int> order_;
  std::set<int> out_;
  std::deque<Ahead> ahead_;
};

}  // namespace

bool NoWorse(const Interval& gain, double tolerance_pct) {
  return gain.mean >= -tolerance_pct && (gain.hi >= 0 || gain.lo >= -tolerance_pct);
}

std::vector<std::string> SimplerSources(const std::string& root, const std::string& source) {
  auto diff = PolicyDiff::Make(root, source);
  std::vector<std::string> out;
  if (!diff.ok()) return out;
  std::set<std::string> seen{source};
  for (int i : Order(*diff))
    if (std::string text = diff->Without(diff->Closure({i})); seen.insert(text).second) out.push_back(std::move(text));
  return out;
}

Minimized Minimize(const MinimizeOptions& options, const std::string& root, const std::string& winner, Evaluator& evaluator) {
  Minimized result{winner, 0, 0};
  const Evaluation base = evaluator.Evaluate({.source = winner, .file = "winner.cc", .seeds = options.seeds, .skeleton_of = {}});
  if (base.outcome != Outcome::kOk) return result;
  std::set<std::string> hopeless;
  for (int before = -1; before != result.steps && result.tries < options.max_tries;) {
    before = result.steps;
    auto diff = PolicyDiff::Make(root, result.source);
    if (!diff.ok() || !Round(options, *diff, base, evaluator, &result, &hopeless).Run()) break;
  }
  return result;
}

}  // namespace ose
