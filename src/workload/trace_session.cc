#include "workload/trace_session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "core/exit_code.h"
#include "workload/raw_events.h"
#include "workload/tracefs_api.h"

namespace ose {
namespace {

constexpr char kPrefix[] = "osevolve-";
constexpr int kReadEveryMs = 10;

Error NoTracing(const std::string& what) { return {kExitNoTracing, "cannot record: " + what}; }

// A failed access to tracefs, with its reason as far as it can be told.
Error TracefsError(const std::string& what, int err) {
  std::string message = what + ": " + strerror(err);
  if (geteuid() != 0)
    return NoTracing(message +
                     "; tracing needs root: run it with sudo, or import a trace made elsewhere with "
                     "`perf sched record` or `trace-cmd record`");
  if (auto lockdown = ReadFile("/sys/kernel/security/lockdown");
      lockdown.ok() && lockdown->find("[confidentiality]") != std::string::npos)
    return NoTracing(message +
                     "; the kernel is locked down (confidentiality), which forbids tracing: boot with "
                     "lockdown=none or =integrity");
  if (err == EPERM || err == EACCES || err == EROFS)
    return NoTracing(
        message +
        "; in a container, start it with --privileged and /sys/kernel/tracing, or record on the host");
  return NoTracing(message);
}

// The tracefs folder is there, or is mounted now.
Status FindTracefs() {
  const char* dir = nullptr;
  if (tracefs_tracing_dir_is_mounted(geteuid() == 0, &dir) >= 0 && dir != nullptr) {
    std::string instances = std::string(dir) + "/instances";
    if (access(instances.c_str(), W_OK) == 0) return {};
    return TracefsError(instances, errno);
  }
  if (access("/sys/kernel/tracing", F_OK) != 0)
    return NoTracing("there is no /sys/kernel/tracing; this needs a Linux kernel with CONFIG_TRACING");
  if (geteuid() != 0)
    return NoTracing(
        "tracefs is not mounted, and tracing needs root: run it with sudo "
        "(mount -t tracefs nodev /sys/kernel/tracing)");
  return TracefsError("tracefs is not mounted and `mount -t tracefs nodev /sys/kernel/tracing` failed",
                      EPERM);
}

// Instances of recordings that were killed before they could remove theirs.
void RemoveStaleInstances() {
  char** names = tracefs_instances("^osevolve-[0-9][0-9]*-[0-9][0-9]*$");
  for (char** name = names; name && *name; name++) {
    pid_t owner = atoi(*name + sizeof kPrefix - 1);
    if (owner <= 0 || kill(owner, 0) == 0 || errno != ESRCH) continue;
    if (tracefs_instance* i = tracefs_instance_alloc(nullptr, *name)) {
      tracefs_instance_destroy(i);
      tracefs_instance_free(i);
    }
  }
  tracefs_list_free(names);
}

std::string FormatText(const char* system, const char* event) {
  int size = 0;
  char* text = tracefs_event_file_read(nullptr, system, event, "format", &size);
  std::string out = text ? std::string(text, static_cast<size_t>(size)) : "";
  free(text);
  return out;
}

Result<Fd> UnlinkedFile() {
  const char* dir = getenv("TMPDIR");
  std::string path = dir && *dir ? dir : "/tmp";
  Fd fd(open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) {
    path += "/osevolve-XXXXXX";
    fd.reset(mkostemp(path.data(), O_CLOEXEC));
    if (fd) unlink(path.c_str());
  }
  if (!fd)
    return Error{kExitIo, "cannot create a temporary file " + path + ": " + strerror(errno) +
                              "; set TMPDIR to a folder with room"};
  return fd;
}

struct KbufferDeleter {
  void operator()(kbuffer* k) const { kbuffer_free(k); }
};

// Walks over the records in one CPU's temporary file.
class CpuCursor {
 public:
  CpuCursor(int cpu, int fd, size_t page)
      : cpu_(cpu),
        fd_(fd),
        page_(page),
        kbuf_(kbuffer_alloc(KBUFFER_LSIZE_SAME_AS_HOST, KBUFFER_ENDIAN_SAME_AS_HOST)),
        chunk_(page * 256) {}

  // Goes to the next event; false at the end.
  bool Next(const RawEventDecoder& decoder) {
    for (;;) {
      unsigned long long ts = 0;
      void* data = nullptr;
      if (loaded_) data = kbuffer_next_event(kbuf_.get(), &ts);
      while (data == nullptr) {
        if (!LoadPage()) return false;
        data = kbuffer_read_event(kbuf_.get(), &ts);
      }
      if (decoder.Decode(cpu_, static_cast<int64_t>(ts), static_cast<const char*>(data),
                         static_cast<size_t>(kbuffer_event_size(kbuf_.get())), &event_))
        return true;
    }
  }

