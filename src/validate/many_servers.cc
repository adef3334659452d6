#include "validate/many_servers.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "validate/sample_path.h"

namespace ose {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

struct Request {
  int64_t release, size, left;
};

// Arrivals and results, which do not depend on the order of service.
class Requests {
 public:
  Requests(const Workload& w, int cpus, uint64_t seed, double limit)
      : warmup_(w.warmup.v), limit_(limit), source_(w, 0, cpus, seed) {}
  int64_t next() const { return source_.next(); }  // kNever: none
  Request Take() {
    const Job job = source_.Take();
    const int64_t size = std::max<int64_t>(job.work, 1);
    return {job.release, size, size};
  }
  void Done(const Request& r, int64_t at) {
    if (r.release < warmup_) return;
    const double slowdown = static_cast<double>(at - r.release) / static_cast<double>(r.size);
    ++count_;
    sum_ += slowdown;
    beyond_ += slowdown > limit_;
  }
  ServedRequests Result() const {
    const double n = static_cast<double>(std::max<int64_t>(count_, 1));
    return {count_, sum_ / n, static_cast<double>(beyond_) / n};
  }

 private:
  const int64_t warmup_;
  const double limit_;
  RequestSource source_;
  int64_t count_ = 0, beyond_ = 0;
  double sum_ = 0;
};

struct Server {
  int64_t at = kNever;  // when its quantum or its request ends; kNever: it is idle
  int64_t runs = 0;     // how long that is, of its request
  Request request{};
};

void RoundRobin(Requests& requests, const ManyServers& how) {
  std::vector<Server> servers(static_cast<size_t>(how.servers));
  std::deque<Request> queue;
  const auto start = [&](Server& s, const Request& r, int64_t at) {
    s.request = r;
    s.runs = std::min(how.quantum.v, r.left);
    s.at = at + s.runs;
  };
  for (;;) {
    Server* first = &servers[0];
    for (Server& s : servers) first = s.at < first->at ? &s : first;
    if (requests.next() < first->at) {
      const int64_t now = requests.next();
      const Request r = requests.Take();
      Server* idle = nullptr;
      for (Server& s : servers)
        if (s.at == kNever) idle = &s;
      if (idle) start(*idle, r, now);
      else queue.push_back(r);
      continue;
    }
    if (first->at == kNever) return;
    const int64_t now = first->at;
    Request r = first->request;
    r.left -= first->runs;
    if (r.left == 0) requests.Done(r, now);
    if (r.left > 0 && queue.empty()) {
      start(*first, r, now + how.overhead.v);
    } else if (queue.empty()) {
      first->at = kNever;
    } else {
      start(*first, queue.front(), r.left > 0 ? now + how.overhead.v : now);
      queue.pop_front();
      if (r.left > 0) queue.push_back(r);
    }
  }
}

void Srpt(Requests& requests, const ManyServers& how) {
  std::vector<Server> servers(static_cast<size_t>(how.servers));
  struct Waiting {
    Request request;
    uint64_t order;
    bool operator<(const Waiting& o) const { return request.left != o.request.left ? request.left > o.request.left : order > o.order; }
  };
  std::priority_queue<Waiting> waiting;
  uint64_t order = 0;
  const auto start = [](Server& s, const Request& r, int64_t now) {
    s.request = r;
    s.at = now + r.left;
  };
  for (;;) {
    Server *first = &servers[0], *last = first;
    for (Server& s : servers) {
      first = s.at < first->at ? &s : first;
      last = s.at > last->at ? &s : last;
    }
    if (requests.next() < first->at) {
      const int64_t now = requests.next();
      Request r = requests.Take();
      if (last->at != kNever && last->at - now > r.left) {
        last->request.left = last->at - now;
        waiting.push({std::exchange(last->request, r), order++});
        start(*last, r, now);
      } else if (last->at == kNever) {
        start(*last, r, now);
      } else {
        waiting.push({r, order++});
      }
      continue;
    }
    if (first->at == kNever) return;
    const int64_t now = first->at;
    requests.Done(first->request, now);
    first->at = kNever;
    if (waiting.empty()) continue;
    start(*first, waiting.top().request, now);
    waiting.pop();
  }
}

}  // namespace

ServedRequests Serve(const Workload& workload, const ManyServers& how, uint64_t seed, double slowdown_limit) {
  Requests requests(workload, how.servers, seed, slowdown_limit);
  if (how.order == ServiceOrder::kSrpt) Srpt(requests, how);
  else RoundRobin(requests, how);
  return requests.Result();
}

}  // namespace ose
