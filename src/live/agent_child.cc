#include "live/agent_child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/utf8.h"
#include "core/exit_code.h"
#include "core/topology.h"
#include "live/agent_host.h"
#include "live/agent_link.h"
#include "native/native_policy.h"
#include "sandbox/sandbox.h"

namespace ose {
namespace {

constexpr int kBatch = 64;  // events between two looks at decisions and time
const Nanos kNap = Nanos::Millis(500);

void Say(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (n <= 0 && errno != EINTR) return;  // the supervisor is gone
    if (n > 0) at += static_cast<size_t>(n);
  }
}

// Waits for the supervisor's word; 0 at the end of file.
char Hear() {
  char word = 0;
  while (read(STDIN_FILENO, &word, 1) < 0 && errno == EINTR) {
  }
  return word;
}

class Agent {
 public:
  Agent(const NativePolicy& policy, AgentMachine machine, RingLink& link)
      : link_(link), host_(policy.ops(), std::move(machine), link.slots(), link, static_cast<uint64_t>(link.Now().v)) {}

  Status Start() { return host_.Start(); }

  void TakeOver(bool wants_ticks) {
    agent_control& c = link_.control();
    memset(c.counters, 0, sizeof c.counters);
    c.handled = c.deferred = c.resyncs = c.unplaced = c.first_decision_at = 0;
    c.wants_ticks = wants_ticks;
    link_.Beat();
    dropped_ = link_.shim().dropped;
    host_.Resync();
    c.took_over_at = static_cast<uint64_t>(link_.Now().v);
    link_.Beat();
    if (link_.rings()) link_.Ring();
  }

  // Until the supervisor wants it to stop or the policy breaks a rule.
  void Rule() {
    const std::function<void(const agent_event&)> handle = [this](const agent_event& e) { Handle(e); };
    while (!host_.failed()) {
      link_.Beat();
      const int n = link_.Consume(kBatch, handle);
      if (link_.shim().dropped != dropped_) {
        dropped_ = link_.shim().dropped;
        ++link_.control().resyncs;
        host_.Resync();
      }
      host_.RunTimer();
      host_.Flush();
      if (n > 0) Account();
      pollfd watched[2] = {{STDIN_FILENO, POLLIN, 0}, {link_.fd(), POLLIN, 0}};
      if (link_.HasEvents() && n > 0) {
        if (link_.rings()) link_.Ring();
        poll(watched, 1, 0);
      } else if (link_.HasEvents()) {
        // A record that is begun but not complete: its writer was cut off, perhaps by us, and has to run.
        poll(watched, 1, 1);
      } else {
        link_.FallAsleep();
        poll(watched, 2, Patience());
        link_.WakeUp();
      }
      if (watched[0].revents) return;
    }
  }

  void Stop() {
    agent_control& c = link_.control();
    c.stopped_at = static_cast<uint64_t>(link_.Now().v);  // the last decision is made
    c.unplaced = host_.failed() ? 0 : static_cast<uint64_t>(Unplaced());
    host_.Exit();
    Account();
  }

  const AgentHost& host() const { return host_; }

 private:
  // The shim marks a task as waiting and then numbers and sends its event, so a look between the two sees one that nobody
  // has been told of. Who is lost stays lost; a single look at which nobody is shows that all those were on their way.
  int Unplaced() {
    const Nanos until = link_.Now() + Nanos::Millis(20);
    int n = host_.CountUnplaced();
    while (n > 0 && link_.Now() < until) n = host_.CountUnplaced();
    return n;
  }

  void Handle(const agent_event& e) {
    agent_control& c = link_.control();
    ++c.handled;
    if (e.kind == kEventEnqueue) {
      const int64_t age = link_.Now().v - static_cast<int64_t>(e.time);
      ++c.upward[agent_bucket(age > 0 ? static_cast<unsigned long long>(age) : 0)];
    }
    host_.Handle(e);
  }

  void Account() {
    agent_control& c = link_.control();
    std::copy_n(host_.counters(), osevolve::kMaxCounters, c.counters);
    c.deferred = host_.deferred();
  }

  // ms until the policy's timer, rounded up.
  int Patience() {
    Nanos wait = kNap;
    if (host_.timer_at() != Nanos::Max()) wait = std::clamp(host_.timer_at() - link_.Now(), Nanos{0}, kNap);
    return static_cast<int>((wait.v + 999'999) / 1'000'000);
  }

  RingLink& link_;
  AgentHost host_;
  unsigned long long dropped_ = 0;
};

Status Run(const AgentChildOptions& options) {
  OSE_ASSIGN(ShimMaps maps, ShimMaps::Parse(options.maps));
  OSE_ASSIGN(std::unique_ptr<RingLink> link, RingLink::Open(maps));
  OSE_TRY(link->CloseGaps());
  AgentMachine machine(ReadTopology("/sys/devices/system"));

  // No page fault may come between a task and its turn.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return Error{kExitNoSchedExt, fmt::format("the agent cannot lock its memory: {}", strerror(errno))};

  SandboxOptions sandbox;
  sandbox.limits.cpu = Nanos::Seconds(100'000'000);  // as long as it rules
  sandbox.readable = {options.object};
  sandbox.read_fds = {STDIN_FILENO, link->fd()};
  sandbox.write_fds = {STDOUT_FILENO};
  OSE_TRY(EnterLoading(sandbox));
  OSE_ASSIGN(NativePolicy policy, NativePolicy::Open(options.object));
  OSE_TRY(policy.SetTunables(options.tunables));
  OSE_TRY(EnterRunning());

  Agent agent(policy, std::move(machine), *link);
  OSE_TRY(agent.Start());
  Say("ready");
  if (Hear() != 'g') return {};
  agent.TakeOver(policy.ops().tick != nullptr);
  Say("took");
  agent.Rule();
  agent.Stop();
  if (agent.host().failed()) {
    Say("broke " + agent.host().diagnosis());
    return Error{kExitPolicyRule, ""};
  }
  Say(fmt::format("stopped {}", link->control().unplaced));
  return {};
}

}  // namespace

Status RunAgentChild(const AgentChildOptions& options) {
  Status status = Run(options);
  // The sandbox leaves no stderr.
  if (!status.ok() && !status.error().message.empty()) Say("failed " + OneLine(status.error().message, 1000));
  return status;
}

}  // namespace ose
