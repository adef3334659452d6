#include "evolve/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/cmaes.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

#include "core/policy_source.h"

namespace ose {
namespace {

using Vector = std::vector<double>;

// What the optimiser asked, and what it is answered. Without answers it only writes down.
struct Script {
  std::vector<Vector> asked;
  std::vector<double> answers;
};

struct Probe {
  std::shared_ptr<Script> script;
  size_t dimensions = 1;
  Vector fitness(const Vector& x) const {
    script->asked.push_back(x);
    const size_t i = script->asked.size() - 1;
    return {i < script->answers.size() ? script->answers[i] : 0.0};
  }
  std::pair<Vector, Vector> get_bounds() const { return {Vector(dimensions, 0.0), Vector(dimensions, 1.0)}; }
};

bool Logarithmic(const TunableDecl& t) { return t.min > 0 && t.max / t.min > 16; }

double ToUnit(const TunableDecl& t, int64_t value) {
  const double v = static_cast<double>(value), lo = static_cast<double>(t.min), hi = static_cast<double>(t.max);
  if (t.min == t.max) return 0.5;
  return Logarithmic(t) ? std::log(v / lo) / std::log(hi / lo) : (v - lo) / (hi - lo);
}

int64_t FromUnit(const TunableDecl& t, double x) {
  const double lo = static_cast<double>(t.min), hi = static_cast<double>(t.max);
  const double v = Logarithmic(t) ? lo * std::pow(hi / lo, x) : lo + x * (hi - lo);
  return std::clamp(static_cast<int64_t>(std::llround(std::clamp(v, lo, hi))), t.min, t.max);
}

}  // namespace

struct Tuner::Session {
  int64_t structure = 0;
  std::string source;
  std::vector<TunableDecl> tunables;
  std::shared_ptr<Script> script = std::make_shared<Script>();
  pagmo::algorithm optimizer;
  pagmo::population points{pagmo::problem{Probe{std::make_shared<Script>(), 1}}};
  std::vector<Vector> asked;      // of this generation
  std::vector<double> answers;    // less is better
  std::vector<int64_t> proposals;
  size_t answered = 0;
  double best = 0;
  int idle_generations = 0;

  Session(const Member& m, std::vector<TunableDecl> t, uint64_t seed) : structure(m.id), source(m.source), tunables(std::move(t)), best(-m.score) {
    const size_t n = tunables.size();
    const auto lambda = static_cast<pagmo::population::size_type>(std::max(6, 4 + static_cast<int>(3 * std::log(static_cast<double>(n)))));
    optimizer = pagmo::algorithm{pagmo::cmaes(1, -1, -1, -1, -1, 0.2, 0, 0, /*memory=*/true, /*force_bounds=*/true, static_cast<unsigned>(Mix64(seed)))};
    points = pagmo::population{pagmo::problem{Probe{script, n}}, 0, static_cast<unsigned>(Mix64(seed + 1))};
    Vector x;
    for (const TunableDecl& d : tunables) x.push_back(ToUnit(d, d.default_value));
    for (pagmo::population::size_type i = 0; i < lambda; ++i) points.push_back(x, {best});
    Ask();
  }

  void Ask() {
    *script = {};
    const pagmo::algorithm rehearsal = optimizer;
    rehearsal.evolve(points);
    asked = std::move(script->asked);
    answers.assign(asked.size(), 0);
    proposals.clear();
    answered = 0;
  }
  void Learn() {
    const double before = best;
    for (double a : answers) best = std::min(best, a);
    idle_generations = best < before - 1e-9 * std::abs(before) ? 0 : idle_generations + 1;
    *script = {{}, answers};
    points = optimizer.evolve(points);
    Ask();
  }
  bool over() const { return idle_generations >= kPatience || asked.empty(); }
};

Tuner::Tuner(uint64_t seed) : seed_(seed) {}
Tuner::~Tuner() = default;

bool Tuner::CanPropose(int island, const Archive& archive) {
  std::unique_ptr<Session>& s = sessions_[island];
  if (s && s->over() && s->answered == s->proposals.size()) s.reset();
  if (!s) {
    for (const Member& m : archive.members()) {
      if (tuned_.contains(m.id)) continue;
      Result<std::vector<TunableDecl>> tunables = ParseTunables(m.source);
      if (tunables.ok()) std::erase_if(*tunables, [](const TunableDecl& t) { return t.min == t.max; });
      if (!tunables.ok() || tunables->empty()) continue;
      tuned_.insert(m.id);
      s = std::make_unique<Session>(m, std::move(*tunables), Mix64(seed_ ^ Mix64(++sessions_begun_)));
      break;
    }
  }
  return s && !s->over() && s->proposals.size() < s->asked.size();
}

Tuner::Point Tuner::Next(int island, int64_t id) {
  Session& s = *sessions_.at(island);
  const Vector& x = s.asked[s.proposals.size()];
  s.proposals.push_back(id);
  islands_of_[id] = island;
  Tunables values;
  std::string note;
  for (size_t i = 0; i < s.tunables.size(); ++i) {
    const TunableDecl& t = s.tunables[i];
    values[t.name] = FromUnit(t, x[i]);
    note += fmt::format("{}{}={}", i ? " " : "", t.name, values[t.name]);
  }
  Result<std::string> source = SetTunables(s.source, values);
  return {s.structure, source.ok() ? *source : s.source, note};
}

void Tuner::OnResult(int64_t id, double score) {
  auto it = islands_of_.find(id);
  if (it == islands_of_.end()) return;
  Session& s = *sessions_.at(it->second);
  islands_of_.erase(it);
  const auto at = std::find(s.proposals.begin(), s.proposals.end(), id) - s.proposals.begin();
  s.answers[static_cast<size_t>(at)] = -score;
  if (++s.answered == s.asked.size()) s.Learn();
}

}  // namespace ose
