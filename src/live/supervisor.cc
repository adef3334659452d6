#include "live/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <deque>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/frame.h"
#include "base/json.h"
#include "core/exit_code.h"
#include "live/cgroup.h"
#include "live/privilege.h"
#include "live/ruler.h"

namespace ose {
namespace {

using nlohmann::json;

const Nanos kWatch = Nanos::Millis(50);
const Nanos kRefresh = Nanos::Seconds(1);
const Nanos kClientPatience = Nanos::Seconds(2);
constexpr size_t kHistory = 64;

json ExitJson(const ExitInfo& e) {
  json j = {{"kind", e.kind}, {"what", ExitWord(e.kind)}, {"code", e.code}, {"reason", e.reason}, {"message", e.message}};
  if (StalledTask t = FindStalledTask(e.message, e.dump); t.pid)
    j["stalled_task"] = {{"comm", t.comm}, {"pid", t.pid}, {"waited_s", t.waited_s}};
  return j;
}

// A deployment as it is kept for the way back.
struct Deployment {
  Mandate mandate;
  std::string cgroup;
};

class Supervisor {
 public:
  explicit Supervisor(const SupervisorOptions& options) : o_(options) {}

  Status Run() {
    OSE_TRY(TakeFolder());
    OSE_ASSIGN(Fd signals, CatchEndSignals());
    OSE_TRY(Listen());
    BecomeRealTime();
    OSE_TRY(Deploy(o_.first));
    if (o_.on_ready) o_.on_ready();
    while (!stop_) {
      pollfd watched[2] = {{signals.get(), POLLIN, 0}, {listen_.get(), POLLIN, 0}};
      poll(watched, 2, static_cast<int>(kWatch.v / 1'000'000));
      if (watched[0].revents) break;
      Watch();
      if (watched[1].revents) Serve();
      if (MonotonicNow() - written_ > kRefresh) WriteStatus();
    }
    ruler_.End();
    TakeGroup("");
    Collect("undeployed");
    state_ = "stopped";
    WriteStatus();
    unlink(Path("control").c_str());
    return {};
  }

 private:
  std::string Path(const std::string& name) const { return JoinPath(o_.dir, name); }

