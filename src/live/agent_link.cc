#include "live/agent_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/exit_code.h"

namespace ose {
namespace {

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

Error Failed(const char* what) { return {kExitNoSchedExt, fmt::format("the agent cannot {}: {}", what, strerror(errno))}; }

Result<Fd> MapById(uint32_t id, const char* name) {
  Fd fd(bpf_map_get_fd_by_id(id));
  if (!fd) return Failed(name);
  return fd;
}

}  // namespace

std::string ShimMaps::Text() const { return fmt::format("{},{},{},{},{},{}", events, decisions, tasks, used, control, shim); }

Result<ShimMaps> ShimMaps::Parse(const std::string& text) {
  ShimMaps m;
  if (sscanf(text.c_str(), "%u,%u,%u,%u,%u,%u", &m.events, &m.decisions, &m.tasks, &m.used, &m.control, &m.shim) != 6)
    return Error{kExitUsage, "agent-child is started by `osevolve-live agent` only"};
  return m;
}

Result<MappedMap> MappedMap::Open(int fd, bool writable) {
  bpf_map_info info{};
  uint32_t size = sizeof info;
  if (bpf_map_get_info_by_fd(fd, &info, &size) != 0) return Failed("look at a map");
  MappedMap m;
  const size_t page = PageSize(), element = (info.value_size + 7) & ~size_t{7};
  m.entries_ = info.max_entries;
  m.bytes_ = (element * info.max_entries + page - 1) & ~(page - 1);
  void* at = mmap(nullptr, m.bytes_, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return Failed("map a map");
  m.data_ = at;
  return m;
}

MappedMap::~MappedMap() {
  if (data_) munmap(data_, bytes_);
}

Result<std::unique_ptr<RingLink>> RingLink::Open(const ShimMaps& maps) {
  std::unique_ptr<RingLink> l(new RingLink);
  OSE_ASSIGN(l->events_fd_, MapById(maps.events, "open the events"));
  OSE_ASSIGN(l->decisions_fd_, MapById(maps.decisions, "open the decisions"));
  OSE_ASSIGN(Fd tasks, MapById(maps.tasks, "open the tasks"));
  OSE_ASSIGN(Fd used, MapById(maps.used, "open the bits of tasks"));
  OSE_ASSIGN(Fd control, MapById(maps.control, "open the control page"));
  OSE_ASSIGN(Fd shim, MapById(maps.shim, "open the shim's page"));
  OSE_ASSIGN(l->tasks_map_, MappedMap::Open(tasks.get(), false));
  OSE_ASSIGN(l->used_map_, MappedMap::Open(used.get(), false));
  OSE_ASSIGN(l->control_map_, MappedMap::Open(control.get(), true));
  OSE_ASSIGN(l->shim_map_, MappedMap::Open(shim.get(), false));
  l->ring_ = ring_buffer__new(l->events_fd_.get(), OnSample, l.get(), nullptr);
  if (!l->ring_) return Failed("map the events");
  l->decisions_ = user_ring_buffer__new(l->decisions_fd_.get(), nullptr);
  if (!l->decisions_) return Failed("map the decisions");
  return l;
}

RingLink::~RingLink() {
  if (ring_) ring_buffer__free(ring_);
  if (decisions_) user_ring_buffer__free(decisions_);
}

// Layout: a page with the kernel's position, a page with ours, the data (kernel/bpf/ringbuf.c).
Status RingLink::CloseGaps() {
  const size_t page = PageSize();
  bpf_map_info info{};
  uint32_t size = sizeof info;
  if (bpf_map_get_info_by_fd(decisions_fd_.get(), &info, &size) != 0) return Failed("look at the decisions");
  const size_t bytes = info.max_entries;
  void* read = mmap(nullptr, page, PROT_READ, MAP_SHARED, decisions_fd_.get(), 0);
  void* write = mmap(nullptr, page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, decisions_fd_.get(), static_cast<off_t>(page));
  if (read != MAP_FAILED && write != MAP_FAILED) {
    const uint64_t end = *static_cast<volatile uint64_t*>(write);
    for (uint64_t at = *static_cast<volatile uint64_t*>(read); at < end;) {
      auto* header = reinterpret_cast<volatile uint32_t*>(static_cast<char*>(write) + page + at % bytes);
      const uint32_t length = *header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      if (*header & BPF_RINGBUF_BUSY_BIT) *header = length | BPF_RINGBUF_DISCARD_BIT;
      at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
    }
  }
  if (read != MAP_FAILED) munmap(read, page);
  if (write != MAP_FAILED) munmap(write, page + bytes);
  return {};
}

Nanos RingLink::Now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

bool RingLink::Send(const agent_decision& decision) {
  void* at = user_ring_buffer__reserve(decisions_, sizeof decision);
  if (!at) return false;
  memcpy(at, &decision, sizeof decision);
  user_ring_buffer__submit(decisions_, at);
  agent_control& c = control();
  c.sent++;
  c.kick[static_cast<size_t>(decision.cpu) / 64 % AGENT_CPU_WORDS] |= 1ULL << (decision.cpu % 64);
  if (c.first_decision_at == 0) c.first_decision_at = static_cast<uint64_t>(Now().v);
  rings_ = true;
  return true;
}

// The kernel counts `nr` after it has changed the rest: equal before and after means that nothing changed. What
// changes all the same comes as an event that says so.
agent_task RingLink::Look(int slot) {
  const auto* at = static_cast<const agent_task*>(tasks_map_.data()) + slot;
  agent_task view;
  for (int i = 0; i < 100; ++i) {
    const unsigned before = *const_cast<const volatile unsigned*>(&at->nr);
    std::atomic_thread_fence(std::memory_order_acquire);
    memcpy(&view, at, sizeof view);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (*const_cast<const volatile unsigned*>(&at->nr) == before && view.nr == before) break;
  }
  return view;
}

int RingLink::OnSample(void* self, void* data, size_t bytes) {
  if (bytes < sizeof(agent_event)) return 0;
  (*static_cast<RingLink*>(self)->handle_)(*static_cast<const agent_event*>(data));
  return 0;
}

int RingLink::Consume(int most, const std::function<void(const agent_event&)>& handle) {
  handle_ = &handle;
  const int n = ring_buffer__consume_n(ring_, static_cast<size_t>(most));
  handle_ = nullptr;
  return n < 0 ? 0 : n;
}

bool RingLink::HasEvents() const { return ring__avail_data_size(ring_buffer__ring(ring_, 0)) > 0; }

void RingLink::Beat() { control().heartbeat = static_cast<uint64_t>(Now().v); }

void RingLink::Ring() {
  rings_ = false;
  sched_yield();  // the shim's yield operation
}

void RingLink::FallAsleep() {
  rings_ = false;
  control().sleeping = 1;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // then look for events: poll() does
}

void RingLink::WakeUp() { control().sleeping = 0; }

}  // namespace ose
