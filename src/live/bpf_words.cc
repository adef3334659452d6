#include "live/bpf_words.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr size_t kLogBytes = 16 << 20;

std::string FirstLine(const char* path) {
  auto text = ReadFile(path, 1 << 16);
  return text.ok() ? text->substr(0, text->find('\n')) : "";
}

// libbpf says what it could not do to a callback that knows no context; the first warning is the reason, what
// follows are its consequences.
std::string& Warning() {
  static std::string warning;
  return warning;
}

int OnLibbpfWord(enum libbpf_print_level level, const char* format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  vsnprintf(line, sizeof line, format, args);
  if (Warning().empty()) Warning() = OneLine(line, 400);
  return 0;
}

// The end of the verifier's log: from the last line of source that it names.
std::string VerifierWords(const std::string& log) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < log.size();) {
    size_t to = log.find('\n', at);
    if (to == std::string::npos) to = log.size();
    if (to > at) lines.push_back(log.substr(at, to - at));
    at = to + 1;
  }
  std::erase_if(lines, [](const std::string& l) { return l.starts_with("processed ") || l.starts_with("verification time") || l.starts_with("stack depth"); });
  std::string source, text;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    if (line->starts_with("; ")) {
      source = *line;
      break;
    }
  const size_t shown = std::min<size_t>(lines.size(), 4);
  for (size_t i = lines.size() - shown; i < lines.size(); ++i) text += (text.empty() ? "" : "\n") + OneLine(lines[i], 300);
  if (!source.empty() && text.find(OneLine(source, 300)) == std::string::npos) text = OneLine(source, 300) + "\n" + text;
  return text;
}

}  // namespace

void ListenToLibbpf() {
  libbpf_set_print(OnLibbpfWord);
  Warning().clear();
}

std::string LibbpfWarning() { return Warning(); }

std::string SchedExtState() { return FirstLine("/sys/kernel/sched_ext/state"); }
std::string SchedExtPolicy() { return FirstLine("/sys/kernel/sched_ext/root/ops"); }

Status CheckBpf(int exit_code) {
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    return Error{exit_code, "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF), so its structures cannot be found; try a VM: osevolve vm"};
  // The verifier would say of a helper that it is unknown.
  if (FirstLine("/sys/kernel/security/lockdown").find("[confidentiality]") != std::string::npos)
    return Error{exit_code, "this kernel is locked down ([confidentiality] in /sys/kernel/security/lockdown): nobody may load BPF programs "
                            "that read its memory; boot it with lockdown=integrity or none, or try a VM: osevolve vm"};
  return {};
}

Status CheckKernel() {
  if (geteuid() != 0) return Error{kExitNoSchedExt, "loading a policy into the kernel takes root: sudo, or try it in a VM: osevolve vm"};
  if (SchedExtState().empty()) return Error{kExitNoSchedExt, "this kernel has no sched_ext (Linux 6.12 or later with CONFIG_SCHED_CLASS_EXT); try it in a VM: osevolve vm"};
  return CheckBpf(kExitNoSchedExt);
}

Status LoadWithLog(bpf_object* object, const std::string& name, const std::string& prefix, const std::string& first_warning, int failure) {
  if (failure == -EPERM) return Error{kExitNoSchedExt, "the kernel lets nobody load BPF programs here (lockdown, or a container without the capabilities)"};
  std::vector<std::pair<std::string, std::unique_ptr<char[]>>> logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__autoload(program)) continue;
    logs.emplace_back(bpf_program__name(program), std::make_unique<char[]>(kLogBytes));
    bpf_program__set_log_buf(program, logs.back().second.get(), kLogBytes);
  }
  ListenToLibbpf();
  if (bpf_object__load(object) == 0) return {};
  for (auto& [program_name, log] : logs) {
    const std::string words = VerifierWords(log.get());
    if (words.empty()) continue;
    const std::string operation = program_name.starts_with(prefix) ? program_name.substr(prefix.size()) : program_name;
    return Error{kExitVerifier, fmt::format("{}: the kernel's verifier refused {}():\n{}", name, operation, words)};
  }
  return Error{kExitVerifier, fmt::format("{}: the kernel refused it: {}", name, first_warning.empty() ? strerror(-failure) : first_warning)};
}

void* OpsMember(bpf_object* object, const char* ops_map, const char* member) {
  // libbpf lays the kernel's struct out by our declaration.
  const btf* types = bpf_object__btf(object);
  const int id = btf__find_by_name_kind(types, "sched_ext_ops", BTF_KIND_STRUCT);
  const ::btf_type* type = id > 0 ? btf__type_by_id(types, static_cast<uint32_t>(id)) : nullptr;
  size_t size = 0;
  bpf_map* map = bpf_object__find_map_by_name(object, ops_map);
  char* ops = map ? static_cast<char*>(bpf_map__initial_value(map, &size)) : nullptr;
  for (int i = 0; type && ops && i < btf_vlen(type); ++i)
    if (strcmp(btf__name_by_offset(types, btf_members(type)[i].name_off), member) == 0)
      return ops + btf_member_bit_offset(type, static_cast<uint32_t>(i)) / 8;
  return nullptr;
}

ExitInfo ReadExitInfo(const std::string& bytes) {
  ExitInfo info;
  constexpr size_t kReason = 16, kMessage = kReason + 128, kDump = kMessage + 1024;
  if (bytes.size() < kDump) return info;
  int32_t kind;
  memcpy(&kind, bytes.data(), 4);
  memcpy(&info.code, bytes.data() + 8, 8);
  info.kind = kind;
  if (kind == 0) return info;
  info.reason = OneLine(std::string(bytes.c_str() + kReason), 200);
  info.message = OneLine(std::string(bytes.c_str() + kMessage), 1100);
  if (bytes.size() > kDump) info.dump = bytes.c_str() + kDump;
  return info;
}

const char* ExitWord(int kind) {
  switch (kind) {
    case 0: return "none";
    case 64: return "taken out";
    case 67: return "taken out by SysRq";
    case 1024: return "broke a rule";
    case 1025: return "gave up itself";
    case 1026: return "stall";
    default: return "unknown";
  }
}

Error NotAttached(const std::string& name, int failure) {
  const std::string rules = SchedExtPolicy();
  if (failure == EBUSY) return {kExitNoSchedExt, fmt::format("another scheduler is attached{}: stop it first", rules.empty() ? "" : " (" + rules + ")")};
  return {kExitVerifier, fmt::format("{}: the kernel did not take it as scheduler: {}", name, strerror(failure))};
}

}  // namespace ose
