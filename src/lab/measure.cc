#include "lab/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/json.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "lab/shell.h"

namespace ose {
namespace {

std::string Command(const MeasurePlan& plan, uint64_t seed) {
  std::string text;
  for (std::string word : plan.command) {
    const std::string mark = "{seed}";
    for (size_t at; (at = word.find(mark)) != word.npos;) word.replace(at, mark.size(), std::to_string(seed));
    text += (text.empty() ? "" : " ") + ShellQuoted(word);
  }
  return text;
}

// The number after `label` and white space, at the beginning of a line.
std::optional<double> Labelled(std::string_view text, std::string_view label) {
  for (size_t at = 0; at < text.size();) {
    size_t to = text.find('\n', at);
    if (to == text.npos) to = text.size();
    std::string line(text.substr(at, to - at));
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.starts_with(label)) {
      const char* rest = line.c_str() + label.size();
      char* end = nullptr;
      const double value = strtod(rest, &end);
      if (end != rest) return value;
    }
    at = to + 1;
  }
  return std::nullopt;
}

// sysbench 1.0: times are in ms; "total time" ends in "s".
Result<Metrics> ParseSysbench(std::string_view text) {
  const auto events = Labelled(text, "total number of events:"), total = Labelled(text, "total time:");
  if (!events || !total || *total <= 0) return Error{kExitIo, "no report of sysbench"};
  Metrics m;
  m["events"] = *events;
  m["throughput"] = Labelled(text, "events per second:").value_or(*events / *total);
  m["span"] = *total * 1e6;
  // With one pass a thread the quantiles are in the same lines.
  if (auto x = Labelled(text, "avg:")) m["latency_mean"] = *x * 1e3;
  if (auto x = Labelled(text, "95th percentile:"); x && *x > 0) m["latency_p95"] = *x * 1e3;
  if (auto x = Labelled(text, "max:")) m["latency_max"] = *x * 1e3;
  return m;
}

Result<Metrics> ParseSeconds(std::string_view text) {
  for (const char* label : {"Time:", "Total time:"})
    if (auto s = Labelled(text, label); s && *s > 0) return Metrics{{"span", *s * 1e6}};
  return Error{kExitIo, "no line \"Time: SECONDS\""};
}

// "TEST","RPS","avg","min","p50","p95","p99","max", latencies in ms as the clients see them; the line after the header.
Result<Metrics> ParseRedis(std::string_view text) {
  const Error none{kExitIo, "no line of redis-benchmark --csv"};
  const size_t header = text.find("\"test\",\"rps\"");
  const size_t line = header == text.npos ? header : text.find('\n', header);
  if (line == text.npos) return none;
  std::vector<double> values;
  const std::string rest(text.substr(line + 1, text.find('\n', line + 1) - line - 1));
  for (size_t at = rest.find(','); at != rest.npos; at = rest.find(',', at + 1)) values.push_back(strtod(rest.c_str() + std::min(at + 2, rest.size()), nullptr));
  if (values.size() < 7 || values[0] <= 0) return none;
  return Metrics{{"throughput", values[0]}, {"client.latency_mean", values[1] * 1e3}, {"client.latency_p50", values[3] * 1e3},
                 {"client.latency_p95", values[4] * 1e3}, {"client.latency_p99", values[5] * 1e3}, {"client.latency_max", values[6] * 1e3}};
}

Result<Metrics> ParseLoad(std::string_view text) {
  const auto j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("metrics") || !j["metrics"].is_object()) return Error{kExitIo, "no JSON of osevolve load"};
  Metrics m;
  for (const auto& [name, value] : j["metrics"].items()) {
    if (value.is_number()) m[name] = value;
    else if (value.is_object() && value.contains("value") && value["value"].is_number()) m[name] = value["value"];
  }
  return m;
}

// How a run under osevolve-live failed; see core/exit_code.h.
Outcome OutcomeOf(int status, const std::string& words) {
  if (status == kExitVerifier) return words.find("ejected") == words.npos ? Outcome::kVerifier : words.find("stall") == words.npos ? Outcome::kRule : Outcome::kStall;
  return Outcome::kInternal;
}

}  // namespace

Result<BenchOutput> ParseBenchOutput(std::string_view name) {
  if (name == "load") return BenchOutput::kLoad;
  if (name == "sysbench") return BenchOutput::kSysbench;
  if (name == "seconds") return BenchOutput::kSeconds;
  if (name == "redis") return BenchOutput::kRedis;
  return Error{kExitUsage, fmt::format("no such output '{}': load, sysbench, seconds or redis", OneLine(name, 40))};
}

Result<Metrics> ParseBench(BenchOutput output, std::string_view text) {
  switch (output) {
    case BenchOutput::kLoad: return ParseLoad(text);
    case BenchOutput::kSysbench: return ParseSysbench(text);
    case BenchOutput::kSeconds: return ParseSeconds(text);
    case BenchOutput::kRedis: return ParseRedis(text);
  }
  return Error{kExitInternal, "no such output"};
}