  const SchedEvent& event() const { return event_; }
  int cpu() const { return cpu_; }
  // Whether, and how many (0 = unknown), events are missing before this one; asks once.
  bool TakeGap(int64_t* lost) {
    *lost = std::max(gap_, 0);
    return std::exchange(gap_, 0) != 0;
  }

 private:
  bool LoadPage() {
    if (at_ + page_ > have_) {
      have_ = at_ = 0;
      while (have_ < chunk_.size()) {
        ssize_t n = pread(fd_, chunk_.data() + have_, chunk_.size() - have_, offset_);
        if (n <= 0) break;
        have_ += static_cast<size_t>(n);
        offset_ += n;
      }
      if (have_ < page_) return false;
    }
    kbuffer_load_subbuffer(kbuf_.get(), chunk_.data() + at_);
    at_ += page_;
    loaded_ = true;
    if (int missed = kbuffer_missed_events(kbuf_.get()); missed != 0) gap_ = missed;
    return true;
  }

  int cpu_, fd_;
  size_t page_;
  std::unique_ptr<kbuffer, KbufferDeleter> kbuf_;
  std::vector<char> chunk_;
  size_t have_ = 0, at_ = 0;
  off_t offset_ = 0;
  bool loaded_ = false;
  int gap_ = 0;  // -1 = unknown number
  SchedEvent event_;
};

class TracefsSession : public TraceSession {
 public:
  TracefsSession(tracefs_instance* instance, RawEventDecoder decoder)
      : instance_(instance), decoder_(std::move(decoder)) {}

  ~TracefsSession() override {
    EndReader();
    for (Ring& ring : rings_)
      if (ring.tcpu) tracefs_cpu_close(ring.tcpu);
    if (instance_ == nullptr) return;
    tracefs_trace_off(instance_);
    for (const auto& name : decoder_.events()) tracefs_event_disable(instance_, name.system, name.event);
    tracefs_instance_destroy(instance_);
    tracefs_instance_free(instance_);
  }

  Status SetUp(const TraceSessionOptions& options);
  Status Follow(const std::vector<int>& pids) override;
  Status Start() override;
  Status Stop() override;
  Status ForEach(const SchedEventSink& sink) override;
  bool has_yields() const override { return decoder_.has_yields(); }
  int64_t lost_events() const override { return lost_; }
  int64_t bytes() const override { return bytes_; }

 private:
  struct Ring {
    int cpu = 0;
    tracefs_cpu* tcpu = nullptr;
    Fd file;
    std::vector<char> buffer;  // pages not written yet
    size_t used = 0;
  };

  Status Write(const char* file, const std::string& value) {
    if (tracefs_instance_file_write(instance_, file, value.c_str()) < 0)
      return TracefsError(std::string("tracefs file ") + file + " refuses '" + value + "'", errno);
    return {};
  }
  void ReadLoop();
  bool Drain(Ring* ring);
  bool Spill(Ring* ring);
  void EndReader() {
    stop_ = true;
    if (reader_.joinable()) reader_.join();
  }

  tracefs_instance* instance_;
  RawEventDecoder decoder_;
  std::vector<Ring> rings_;
  size_t page_ = 4096;
  std::thread reader_;
  std::atomic<bool> stop_{false};
  int write_errno_ = 0;  // of the reader; read after it ended
  int64_t bytes_ = 0, lost_ = 0;
};

Status TracefsSession::SetUp(const TraceSessionOptions& options) {
  tracefs_trace_off(instance_);
  // CLOCK_MONOTONIC is the same on all CPUs and comparable with clock_gettime.
  OSE_TRY(Write("trace_clock", "mono"));
  OSE_TRY(Write("options/event-fork", "1"));
  long cpus = sysconf(_SC_NPROCESSORS_CONF);
  int64_t kb = options.buffer_kb;
  if (kb <= 0) {
    int64_t ram_kb = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * (sysconf(_SC_PAGESIZE) / 1024);
    kb = std::clamp<int64_t>(ram_kb / 16 / std::max(1L, cpus), 1024, 32 * 1024);
  }
  if (tracefs_instance_file_write(instance_, "buffer_size_kb", std::to_string(kb).c_str()) < 0)
    return NoTracing("no memory for trace buffers of " + std::to_string(kb) +
                     " kB for each CPU; ask for smaller ones");
  for (int cpu = 0; cpu < cpus; cpu++) {
    Ring ring;
    ring.cpu = cpu;
    ring.tcpu = tracefs_cpu_open(instance_, cpu, true);
    if (ring.tcpu == nullptr) {
      if (errno == ENOENT || errno == ENODEV || errno == ENXIO) continue;  // offline
      return TracefsError("ring buffer of CPU " + std::to_string(cpu), errno);
    }
    page_ = static_cast<size_t>(tracefs_cpu_read_size(ring.tcpu));
    OSE_ASSIGN(ring.file, UnlinkedFile());
    ring.buffer.resize(page_ * 64);
    rings_.push_back(std::move(ring));
  }
  return {};
}

Status TracefsSession::Follow(const std::vector<int>& pids) {
  std::string list;
  for (int pid : pids) list += (list.empty() ? "" : " ") + std::to_string(pid);
  return Write("set_event_pid", list);
}

Status TracefsSession::Start() {
  for (const auto& name : decoder_.events())
    if (tracefs_event_enable(instance_, name.system, name.event) != 0)
      return TracefsError(std::string("cannot enable event ") + name.system + ":" + name.event, errno);
  if (tracefs_trace_on(instance_) != 0) return TracefsError("cannot switch tracing on", errno);
  reader_ = std::thread([this] { ReadLoop(); });
  return {};
}

void TracefsSession::ReadLoop() {
  while (!stop_ && write_errno_ == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kReadEveryMs));
    for (Ring& ring : rings_)
      if (!Drain(&ring)) break;
  }
}

