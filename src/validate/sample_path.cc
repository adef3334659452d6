#include "validate/sample_path.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>

#include "validate/size_law.h"

namespace ose {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

Dist SizeOf(const Workload& w, const Group& group) {
  const Op& run = group.program.at(0);
  return run.drawn ? w.dists[run.object] : Dist{.kind = Dist::Kind::kConstant, .a = static_cast<double>(run.ns)};
}

// visit(arrival, size) for each request of a group, in order.
template <class Visit>
void ForEachRequest(const Workload& w, int g, int cpus, uint64_t seed, Visit visit) {
  RequestSource source(w, g, cpus, seed);
  while (source.next() != kNever) {
    const Job job = source.Take();
    visit(job.release, job.work);
  }
}

}  // namespace

RequestSource::RequestSource(const Workload& w, int g, int cpus, uint64_t seed)
    : horizon_(w.horizon.v), group_(g), seed_(seed), arrivals_(w, g, cpus, seed), sampler_(SizeOf(w, w.groups[static_cast<size_t>(g)])) {
  Advance();
}

Job RequestSource::Take() {
  Rng rng = RequestStream(seed_, group_, number_++);
  const Job job{next_, sampler_(rng)};
  Advance();
  return job;
}

void RequestSource::Advance() {
  const Nanos at = arrivals_.Next();
  next_ = at.v < horizon_ ? at.v : kNever;
}

std::vector<Job> ArrivingJobs(const Workload& w, int cpus, uint64_t seed) {
  std::vector<Job> jobs;
  for (int g = 0; g < static_cast<int>(w.groups.size()); ++g)
    ForEachRequest(w, g, cpus, seed, [&](int64_t at, int64_t size) { jobs.push_back({at, size}); });
  // What one group has at one instant stays in its order.
  if (w.groups.size() > 1) std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.release < b.release; });
  return jobs;
}

std::vector<double> ArrivalControls(const Workload& w, int cpus, uint64_t seed, const std::vector<Nanos>& memories) {
  // Of a pair: the earlier one's work, decayed, times the later one's.
  std::vector<double> decayed(memories.size(), 0), pairs(memories.size(), 0);
  int64_t last = 0;
  double count = 0, work = 0, squares = 0, expected_count = 0, expected_work = 0, expected_squares = 0;
  for (int g = 0; g < static_cast<int>(w.groups.size()); ++g) {
    ForEachRequest(w, g, cpus, seed, [&](int64_t at, int64_t size) {
      if (at < w.warmup.v) return;
      const double s = static_cast<double>(size);
      count += 1, work += s, squares += s * s;
      for (size_t m = 0; m < memories.size(); ++m) {
        decayed[m] *= std::exp(-static_cast<double>(at - last) / static_cast<double>(memories[m].v));
        pairs[m] += decayed[m] * s;
        decayed[m] += s;
      }
      last = at;
    });
    const Group& group = w.groups[static_cast<size_t>(g)];
    const SizeLaw law(SizeOf(w, group));
    const double n = ArrivalRate(w, group, cpus) * (w.horizon - w.warmup).s();
    expected_count += n, expected_work += n * law.Moment(1), expected_squares += n * law.Moment(2);
  }
  std::vector<double> controls = {count / expected_count - 1, work / expected_work - 1, squares / expected_squares - 1};
  for (size_t m = 0; m < memories.size(); ++m) {
    const double window = static_cast<double>((w.horizon - w.warmup).v), memory = static_cast<double>(memories[m].v);
    const double rate = expected_work / window;  // work per time
    controls.push_back(pairs[m] / (rate * rate * memory * (window - memory * -std::expm1(-window / memory))) - 1);
  }
  return controls;
}

double FcfsMeanResponse(const std::vector<Job>& jobs, int servers, int64_t from) {
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> free_at;
  for (int i = 0; i < servers; ++i) free_at.push(0);
  double sum = 0, n = 0;
  for (const Job& job : jobs) {
    const int64_t end = std::max(job.release, free_at.top()) + job.work;
    free_at.pop();
    free_at.push(end);
    if (job.release < from) continue;
    sum += static_cast<double>(end - job.release);
    n += 1;
  }
  return sum / n;
}

}  // namespace ose
