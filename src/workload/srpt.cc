#include "workload/srpt.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace ose {

// Time is counted in units of 1/cpus ns, in which the fast server does one ns of CPU work a
// unit: all integers, no rounding. The largest product, kMaxDrawNs * kMaxCpus, is below 2^63.

double SrptTotalFlow(std::span<const Job> jobs, int cpus, int64_t limit) {
  std::vector<int64_t> left;  // remaining work, min-heap
  std::greater<int64_t> later;
  int64_t now = 0;
  double flow = 0;
  auto run_until = [&](int64_t end) {
    while (!left.empty() && now + left.front() <= end) {
      now += left.front();
      flow += static_cast<double>(now);
      std::pop_heap(left.begin(), left.end(), later);
      left.pop_back();
    }
    // The job in progress only shrinks, so it stays the heap's first.
    if (!left.empty()) left.front() -= end - now;
    now = end;
  };
  for (const Job& job : jobs) {
    run_until(std::max(now, job.release * cpus));
    flow -= static_cast<double>(job.release * cpus);
    left.push_back(job.work);
    std::push_heap(left.begin(), left.end(), later);
  }
  limit *= cpus;
  while (!left.empty() && now < limit) run_until(std::min(limit, now + left.front()));
  flow += static_cast<double>(left.size()) * static_cast<double>(limit);
  return flow / cpus;
}

double MeanBusyTotalFlow(std::span<const Job> jobs, int cpus, double* longest_busy) {
  struct Part {
    int64_t work, left;
    double share;  // 1 / work
  };
  auto larger = [](const Part& a, const Part& b) { return a.work > b.work; };
  std::vector<Part> parts;  // min-heap by original size
  int64_t now = 0, busy_since = 0, longest = 0;
  double busy = 0, half_work = 0;  // sum of M_j - release, scaled; sum of p_j / 2
  auto serve = [&](int64_t amount) {
    Part& p = parts.front();
    const double done = static_cast<double>(amount);
    busy += (static_cast<double>(now) + done / 2) * done * p.share;
    p.left -= amount;
    now += amount;
  };
  auto run_until = [&](int64_t end) {
    while (!parts.empty() && now + parts.front().left <= end) {
      serve(parts.front().left);
      std::pop_heap(parts.begin(), parts.end(), larger);
      parts.pop_back();
      if (parts.empty()) longest = std::max(longest, now - busy_since);
    }
    if (!parts.empty() && end > now) serve(end - now);
    now = end;
  };
  for (const Job& job : jobs) {
    run_until(std::max(now, job.release * cpus));
    if (job.work <= 0) continue;  // done when released
    busy -= static_cast<double>(job.release * cpus);
    half_work += static_cast<double>(job.work) / 2;
    if (parts.empty()) busy_since = now;
    parts.push_back({job.work, job.work, 1 / static_cast<double>(job.work)});
    std::push_heap(parts.begin(), parts.end(), larger);
  }
  while (!parts.empty()) run_until(now + parts.front().left);
  if (longest_busy) *longest_busy = static_cast<double>(longest) / cpus;
  return busy / cpus + half_work;
}

}  // namespace ose
