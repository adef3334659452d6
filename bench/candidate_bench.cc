// What a candidate costs: source -> score on hol 32/150/5, all search seeds.
//   Cold         a source never seen: gate, compile, torture run, seeds
//   TunablesOnly the same object with other tunables: torture run, seeds
//   Known        asked again: the cache
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "cli/context.h"
#include "mutate/mutator.h"

namespace ose {
namespace {

struct Setup {
  Problem problem;
  std::unique_ptr<Evaluator> evaluator;
  std::string source;

  Setup() {
    auto context = Context::Find();
    auto loaded = context.ok() ? LoadProblem(*context, {.workload = "hol", .machine = "", .cpus = 0}) : context.error();
    if (!loaded.ok()) abort();
    problem = std::move(*loaded);
    evaluator = MakeEvaluator(*context, problem, 1).value();
    source = LoadPolicy(*context, "", "cfs")->source;
  }
  Evaluation Score(const std::string& text) {
    return evaluator->Evaluate({.source = text, .file = "bench.cc", .seeds = MakeSeeds(SeedFamily::kSearch, 1, problem.workload.search_seeds), .skeleton_of = {}});
  }
};

// A different object each time: a counter with a number of its own in the first evolve block.
std::string Variant(const std::string& source, int64_t n) {
  size_t line = source.find('\n', source.find("EVOLVE-BLOCK-START")) + 1;
  return source.substr(0, line) + fmt::format("    count(63, {});\n", n) + source.substr(line);
}

void Check(benchmark::State& state, const Evaluation& e) {
  if (e.outcome != Outcome::kOk) state.SkipWithError(e.diagnosis.c_str());
}

void Cold(benchmark::State& state) {
  Setup s;
  Check(state, s.Score(s.source));  // starts the processes
  int64_t n = 1;
  for (auto _ : state) Check(state, s.Score(Variant(s.source, ++n)));
}
BENCHMARK(Cold)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(15)->Repetitions(5)->ReportAggregatesOnly();

void TunablesOnly(benchmark::State& state) {
  Setup s;
  Check(state, s.Score(s.source));
  size_t at = s.source.find("TUNABLE(");
  at = s.source.find(',', at) + 2;
  size_t end = s.source.find(',', at);
  int64_t n = 2'000'000;
  for (auto _ : state) Check(state, s.Score(s.source.substr(0, at) + std::to_string(++n) + s.source.substr(end)));
}
BENCHMARK(TunablesOnly)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(50)->Repetitions(5)->ReportAggregatesOnly();

void Known(benchmark::State& state) {
  Setup s;
  for (auto _ : state) Check(state, s.Score(s.source));
}
BENCHMARK(Known)->Unit(benchmark::kMillisecond)->UseRealTime();

void Propose(benchmark::State& state) {
  auto context = Context::Find();
  auto mutator = Mutator::Create(context->include_dir()).value();
  std::string source = LoadPolicy(*context, "", "cfs")->source;
  Rng rng(1);
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(mutator->Mutate(source, mutator->ops()[i++ % mutator->ops().size()], {source}, rng));
}
BENCHMARK(Propose)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ose