bool TracefsSession::Spill(Ring* ring) {
  const char* p = ring->buffer.data();
  while (ring->used > 0) {
    ssize_t n = write(ring->file.get(), p, ring->used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      write_errno_ = errno;
      tracefs_trace_off(instance_);
      return false;
    }
    p += n;
    ring->used -= static_cast<size_t>(n);
  }
  return true;
}

// Reads all there is now. Each read gives one page, the last one perhaps half full.
bool TracefsSession::Drain(Ring* ring) {
  for (;;) {
    int n = tracefs_cpu_read(ring->tcpu, ring->buffer.data() + ring->used, true);
    if (n <= 0) return true;
    // The kernel fills whole pages; the rest of a short answer is empty by its header.
    if (static_cast<size_t>(n) < page_)
      memset(ring->buffer.data() + ring->used + n, 0, page_ - static_cast<size_t>(n));
    ring->used += page_;
    bytes_ += n;
    if (ring->used + page_ > ring->buffer.size() && !Spill(ring)) return false;
  }
}

Status TracefsSession::Stop() {
  tracefs_trace_off(instance_);
  EndReader();
  for (Ring& ring : rings_) {
    if (write_errno_ == 0 && Drain(&ring)) Spill(&ring);
    std::string file = "per_cpu/cpu" + std::to_string(ring.cpu) + "/stats";
    int size = 0;
    char* stats = tracefs_instance_file_read(instance_, file.c_str(), &size);
    for (const char* key : {"\noverrun: ", "\ncommit overrun: ", "\ndropped events: "})
      if (const char* at = stats ? strstr(stats, key) : nullptr) lost_ += atoll(at + strlen(key));
    free(stats);
  }
  if (write_errno_ != 0)
    return Error{kExitIo, std::string("cannot write the recording's temporary file: ") +
                              strerror(write_errno_) +
                              "; set TMPDIR to a folder with room, or record a shorter time"};
  return {};
}

Status TracefsSession::ForEach(const SchedEventSink& sink) {
  std::vector<CpuCursor> cursors;
  for (Ring& ring : rings_) {
    CpuCursor c(ring.cpu, ring.file.get(), page_);
    if (c.Next(decoder_)) cursors.push_back(std::move(c));
  }
  while (!cursors.empty()) {
    size_t first = 0;
    for (size_t i = 1; i < cursors.size(); i++)
      if (cursors[i].event().time_ns < cursors[first].event().time_ns) first = i;
    CpuCursor& c = cursors[first];
    if (int64_t lost; c.TakeGap(&lost)) {
      SchedEvent gap;
      gap.kind = SchedEvent::Kind::kGap;
      gap.cpu = c.cpu();
      gap.time_ns = c.event().time_ns;
      gap.lost = lost;
      sink(gap);
    }
    sink(c.event());
    if (!c.Next(decoder_)) cursors.erase(cursors.begin() + static_cast<ptrdiff_t>(first));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<TraceSession>> TraceSession::Open(const TraceSessionOptions& options) {
  OSE_TRY(FindTracefs());
  RemoveStaleInstances();
  static std::atomic<int> serial{0};
  std::string name = kPrefix + std::to_string(getpid()) + "-" + std::to_string(serial++);
  OSE_ASSIGN(RawEventDecoder decoder, RawEventDecoder::Make(FormatText, options.yields));
  tracefs_instance* instance = tracefs_instance_create(name.c_str());
  if (instance == nullptr) return TracefsError("cannot create the tracefs instance " + name, errno);
  auto session = std::make_unique<TracefsSession>(instance, std::move(decoder));
  OSE_TRY(session->SetUp(options));
  return std::unique_ptr<TraceSession>(std::move(session));
}

}  // namespace ose
