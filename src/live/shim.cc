#include "live/shim.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "core/exit_code.h"
#include "core/topology.h"
#include "live/bpf_words.h"

namespace ose {
namespace {

constexpr char kName[] = "the agent's shim";
constexpr uint64_t kSwitchPartial = 1ULL << 3;  // SCX_OPS_SWITCH_PARTIAL
constexpr uint64_t kMostSlots = AGENT_MAX_TASKS;         // 13 MB here, 25 MB in the agent

// A variable of one of the object's own sections, whose map libbpf calls after the object's name.
void* Variable(bpf_object* object, const char* section, const char* name) {
  const btf* types = bpf_object__btf(object);
  const int id = btf__find_by_name_kind(types, section, BTF_KIND_DATASEC);
  const ::btf_type* type = id > 0 ? btf__type_by_id(types, static_cast<uint32_t>(id)) : nullptr;
  bpf_map* map = nullptr;
  char* data = nullptr;
  bpf_object__for_each_map(map, object) {
    size_t bytes = 0;
    if (bpf_map__is_internal(map) && std::string_view(bpf_map__name(map)).ends_with(section)) data = static_cast<char*>(bpf_map__initial_value(map, &bytes));
  }
  for (int i = 0; type && data && i < btf_vlen(type); ++i) {
    const btf_var_secinfo& variable = btf_var_secinfos(type)[i];
    const ::btf_type* what = btf__type_by_id(types, variable.type);
    if (strcmp(btf__name_by_offset(types, what->name_off), name) == 0) return data + variable.offset;
  }
  return nullptr;
}

uint32_t MapId(bpf_object* object, const char* name) {
  bpf_map_info info{};
  uint32_t size = sizeof info;
  const int fd = bpf_object__find_map_fd_by_name(object, name);
  return fd >= 0 && bpf_map_get_info_by_fd(fd, &info, &size) == 0 ? info.id : 0;
}

}  // namespace

Result<Shim> Shim::Start(const ShimOptions& options) {
  Shim s;
  OSE_TRY(CheckKernel());
  OSE_TRY(s.Load(options));
  ListenToLibbpf();
  s.link_ = bpf_map__attach_struct_ops(bpf_object__find_map_by_name(s.object_, "shim_ops"));
  if (!s.link_) return NotAttached(kName, errno);
  return s;
}

Status Shim::Load(const ShimOptions& options) {
  OSE_TRY(SetUp(options));
  ListenToLibbpf();
  if (const int failure = bpf_object__load(object_); failure != 0) {
    const std::string first = LibbpfWarning();
    bpf_object__close(std::exchange(object_, nullptr));
    OSE_TRY(SetUp(options));
    OSE_TRY(LoadWithLog(object_, kName, "shim_op_", first, failure));
  }
  OSE_ASSIGN(page_, MappedMap::Open(bpf_object__find_map_fd_by_name(object_, "agent_shim"), true));
  OSE_ASSIGN(control_, MappedMap::Open(bpf_object__find_map_fd_by_name(object_, "agent_control"), false));
  maps_ = {MapId(object_, "agent_events"), MapId(object_, "agent_decisions"), MapId(object_, "agent_tasks"),
           MapId(object_, "agent_used"), MapId(object_, "agent_control"),
           MapId(object_, "agent_shim")};
  return {};
}

Status Shim::SetUp(const ShimOptions& options) {
  ListenToLibbpf();
  object_ = bpf_object__open_file(options.object.c_str(), nullptr);
  if (!object_) return Error{kExitNotFound, fmt::format("{}: libbpf cannot read it: {}; build again", options.object, LibbpfWarning())};
  const Topology topology = ReadTopology("/sys/devices/system");
  if (topology.cpus.size() > AGENT_MAX_CPUS)
    return Error{kExitNoSchedExt, fmt::format("this machine has {} CPUs, agent mode knows {}", topology.cpus.size(), AGENT_MAX_CPUS)};
  auto pid_max = ReadFile("/proc/sys/kernel/pid_max", 1 << 16);
  const uint64_t pids = pid_max.ok() ? strtoull(pid_max->c_str(), nullptr, 10) : 0;
  uint64_t slots = 1;
  while (slots < pids) slots *= 2;
  if (pids == 0 || slots > kMostSlots)
    return Error{kExitNoSchedExt, fmt::format("agent mode needs process ids below {}, here they go up to {}: sysctl kernel.pid_max={}", kMostSlots, pids, kMostSlots)};
  bool ok = true;
  auto set = [&](const char* name, uint64_t value, size_t bytes) {
    void* at = Variable(object_, ".rodata", name);
    if (at) memcpy(at, &value, bytes);
    ok = ok && at;
  };
  set("shim_cpus", topology.cpus.size(), 4);
  set("shim_task_mask", slots - 1, 4);
  set("shim_timeout_ns", static_cast<uint64_t>(options.patience.v), 8);
  bpf_map* tasks = bpf_object__find_map_by_name(object_, "agent_tasks");
  ok = ok && tasks && bpf_map__set_max_entries(tasks, static_cast<uint32_t>(slots)) == 0;
  void* flags = OpsMember(object_, "shim_ops", "flags");
  void* timeout = OpsMember(object_, "shim_ops", "timeout_ms");
  if (!ok || !flags || !timeout) return Error{kExitInternal, options.object + " is of another version: build again"};
  uint64_t bits;
  memcpy(&bits, flags, 8);
  if (options.partial) bits |= kSwitchPartial;
  memcpy(flags, &bits, 8);
  memcpy(timeout, &options.timeout_ms, 4);
  return {};
}

ExitInfo Shim::exit_info() const {
  const void* at = object_ ? Variable(object_, ".bss", "osv_exit_info") : nullptr;
  return at ? ReadExitInfo(std::string(static_cast<const char*>(at), 16 + 128 + 1024)) : ExitInfo{};
}

void Shim::Detach() {
  if (link_) bpf_link__destroy(std::exchange(link_, nullptr));
}

Shim::Shim(Shim&& o) noexcept
    : object_(std::exchange(o.object_, nullptr)), link_(std::exchange(o.link_, nullptr)), page_(std::move(o.page_)), control_(std::move(o.control_)), maps_(o.maps_) {}

Shim::~Shim() {
  Detach();
  if (object_) bpf_object__close(object_);
}

}  // namespace ose
