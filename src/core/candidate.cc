#include "core/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/exit_code.h"

namespace ose {

const char* OutcomeName(Outcome o) {
  switch (o) {
    case Outcome::kOk: return "ok";
    case Outcome::kGate: return "gate";
    case Outcome::kCompile: return "compile";
    case Outcome::kVerifier: return "verifier";
    case Outcome::kCrash: return "crash";
    case Outcome::kTimeout: return "timeout";
    case Outcome::kMemory: return "memory";
    case Outcome::kRule: return "rule";
    case Outcome::kStall: return "stall";
    case Outcome::kStuck: return "stuck";
    case Outcome::kSandbox: return "sandbox";
    case Outcome::kInternal: return "internal";
  }
  return "?";
}

std::optional<Outcome> OutcomeFromName(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Outcome::kInternal); ++i)
    if (name == OutcomeName(static_cast<Outcome>(i))) return static_cast<Outcome>(i);
  return std::nullopt;
}

int OutcomeExitCode(Outcome o) {
  switch (o) {
    case Outcome::kOk: return kExitOk;
    case Outcome::kGate: return kExitGate;
    case Outcome::kCompile: return kExitCompile;
    case Outcome::kVerifier: return kExitVerifier;
    case Outcome::kCrash: return kExitPolicyCrash;
    case Outcome::kTimeout: return kExitPolicyTimeout;
    case Outcome::kMemory: return kExitPolicyMemory;
    case Outcome::kRule: return kExitPolicyRule;
    case Outcome::kStall: return kExitPolicyStall;
    case Outcome::kStuck: return kExitWorkloadStuck;
    case Outcome::kSandbox: return kExitPolicyCrash;
    case Outcome::kInternal: return kExitInternal;
  }
  return kExitInternal;
}

Result<Tunables> ParseSettings(const std::vector<std::string>& settings) {
  Tunables values;
  for (const std::string& s : settings) {
    const size_t equals = s.find('=');
    char* end = nullptr;
    const int64_t value = equals == s.npos ? 0 : strtoll(s.c_str() + equals + 1, &end, 10);
    if (equals == s.npos || equals == 0 || !end || *end || end == s.c_str() + equals + 1)
      return Error{kExitUsage, fmt::format("--set {}: not of the form NAME=NUMBER", s)};
    values[s.substr(0, equals)] = value;
  }
  return values;
}

double Evaluation::MeanScore() const {
  if (outcome != Outcome::kOk || seeds.empty()) return 0;
  double sum = 0;
  for (const SeedResult& s : seeds) sum += s.score;
  return sum / static_cast<double>(seeds.size());
}

uint64_t Evaluation::MostSimEvents() const {
  double most = 0;
  for (const SeedResult& s : seeds)
    if (auto it = s.metrics.find("sim_events"); it != s.metrics.end()) most = std::max(most, it->second);
  return static_cast<uint64_t>(most);
}

std::vector<double> Evaluation::Scores() const {
  std::vector<double> out;
  for (const SeedResult& s : seeds) out.push_back(s.score);
  return out;
}

}  // namespace ose