  Status TakeFolder() {
    OSE_TRY(MakeDirs(o_.dir));
    struct stat s{};
    if (stat(o_.dir.c_str(), &s) != 0 || s.st_uid != geteuid() || (s.st_mode & (S_IWGRP | S_IWOTH)))
      return Error{kExitUsage, fmt::format("{} must belong to root alone: remove it, or chmod go-w it", o_.dir)};
    lock_.reset(open(Path("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_) return Error{kExitIo, fmt::format("{}: {}", Path("lock"), strerror(errno))};
    if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
      return Error{kExitNoSchedExt, "a supervisor runs already: osevolve status"};
    // Of a predecessor that was killed.
    OSE_ASSIGN(std::vector<std::string> copies, ListFiles(o_.dir, ".bpf.o"));
    for (const std::string& name : copies) unlink(Path(name).c_str());
    return {};
  }

  Status Listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = Path("control");
    if (path.size() >= sizeof address.sun_path) return Error{kExitUsage, o_.dir + ": the path is too long for a socket"};
    memcpy(address.sun_path, path.c_str(), path.size());
    unlink(path.c_str());  // of a predecessor that was killed; the lock is ours
    listen_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const mode_t mask = umask(0177);
    const bool bound = listen_ && bind(listen_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    umask(mask);
    if (!bound || listen(listen_.get(), 8) != 0) return Error{kExitIo, fmt::format("{}: {}", path, strerror(errno))};
    return {};
  }

  // The copy is checked and loaded, not the file that may change.
  Result<Deployment> Copy(const LiveRequest& r) {
    OSE_TRY(CheckPrivateFile(r.object));
    OSE_ASSIGN(std::string bytes, ReadFile(r.object, 64 << 20));
    Deployment d;
    if (!r.cgroup.empty()) {
      OSE_ASSIGN(CgroupMembers group, CgroupMembers::Open(r.cgroup));
      d.cgroup = group.path();
    }
    d.mandate.object = Path(fmt::format("{}.bpf.o", ++copies_));
    OSE_TRY(WriteFileAtomic(d.mandate.object, bytes));
    d.mandate.load = {.partial = r.partial || !r.cgroup.empty(), .timeout_ms = r.timeout_ms, .tunables = r.tunables};
    return d;
  }

  Status Deploy(const LiveRequest& r) {
    OSE_ASSIGN(Deployment d, Copy(r));
    Status begun = Begin(d, "deployed");
    if (!begun.ok()) unlink(d.mandate.object.c_str());
    return begun;
  }

  Status Begin(const Deployment& d, const std::string& why) {
    const std::optional<Deployment> before = current_;
    Status begun = ruler_.Begin(d.mandate);
    Collect(begun.ok() ? "replaced" : "a successor could not be attached");
    if (!begun.ok()) {
      if (!ruler_.Rules()) Fallen();
      WriteStatus();
      return begun;
    }
    if (before && before->mandate.object != d.mandate.object) previous_ = before;
    current_ = d;
    TakeGroup(d.cgroup);
    state_ = "ruling";
    Note({{"event", why}, {"policy", ruler_.last()->policy}, {"gap_ms", ruler_.last()->gap.ms()}, {"attach_ms", ruler_.last()->attach.ms()}});
    WriteStatus();
    return begun;
  }

  // The tasks of the group that is ruled, and those of the one before back.
  void TakeGroup(const std::string& path) {
    if (group_ && group_->path() != path) {
      group_->Release();
      group_.reset();
    }
    if (path.empty()) return;
    if (auto group = CgroupMembers::Open(path); !group_ && group.ok()) group_ = std::move(*group);
    if (group_) group_->Sweep();
    swept_ = MonotonicNow();
  }

  void Fallen() {
    current_.reset();
    TakeGroup("");
    state_ = "fallen back to the kernel's scheduler";
  }

  void Watch() {
    if (!current_) return;
    if (ruler_.Rules()) {
      if (group_ && MonotonicNow() - swept_ > kRefresh) TakeGroup(current_->cgroup);
      if (ruler_.last()->time >= o_.good_after && (good_.empty() || good_.back().mandate.object != current_->mandate.object)) good_.push_back(*current_);
      return;
    }
    const std::string bad = current_->mandate.object;
    Collect("ejected by the kernel");
    std::erase_if(good_, [&](const Deployment& d) { return d.mandate.object == bad; });
    if (previous_ && previous_->mandate.object == bad) previous_.reset();
    Fallen();
    while (!good_.empty()) {
      const Deployment next = good_.back();
      if (Begin(next, "fallen back to").ok()) return;
      good_.pop_back();
    }
    Note({{"event", "fallen back to"}, {"policy", ""}});
    WriteStatus();
  }

  // Rules that are over go into the history.
  void Collect(const char* why) {
    for (Rule& r : ruler_.TakeEnded()) {
      json j = {{"policy", r.policy}, {"ended", why}, {"ruled_s", r.time.s()}, {"gap_ms", r.gap.ms()}, {"attach_ms", r.attach.ms()},
                {"exit", ExitJson(r.exit)}, {"counters", r.counters}};
      Note({{"event", "ended"}, {"rule", j}});
      history_.push_back(std::move(j));
      if (history_.size() > kHistory) history_.pop_front();
    }
  }

  Result<std::string> Answer(const LiveRequest& r) {
    switch (r.what) {
      case LiveRequest::Do::kDeploy: OSE_TRY(Deploy(r)); break;
      case LiveRequest::Do::kRollback:
        if (!previous_) return Error{kExitUsage, "there is no policy before this one to go back to"};
        OSE_TRY(Begin(Deployment(*previous_), "rolled back to"));
        break;
      case LiveRequest::Do::kStop:
        ruler_.End();
        Collect("undeployed");
        current_.reset();
        TakeGroup("");
        state_ = "stopped";
        stop_ = true;
        break;
      case LiveRequest::Do::kStatus: break;
    }
    return StatusJson().dump();
  }

  void Serve() {
    Fd client(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    auto frame = ReadFrame(client.get(), kMaxLiveFrame, MonotonicNow() + kClientPatience);
    if (!frame.ok() || !*frame) return;
    auto request = DecodeLiveRequest(**frame);
    Result<std::string> answer = request.ok() ? Answer(*request) : Result<std::string>(request.error());
    (void)WriteFrame(client.get(), EncodeLiveReply(answer), MonotonicNow() + kClientPatience);
  }

  json StatusJson() {
    json j = {{"state", state_}, {"pid", getpid()}, {"kernel", {{"state", SchedExtState()}, {"policy", SchedExtPolicy()}}}};
    if (const Rule* rule = current_ ? ruler_.last() : nullptr) {
      j["policy"] = rule->policy;
      j["partial"] = current_->mandate.load.partial;
      if (!current_->cgroup.empty()) j["cgroup"] = current_->cgroup;
      j["timeout_ms"] = current_->mandate.load.timeout_ms;
      j["tunables"] = current_->mandate.load.tunables;
      j["ruled_s"] = rule->time.s();
      j["gap_ms"] = rule->gap.ms();
      j["attach_ms"] = rule->attach.ms();
      j["counters"] = ruler_.counters();
    }
    j["can_roll_back"] = previous_.has_value();
    j["history"] = history_;
    return j;
  }

  void WriteStatus() {
    written_ = MonotonicNow();
    (void)WriteFileAtomic(Path("status.json"), StatusJson().dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  }

  void Note(json line) {
    if (o_.journal.empty()) return;
    line["unix_s"] = static_cast<int64_t>(time(nullptr));
    Fd file(open(o_.journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    if (file) (void)!write(file.get(), text.data(), text.size());
  }

  const SupervisorOptions& o_;
  Fd lock_, listen_;
  Ruler ruler_;
  std::string state_ = "starting";
  std::optional<Deployment> current_, previous_;
  std::vector<Deployment> good_;
  std::optional<CgroupMembers> group_;
  Nanos swept_{};
  std::deque<json> history_;
  Nanos written_{};
  int copies_ = 0;
  bool stop_ = false;
};

}  // namespace

Status Supervise(const SupervisorOptions& options) { return Supervisor(options).Run(); }

}  // namespace ose
