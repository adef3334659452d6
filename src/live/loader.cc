#include "live/loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <osevolve/policy.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "core/topology.h"
#include "live/bpf_words.h"

namespace ose {

struct Loader::Symbol {
  std::string section;
  size_t offset = 0, bytes = 0;
};

namespace {

constexpr uint32_t kMaxCpus = 256;             // MAX_CPUS of glue.bpf.c
constexpr uint64_t kMostSlots = 65536;         // tasks in an array up to here, 10 MB
constexpr uint64_t kSwitchPartial = 1ULL << 3;  // SCX_OPS_SWITCH_PARTIAL
constexpr uint64_t kKeepBuiltinIdle = 1ULL << 0;

// The bits of osv_hooks_present, in their order. init, init_task and exit are always there: the glue needs them.
#define OSE_HOOK_NAME(ret, hook, params, args) #hook,
constexpr const char* kHooks[] = {OSV_HOOKS(OSE_HOOK_NAME)};
#undef OSE_HOOK_NAME

bool Has(uint32_t hooks, std::string_view name) {
  const auto hook = std::find(std::begin(kHooks), std::end(kHooks), name);
  return hook != std::end(kHooks) && (hooks >> (hook - std::begin(kHooks)) & 1);
}

uint64_t ReadNumber(const char* path) {
  auto text = ReadFile(path, 1 << 16);
  return text.ok() ? strtoull(text->c_str(), nullptr, 10) : 0;
}

bpf_map* MapOfSection(bpf_object* object, const std::string& section) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    // "p.bss", where p is what the name of the object was cut to; sections of our own keep their name.
    const std::string name = bpf_map__name(map);
    if (name == section || (name.size() > section.size() && name.ends_with(section) && bpf_map__is_internal(map))) return map;
  }
  return nullptr;
}

}  // namespace

Result<HintsMap> MakeHintsMap() {
  HintsMap map;
  map.entries = 1 + std::max<uint64_t>(32768, ReadNumber("/proc/sys/kernel/pid_max"));
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  map.fd = Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "osv_hints", 4, 8, static_cast<uint32_t>(map.entries), &options));
  if (!map.fd) return Error{kExitNoSchedExt, fmt::format("no map for hints: {}", strerror(errno))};
  return map;
}

Result<Loader> Loader::Open(const std::string& object, const LoaderOptions& options) {
  Fd file(open(object.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error{kExitNotFound, fmt::format("{}: {}", object, strerror(errno))};
  Loader l;
  l.path_ = object;
  l.options_ = options;
  elf_version(EV_CURRENT);
  Elf* elf = elf_begin(file.get(), ELF_C_READ, nullptr);
  size_t names = 0;
  if (elf && elf_kind(elf) == ELF_K_ELF && elf_getshdrstrndx(elf, &names) == 0) {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section));) {
      GElf_Shdr header;
      if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB) continue;
      Elf_Data* data = elf_getdata(section, nullptr);
      for (size_t i = 0; data && i < header.sh_size / header.sh_entsize; ++i) {
        GElf_Sym symbol;
        GElf_Shdr home;
        if (!gelf_getsym(data, static_cast<int>(i), &symbol) || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT) continue;
        if (!gelf_getshdr(elf_getscn(elf, symbol.st_shndx), &home)) continue;
        const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
        const char* where = elf_strptr(elf, names, home.sh_name);
        if (name && where) l.symbols_[name] = {where, symbol.st_value, symbol.st_size};
      }
    }
  }
  if (elf) elf_end(elf);
  if (!l.symbols_.contains("osv_hooks_present") || !l.symbols_.contains("osv_ops"))
    return Error{kExitUsage, object + ": no BPF object of a policy; make one with `osevolve build-bpf POLICY -o FILE`"};
  OSE_TRY(l.SetUp(options));
  return l;
}

void* Loader::Constant(const std::string& name, size_t bytes) {
  auto symbol = symbols_.find(name);
  if (symbol == symbols_.end() || symbol->second.bytes < bytes) return nullptr;
  bpf_map* map = MapOfSection(object_, symbol->second.section);
  size_t size = 0;
  char* data = map ? static_cast<char*>(bpf_map__initial_value(map, &size)) : nullptr;
  return data && symbol->second.offset + bytes <= size ? data + symbol->second.offset : nullptr;
}

