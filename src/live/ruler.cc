#include "live/ruler.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/fd.h"

namespace ose {
namespace {

// The exit operation says when a policy is ejected; the kernel's own word is asked in case it could not run.
const Nanos kLookEvery = Nanos::Seconds(1);

// The kernel waits for several RCU grace periods in a swap, at 10 to 30 ms each. Expedited ones take a fraction of that,
// at the price of interrupts to all CPUs; they are asked for as long as this lives. A value that was set before stays.
class ExpeditedGracePeriods {
 public:
  ExpeditedGracePeriods() : file_(open("/sys/kernel/rcu_expedited", O_RDWR | O_CLOEXEC)) {
    char value = 0;
    if (file_ && pread(file_.get(), &value, 1, 0) == 1 && value == '0') ours_ = pwrite(file_.get(), "1", 1, 0) == 1;
  }
  ~ExpeditedGracePeriods() {
    if (ours_) (void)!pwrite(file_.get(), "0", 1, 0);
  }
  ExpeditedGracePeriods(const ExpeditedGracePeriods&) = delete;
  ExpeditedGracePeriods& operator=(const ExpeditedGracePeriods&) = delete;

 private:
  Fd file_;
  bool ours_ = false;
};

}  // namespace

Status Ruler::Begin(const Mandate& mandate) {
  OSE_ASSIGN(Loader loader, Loader::Open(mandate.object, mandate.load));
  OSE_TRY(loader.Load());
  if (!Rules()) {
    Close();
    return Attach(std::move(loader), mandate, std::nullopt);
  }
  const Mandate old = *mandate_;
  const ExpeditedGracePeriods expedited;
  const Nanos end = MonotonicNow();
  Close();
  Status attached = Attach(std::move(loader), mandate, end);
  if (attached.ok()) return attached;
  if (auto again = Loader::Open(old.object, old.load); again.ok() && again->Load().ok()) (void)Attach(std::move(*again), old, end);
  return attached;
}

Status Ruler::Attach(Loader loader, const Mandate& mandate, std::optional<Nanos> gap_from) {
  const Nanos start = MonotonicNow();
  OSE_TRY(loader.Attach());
  Rule rule;
  rule.policy = loader.name();
  rule.object = mandate.object;
  rule.since = MonotonicNow();
  rule.attach = rule.since - start;
  if (gap_from) rule.gap = rule.since - *gap_from;
  rule_ = std::move(rule);
  mandate_ = mandate;
  running_ = std::move(loader);
  retired_.reset();
  return {};
}

void Ruler::End() {
  Close();
  retired_.reset();
}

void Ruler::Close() {
  if (!running_) return;
  running_->Detach();
  // Detaching is asynchronous: the exit operation fills the information in.
  for (int i = 0; i < 400 && running_->exit_kind() == 0; ++i) usleep(2500);
  rule_->exit = running_->exit_info();
  rule_->counters = running_->counters();
  rule_->time = MonotonicNow() - rule_->since;
  ended_.push_back(*rule_);
  retired_ = std::exchange(running_, std::nullopt);
}

bool Ruler::Rules() {
  if (!running_) return false;
  if (running_->exit_kind() == 0) {
    const Nanos now = MonotonicNow();
    if (now - looked_ < kLookEvery) return true;
    looked_ = now;
    if (SchedExtState() != "disabled") return true;
  }
  Close();
  return false;
}

const Rule* Ruler::last() {
  if (!rule_) return nullptr;
  if (running_) rule_->time = MonotonicNow() - rule_->since;
  return &*rule_;
}

std::vector<uint64_t> Ruler::counters() const { return running_ ? running_->counters() : std::vector<uint64_t>(); }

std::vector<Rule> Ruler::TakeEnded() { return std::exchange(ended_, {}); }

}  // namespace ose