std::string MeasureScript(const MeasurePlan& plan) {
  std::string script =
      "d=$(mktemp -d) || exit 1\n"
      "trap 'rm -rf \"$d\"' EXIT\n"
      // A scheduler's own program beside the command; 36 when it does not come to rule.
      "beside() {  # PROGRAM COMMAND...\n"
      "  local pid status=0 state=/sys/kernel/sched_ext/state n=0\n"
      "  \"$1\" >&2 </dev/null &\n"
      "  pid=$!\n"
      "  shift\n"
      "  until [[ $(cat $state 2>&1) == enabled ]]; do\n"
      "    kill -0 $pid 2>/dev/null && ((n++ < 200)) || { kill -9 $pid 2>/dev/null; echo \"it does not attach\" >&2; return 36; }\n"
      "    sleep 0.1\n"
      "  done\n"
      "  \"$@\" || status=$?\n"
      "  kill -INT $pid 2>/dev/null || { echo \"ejected\" >&2; status=36; }\n"
      "  wait $pid || true\n"
      "  until [[ $(cat $state 2>&1) == disabled ]]; do sleep 0.1; done\n"
      "  return $status\n"
      "}\n"
      "run() {  # POLICY SEED COMMAND...\n"
      "  local policy=$1 seed=$2 status=0\n"
      "  shift 2\n"
      "  \"$@\" >\"$d/out\" 2>\"$d/err\" </dev/null || status=$?\n"
      "  printf '@@osevolve %s %s %s %s %s\\n' \"$policy\" \"$seed\" $status $(stat -c %s \"$d/out\" \"$d/err\")\n"
      "  cat \"$d/out\" \"$d/err\"\n"
      "}\n";
  const size_t n = plan.policies.size();
  for (size_t s = 0; s < plan.seeds.size(); ++s) {
    for (size_t i = 0; i < n; ++i) {
      const size_t p = (i + s) % n;
      const auto& [name, object, program] = plan.policies[p];
      const std::string under = !program.empty() ? fmt::format("beside {} ", ShellQuoted(program))
                                : object.empty() ? "" : fmt::format("{} run --timeout-ms 15000 --object {} -- ", ShellQuoted(plan.live_program), ShellQuoted(object));
      script += fmt::format("run {} {} {}{}\n", p, plan.seeds[s], under, Command(plan, plan.seeds[s]));
    }
  }
  return script;
}

Result<std::vector<Evaluation>> ParseMeasured(const MeasurePlan& plan, std::string_view output) {
  std::vector<std::map<uint64_t, Metrics>> measured(plan.policies.size());
  std::vector<Evaluation> evaluations(plan.policies.size());
  const Error broken{kExitIo, "the measurement's output is not whole"};
  while (!output.empty()) {
    const size_t line_end = output.find('\n');
    if (line_end == output.npos || !output.starts_with("@@osevolve ")) return broken;
    uint64_t field[5] = {};
    std::string_view rest = output.substr(11, line_end - 11);
    for (uint64_t& f : field) {
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), f);
      if (error != std::errc()) return broken;
      rest.remove_prefix(static_cast<size_t>(end - rest.data()));
      if (rest.starts_with(' ')) rest.remove_prefix(1);
    }
    const auto [policy, seed, status, out_bytes, err_bytes] = field;
    output.remove_prefix(line_end + 1);
    if (policy >= measured.size() || out_bytes > output.size() || err_bytes > output.size() - out_bytes) return broken;
    const std::string_view out = output.substr(0, out_bytes);
    std::string words = OneLine(std::string(output.substr(out_bytes, err_bytes)), 600);
    output.remove_prefix(out_bytes + err_bytes);
    Evaluation& e = evaluations[policy];
    if (e.outcome != Outcome::kOk) continue;
    if (status != 0) {
      e.outcome = OutcomeOf(static_cast<int>(status), words);
      e.diagnosis = fmt::format("{}: seed {}: exit code {}: {}", plan.policies[policy].name, seed, status, words);
      continue;
    }
    auto metrics = ParseBench(plan.output, out);
    if (!metrics.ok()) {
      e.outcome = Outcome::kInternal;
      e.diagnosis = fmt::format("{}: seed {}: {}", plan.policies[policy].name, seed, metrics.error().message);
      continue;
    }
    measured[policy][seed] = std::move(*metrics);
  }
  for (size_t p = 0; p < evaluations.size(); ++p) {
    if (evaluations[p].outcome != Outcome::kOk) continue;
    for (uint64_t seed : plan.seeds) {
      auto found = measured[p].find(seed);
      if (found == measured[p].end()) return broken;
      evaluations[p].seeds.push_back({seed, found->second, 0});
    }
  }
  return evaluations;
}

}  // namespace ose