Status Loader::SetUp(const LoaderOptions& options) {
  ListenToLibbpf();
  object_ = bpf_object__open_file(path_.c_str(), nullptr);
  if (!object_) return Error{kExitUsage, fmt::format("{}: libbpf cannot read it: {}", path_, LibbpfWarning())};
  ops_ = bpf_object__find_map_by_name(object_, "osv_ops");
  const void* present = Constant("osv_hooks_present", 4);
  if (!ops_ || !present) return Error{kExitUsage, path_ + ": no BPF object of this version; make it again with `osevolve build-bpf`"};
  uint32_t hooks;
  memcpy(&hooks, present, 4);
  const auto& name_symbol = symbols_["osv_policy_name"];
  if (const void* name = Constant("osv_policy_name", name_symbol.bytes)) name_.assign(static_cast<const char*>(name), name_symbol.bytes);
  name_ = name_.substr(0, name_.find('\0'));

  // Operations whose hook the policy lacks are left out: sched_ext's default, at no cost.
  for (const std::string hook : kHooks) {
    bool keep = Has(hooks, hook) || hook == "init" || hook == "exit" || hook == "init_task" || hook == "timer";
    if (hook == "runnable" && symbols_.contains("osv_tracks_wakeups")) keep = true;
    if (keep) continue;
    bpf_program* program = bpf_object__find_program_by_name(object_, ("osv_op_" + hook).c_str());
    if (!program) continue;
    bpf_program__set_autoload(program, false);
    size_t size = 0;
    auto** members = static_cast<bpf_program**>(bpf_map__initial_value(ops_, &size));
    for (size_t m = 0; m < size / sizeof(void*); ++m)
      if (members[m] == program) members[m] = nullptr;
  }

  auto set = [&](const char* name, uint64_t value, size_t bytes) {
    void* at = Constant(name, bytes);
    if (at) memcpy(at, &value, bytes);
    return at != nullptr;
  };
  Topology topology = ReadTopology("/sys/devices/system");
  const uint32_t cpus = std::min<uint32_t>(kMaxCpus, static_cast<uint32_t>(topology.cpus.size()));
  if (topology.cpus.size() > kMaxCpus)
    return Error{kExitNoSchedExt, fmt::format("this machine has {} CPUs, the kernel host knows {}", topology.cpus.size(), kMaxCpus)};
  uint64_t slots = 1;
  const uint64_t pids = ReadNumber("/proc/sys/kernel/pid_max");
  while (slots < pids) slots *= 2;
  const bool in_array = slots <= kMostSlots && pids > 0 && !options.task_storage;
  bool ok = set("osv_cpus", cpus, 4) && set("osv_task_mask", in_array ? slots - 1 : 0, 4);
  for (auto [name, field] : {std::pair{"osv_llc", &CpuPlace::llc}, {"osv_node", &CpuPlace::node}, {"osv_sibling", &CpuPlace::sibling}}) {
    auto* table = static_cast<int32_t*>(Constant(name, 4 * kMaxCpus));
    ok = ok && table;
    for (uint32_t c = 0; table && c < cpus; ++c) table[c] = topology.cpus[c].*field;
  }
  if (in_array) {
    bpf_map* tasks = MapOfSection(object_, ".bss.tasks");
    ok = ok && tasks && bpf_map__set_value_size(tasks, static_cast<uint32_t>(symbols_["osv_tasks"].bytes * slots)) == 0;
  }
  if (options.hints_fd >= 0) {
    bpf_map* hints = bpf_object__find_map_by_name(object_, "osv_hints");
    ok = ok && hints && bpf_map__reuse_fd(hints, options.hints_fd) == 0;
  }
  if (!ok) return Error{kExitUsage, fmt::format("{}: no BPF object of this version; make it again with `osevolve build-bpf` ({})", path_, LibbpfWarning())};
  for (auto& [name, value] : options.tunables)
    if (!set(("osv_tun_" + name).c_str(), static_cast<uint64_t>(value), 8)) return Error{kExitUsage, fmt::format("{} has no tunable '{}'", name_, name)};

  if (void* flags = OpsMember(object_, "osv_ops", "flags")) {
    const uint64_t bits = (options.partial ? kSwitchPartial : 0) | (Has(hooks, "update_idle") ? kKeepBuiltinIdle : 0);
    memcpy(flags, &bits, 8);
  }
  if (void* timeout = OpsMember(object_, "osv_ops", "timeout_ms")) memcpy(timeout, &options.timeout_ms, 4);
  if (void* at = OpsMember(object_, "osv_ops", "name")) {
    // The kernel takes letters, digits, '_' and '.'.
    std::string name = name_.substr(0, 127);
    for (char& c : name)
      if (!isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '_';
    memset(at, 0, 128);
    memcpy(at, name.data(), name.size());
  }
  return {};
}

Status Loader::Load() {
  OSE_TRY(CheckKernel());
  ListenToLibbpf();
  const int failure = bpf_object__load(object_);
  if (failure == 0) return {};
  const std::string first = LibbpfWarning();
  bpf_object__close(std::exchange(object_, nullptr));
  OSE_TRY(SetUp(options_));
  return LoadWithLog(object_, name_, "osv_op_", first, failure);
}

Status Loader::Attach() {
  ListenToLibbpf();
  link_ = bpf_map__attach_struct_ops(ops_);
  if (link_) return {};
  return NotAttached(name_, errno);
}

void Loader::Detach() {
  if (link_) bpf_link__destroy(std::exchange(link_, nullptr));
}

std::vector<ProgramInfo> Loader::programs() const {
  std::vector<ProgramInfo> list;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_) {
    bpf_prog_info info{};
    uint32_t size = sizeof info;
    const int fd = bpf_program__fd(program);
    if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &size) != 0) continue;
    list.push_back({std::string(bpf_program__name(program)).substr(7), info.xlated_prog_len / 8, info.verified_insns});
  }
  return list;
}

