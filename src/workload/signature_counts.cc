#include "workload/signature_counts.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "core/exit_code.h"
#include "workload/signature_scale.h"

namespace ose {
namespace {

using namespace signature_scale;  // NOLINT: its only purpose

constexpr size_t kMaxBuckets = 4 * 48;
constexpr size_t kMixValues = 24;  // of the drawn bursts: enough for the shape

// The middle of a bucket, in ns.
double BucketNs(size_t bucket) {
  const double octave = std::ldexp(1.0, static_cast<int>(bucket / 4));
  return bucket < 8 ? octave * 1.5 : octave * (1.125 + static_cast<double>(bucket % 4) / 4);
}

// Bursts by length with their number, the unfinished ones among them.
std::vector<std::pair<double, double>> Bursts(const SignatureCounts& c) {
  std::vector<std::pair<double, double>> list;
  for (size_t i = 0; i < c.burst_hist.size(); ++i)
    if (c.burst_hist[i] > 0) list.emplace_back(BucketNs(i), c.burst_hist[i]);
  const double unfinished = c.begun - c.bursts, rest = c.cpu_ns - c.burst_ns;
  if (unfinished > 0 && rest > 0) list.emplace_back(rest / unfinished, unfinished);
  std::sort(list.begin(), list.end());
  return list;
}

double Quantile(const std::vector<std::pair<double, double>>& bursts, double p) {
  double total = 0, sum = 0;
  for (const auto& [ns, n] : bursts) total += n;
  for (const auto& [ns, n] : bursts)
    if ((sum += n) >= p * total * (1 - 1e-12)) return ns;
  return 0;
}

double Cv(double n, double sum, double squares) {
  if (n <= 0 || sum <= 0) return 0;
  const double mean = sum / n;
  return std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean;
}

}  // namespace

Result<SignatureCounts> ParseSignatureCounts(std::string_view text) {
  const auto j = nlohmann::json::parse(text, nullptr, false);
  const Error malformed{kExitIo, "not the counts of osevolve-live watch"};
  if (!j.is_object() || j.value("format", nlohmann::json()) != 1) return malformed;
  SignatureCounts c;
  bool good = true;
  const auto number = [&](const char* name, double* out) {
    auto it = j.find(name);
    if (it == j.end() || !it->is_number() || it->get<double>() < 0) good = false;
    else *out = it->get<double>();
  };
  double cpus = 0;
  number("cpus", &cpus);
  number("window_s", &c.window_s);
  number("tasks", &c.tasks);
  number("cpu_ns", &c.cpu_ns);
  number("begun", &c.begun);
  number("bursts", &c.bursts);
  number("burst_ns", &c.burst_ns);
  number("burst_us2", &c.burst_us2);
  number("sleeps", &c.sleeps);
  number("wakes", &c.wakes);
  number("yields", &c.yields);
  number("locks", &c.locks);
  number("waker_pairs", &c.waker_pairs);
  number("wakers", &c.wakers);
  number("open_ns", &c.open_ns);
  number("arrivals", &c.arrivals);
  number("gap_ns", &c.gap_ns);
  number("gap_us2", &c.gap_us2);
  auto hist = j.find("burst_hist");
  auto nice = j.find("nice");
  if (!good || cpus < 1 || cpus > kMaxCpus || hist == j.end() || !hist->is_array() || hist->size() > kMaxBuckets || nice == j.end() || !nice->is_array())
    return malformed;
  c.cpus = static_cast<int>(cpus);
  for (const auto& n : *hist) {
    if (!n.is_number() || n.get<double>() < 0) return malformed;
    c.burst_hist.push_back(n);
  }
  bool first = true;
  for (const auto& n : *nice) {
    const auto value = WholeNumber<int>(n);
    if (!value || *value < -20 || *value > 19) return malformed;
    c.min_nice = first ? *value : std::min(c.min_nice, *value);
    c.max_nice = first ? *value : std::max(c.max_nice, *value);
    first = false;
  }
  return c;
}

Signature SignatureOfCounts(const SignatureCounts& c) {
  Signature s{};
  if (c.cpu_ns <= 0 || c.window_s <= 0) return s;
  const std::vector<std::pair<double, double>> bursts = Bursts(c);
  double n = 0, sum_us = 0, squares = c.burst_us2;
  for (const auto& [ns, count] : bursts) n += count;
  sum_us = c.cpu_ns / 1e3;
  if (const double unfinished = c.begun - c.bursts; unfinished > 0) {
    const double each = std::max(0.0, c.cpu_ns - c.burst_ns) / unfinished / 1e3;
    squares += unfinished * each * each;
  }
  const auto rate = [&](double count) { return LogScale(count / (c.cpu_ns / 1e9), kMaxRate); };
  const double arrival_cv = c.arrivals > 2 ? Cv(c.arrivals - 1, c.gap_ns / 1e3, c.gap_us2) : 0;
  const double ratio = static_cast<double>(NiceToWeight(c.min_nice)) / std::max(1, NiceToWeight(c.max_nice));
  return {Unit(std::log2(c.cpus) / std::log2(kMaxCpus)),
          LogScale(c.tasks / c.cpus, kMaxTasksPerCpu),
          Unit(c.cpu_ns / 1e9 / c.window_s / c.cpus),
          BurstScale(Quantile(bursts, 0.10)),
          BurstScale(Quantile(bursts, 0.50)),
          BurstScale(Quantile(bursts, 0.90)),
          BurstScale(Quantile(bursts, 0.99)),
          LogScale(Cv(n, sum_us, squares), kMaxCv),
          rate(c.sleeps),
          rate(c.wakes),
          LogScale(c.wakers > 0 ? c.waker_pairs / c.wakers : 0, kMaxFanout),
          rate(c.locks),
          rate(c.yields),
          arrival_cv / (1 + arrival_cv),
          Unit(std::log(ratio) / std::log(kMaxWeightRatio)),
          Unit(c.open_ns / c.cpu_ns)};
}

Result<Workload> WorkloadOfCounts(const SignatureCounts& c, const std::string& name) {
  const std::vector<std::pair<double, double>> bursts = Bursts(c);
  if (bursts.empty() || c.tasks < 1) return Error{kExitBadWorkload, "nothing ran while it was counted, so there is no workload"};
  Workload w;
  w.name = name;
  w.description = fmt::format("from counters of {:.1f} s: {:.0f} tasks, {:.3f} s of CPU time, bursts and sleeps as counted, dependencies unknown",
                              c.window_s, c.tasks, c.cpu_ns / 1e9);
  w.machine = "vm-2cpu";
  w.cpus = c.cpus;
  w.horizon = Nanos{static_cast<int64_t>(std::clamp(c.window_s, 0.1, 10.0) * 1e9)};
  w.objectives = {{.metric = "throughput"}, {.metric = "latency_p99", .direction = Direction::kMinimize}};
  Dist burst;
  burst.kind = Dist::Kind::kMix;
  // Neighbouring buckets together, until few enough are left.
  const size_t per = (bursts.size() + kMixValues - 1) / kMixValues;
  for (size_t i = 0; i < bursts.size(); i += per) {
    double n = 0, sum = 0;
    for (size_t k = i; k < std::min(bursts.size(), i + per); ++k) n += bursts[k].second, sum += bursts[k].first * bursts[k].second;
    burst.value.push_back(std::max(1.0, std::round(sum / n)));
    burst.weight.push_back(n);
  }
  Group g;
  g.name = "task";
  g.count = static_cast<int>(std::min<double>(c.tasks, kMaxTasks));
  g.repeat = true;
  const double idle_ns = std::max(0.0, c.tasks * c.window_s * 1e9 - c.cpu_ns);
  Op run{.kind = OpKind::kRun};
  if (burst.value.size() == 1) {
    run.ns = static_cast<int64_t>(burst.value[0]);
  } else {
    run.drawn = true;
    run.object = static_cast<uint32_t>(w.dists.size());
    w.dists.push_back(std::move(burst));
  }
  g.program.push_back(run);
  if (c.sleeps > 0 && idle_ns > 0) {
    Op sleep{.kind = OpKind::kSleep, .drawn = true, .object = static_cast<uint32_t>(w.dists.size())};
    w.dists.push_back({.kind = Dist::Kind::kExponential, .a = idle_ns / std::max(c.sleeps, 1.0)});
    g.program.push_back(sleep);
  }
  w.groups.push_back(std::move(g));
  OSE_TRY(CheckWorkload(w));
  return w;
}

}  // namespace ose
