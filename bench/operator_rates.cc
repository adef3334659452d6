// What becomes of the children that each operator makes of the hand-written policies: how many pass the
// gate and compile, run a workload to its end, and behave differently from their parent there. Prints a
// table (docs/operators.md).  Usage: operator_rates [children of each policy and operator] [workload] [operator,...]
// [policy,...] [folder]. Children that fail and, with a third argument, those that are better are named on stderr; with a folder,
// all are only written there.
#include <fmt/format.h>

#include <cstdlib>
#include <map>

#include "base/file.h"
#include "base/time.h"
#include "cli/context.h"
#include "mutate/mutator.h"

namespace ose {
namespace {

struct Row {
  int tried = 0, made = 0, accepted = 0, ran = 0, changed = 0, better = 0;
  double ms = 0;
};

bool Listed(const std::string& list, std::string_view name) {
  return list.empty() || fmt::format(",{},", list).find(fmt::format(",{},", name)) != std::string::npos;
}

int Main(int children, const std::string& workload, const std::string& only, const std::string& from, const std::string& folder) {
  auto context = Context::Find();
  auto problem = LoadProblem(*context, {.workload = workload, .machine = "", .cpus = 0});
  if (!problem.ok()) return 1;
  auto evaluator = MakeEvaluator(*context, *problem, 1).value();
  auto mutator = Mutator::Create(context->include_dir()).value();
  std::vector<NamedSource> policies = ShippedPolicies(*context).value();
  std::vector<std::string> mates;
  for (const NamedSource& p : policies) mates.push_back(p.source);
  const std::vector<uint64_t> seeds = MakeSeeds(SeedFamily::kSearch, 1, 1);
  std::map<std::string, Row> rows;
  for (size_t k = 0; k < policies.size(); ++k) {
    if (!Listed(from, policies[k].name)) continue;
    const Evaluation parent = evaluator->Evaluate({.source = policies[k].source, .file = policies[k].name, .seeds = seeds, .skeleton_of = {}});
    for (const std::string& op : mutator->ops()) {
      if (!Listed(only, op)) continue;
      for (int i = 0; i < children; ++i) {
        Row& row = rows[op];
        ++row.tried;
        Rng rng = Rng::Stream(7, k, static_cast<uint64_t>(i));
        const Nanos start = MonotonicNow();
        Result<Mutation> m = mutator->Mutate(policies[k].source, op, mates, rng);
        row.ms += static_cast<double>((MonotonicNow() - start).v) / 1e6;
        if (!m.ok()) continue;
        ++row.made;
        if (!folder.empty()) {
          if (!WriteFileAtomic(JoinPath(folder, fmt::format("{}-{}-{}.cc", policies[k].name, op, i)), m->source).ok()) return 1;
          continue;
        }
        const Evaluation e = evaluator->Evaluate({.source = m->source, .file = "child.cc", .seeds = seeds, .skeleton_of = policies[k].source});
        if (e.outcome == Outcome::kGate || e.outcome == Outcome::kCompile) {
          fmt::print(stderr, "{} {} {}: {}\n", policies[k].name, op, m->note, e.diagnosis);
          continue;
        }
        ++row.accepted;
        if (e.outcome != Outcome::kOk) {
          fmt::print(stderr, "{} {} {}: {}\n", policies[k].name, op, m->note, e.diagnosis);
          ++row.changed;
          continue;
        }
        ++row.ran;
        const double was = parent.MeanScore();
        row.changed += e.MeanScore() != was;
        row.better += e.MeanScore() > was;
        if (!only.empty() && e.MeanScore() > was) fmt::print(stderr, "better: {:.3f} from {:.3f} {} {} {}: {}\n", e.MeanScore(), was, policies[k].name, op, i, m->note);
      }
    }
  }
  fmt::print("| operator | made | accepted | ran | behaved differently | better | ms |\n|---|---|---|---|---|---|---|\n");
  for (const std::string& op : mutator->ops()) {
    const Row& r = rows[op];
    if (r.made == 0) continue;
    auto pct = [](int n, int of) { return 100.0 * n / of; };
    fmt::print("| `{}` | {:.0f}% | {:.1f}% | {:.0f}% | {:.0f}% | {:.0f}% | {:.1f} |\n", op, pct(r.made, r.tried), pct(r.accepted, r.made), pct(r.ran, r.made),
               pct(r.changed, r.made), pct(r.better, r.made), r.ms / r.tried);
  }
  return 0;
}

}  // namespace
}  // namespace ose

int main(int argc, char** argv) {
  auto argument = [&](int i, const char* otherwise) { return argc > i ? argv[i] : otherwise; };
  return ose::Main(std::atoi(argument(1, "4")), argument(2, "batch-interactive-2cpu"), argument(3, ""), argument(4, ""), argument(5, ""));
}