std::string Loader::Variable(const std::string& name) const {
  auto symbol = symbols_.find(name);
  if (symbol == symbols_.end()) return "";
  bpf_map* map = MapOfSection(object_, symbol->second.section);
  if (!map || bpf_map__fd(map) < 0) return "";
  std::string value(bpf_map__value_size(map), '\0');
  const uint32_t key = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(map), &key, value.data()) != 0 || symbol->second.offset + symbol->second.bytes > value.size()) return "";
  return value.substr(symbol->second.offset, symbol->second.bytes);
}

int Loader::exit_kind() const {
  auto symbol = symbols_.find("osv_exit_info");
  if (symbol == symbols_.end()) return 0;
  bpf_map* map = MapOfSection(object_, symbol->second.section);
  size_t size = 0;
  // libbpf maps data sections into our memory; once the object is loaded it is the kernel's.
  const auto* data = map ? static_cast<const char*>(bpf_map__initial_value(map, &size)) : nullptr;
  int32_t kind = 0;
  if (data && symbol->second.offset + 4 <= size) memcpy(&kind, data + symbol->second.offset, 4);
  return kind;
}

ExitInfo Loader::exit_info() const { return ReadExitInfo(Variable("osv_exit_info")); }

std::vector<uint64_t> Loader::counters() const {
  const std::string bytes = Variable("osv_counters");
  std::vector<uint64_t> values(bytes.size() / 8);
  memcpy(values.data(), bytes.data(), values.size() * 8);
  while (!values.empty() && values.back() == 0) values.pop_back();
  return values;
}

Loader::Loader(Loader&& o) noexcept { *this = std::move(o); }

Loader& Loader::operator=(Loader&& o) noexcept {
  std::swap(path_, o.path_);
  std::swap(name_, o.name_);
  std::swap(options_, o.options_);
  std::swap(symbols_, o.symbols_);
  std::swap(object_, o.object_);
  std::swap(ops_, o.ops_);
  std::swap(link_, o.link_);
  return *this;
}

Loader::~Loader() {
  Detach();
  if (object_) bpf_object__close(object_);
}

}  // namespace ose
