#include "lab/vm.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/subprocess.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "lab/shell.h"

namespace ose {
namespace {

constexpr uint64_t kMaxConsole = 64 << 20;
constexpr size_t kShownLines = 12;
const Nanos kPoll = Nanos::Millis(20);
const char kSourcePackage[] = "linux-source-6.12";

std::string CommandScript(const VmOptions& o) {
  std::string script;
  if (const std::string tools = Dirname(o.kernel); !o.repeatable && FileExists(tools + "/bpftool")) script += "PATH=$PATH:" + ShellQuoted(tools) + "\n";
  if (!o.cwd.empty()) script += "cd " + ShellQuoted(o.cwd) + " || exit 125\n";
  script += "exec";
  for (const std::string& word : o.command) script += " " + ShellQuoted(word);
  return script + "\n";
}

// Passes on what a file has beyond what was passed on before.
class Follower {
 public:
  Follower(std::string path, int to) : path_(std::move(path)), to_(to) {}
  void Pump() {
    if (!file_) file_.reset(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_) return;
    char buffer[65536];
    for (ssize_t n; (n = pread(file_.get(), buffer, sizeof buffer, done_)) > 0; done_ += n) Write({buffer, static_cast<size_t>(n)});
  }
  void Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = write(to_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;  // nobody reads: as in a pipeline
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

 private:
  std::string path_;
  int to_;
  Fd file_;
  off_t done_ = 0;
};

std::optional<int> StatusIn(const std::string& text) {
  int status = 0;
  const char* end = text.data() + text.size();
  while (end > text.data() && (end[-1] == '\n' || end[-1] == '\r')) --end;
  const char* begin = end;
  while (begin > text.data() && begin[-1] >= '0' && begin[-1] <= '9') --begin;
  if (begin == end || end - begin > 3) return std::nullopt;
  for (const char* p = begin; p < end; ++p) status = status * 10 + (*p - '0');
  return status;
}

// The end of the console, printable; what a panic says rather than what follows it.
std::string LastWords(const std::string& console) {
  size_t from = console.find("Kernel panic");
  if (from == std::string::npos) from = console.find("BUG:");
  std::vector<std::string> lines;
  for (size_t at = from == std::string::npos ? 0 : from; at < console.size();) {
    size_t to = console.find('\n', at);
    if (to == std::string::npos) to = console.size();
    std::string line = OneLine(console.substr(at, to - at), 160);
    if (!line.empty()) lines.push_back(std::move(line));
    at = to + 1;
    if (from != std::string::npos && lines.size() == kShownLines) break;
  }
  std::string text;
  for (size_t i = lines.size() > kShownLines ? lines.size() - kShownLines : 0; i < lines.size(); ++i) text += "\n  " + lines[i];
  return text.empty() ? "\n  (its console is empty)" : text;
}

Result<std::string> Needed(const char* program, const char* package) {
  std::string path = FindExecutable(program);
  if (path.empty()) return Error{kExitNoVm, fmt::format("{} is not installed: apt-get install {}", program, package)};
  return path;
}

std::vector<std::string> QemuArguments(const VmOptions& o, const std::string& qemu, const std::string& dir) {
  std::vector<std::string> argv = {qemu, "-machine", "q35", "-smp", std::to_string(o.cpus), "-m", std::to_string(o.memory_mb),
                                   "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                                   "-serial", "file:" + dir + "/console", "-kernel", o.kernel};
  std::string append = "console=ttyS0 quiet loglevel=4 panic=-1 tsc=reliable nokaslr mitigations=off";
  if (o.repeatable) {
    argv.insert(argv.end(), {"-accel", "tcg,thread=single", "-icount", "shift=2,sleep=off", "-rtc", "base=2024-01-01,clock=vm",
                             "-cpu", "max,rdrand=off,rdseed=off", "-serial", "file:" + dir + "/out", "-initrd", dir + "/initramfs"});
    append += " norandmaps";
  } else {
    const auto escaped = [](std::string path) {  // QEMU doubles commas
      for (size_t i = 0; (i = path.find(',', i)) != std::string::npos; i += 2) path.insert(i, ",");
      return path;
    };
    argv.insert(argv.end(), {"-accel", o.kvm ? "kvm" : "tcg,thread=multi", "-cpu", o.kvm ? "host" : "max",
                             "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
                             "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
                             "-fsdev", "local,id=host,path=" + escaped(dir) + ",security_model=none",
                             "-device", "virtio-9p-pci,fsdev=host,mount_tag=host", "-device", "virtio-rng-pci"});
    append += " random.trust_cpu=on root=root rootfstype=9p rootflags=trans=virtio,version=9p2000.L,msize=262144,cache=loose ro init=" +
              o.lab_dir + "/guest_init";
  }
  if (!o.append.empty()) append += " " + o.append;
  argv.insert(argv.end(), {"-append", append});
  return argv;
}

// Repeatability needs all of QEMU on one CPU of the host; the last one we may use is seldom the busiest.
ChildHook OnOneCpu() {
  cpu_set_t allowed, one;
  CPU_ZERO(&allowed);
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {};
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    CPU_SET(cpu, &one);
    break;
  }
  return [one] { return sched_setaffinity(0, sizeof one, &one) == 0 ? 0 : errno; };
}

}  // namespace

Result<VmResult> RunVm(const VmOptions& o) {
  const Nanos start = MonotonicNow();
  OSE_ASSIGN(std::string qemu, Needed("qemu-system-x86_64", "qemu-system-x86"));
  OSE_TRY(Needed("busybox", "busybox-static"));
  if (!FileExists(o.kernel)) return Error{kExitNoVm, fmt::format("there is no kernel at {}: make one with `osevolve vm build`, or give another with --kernel", o.kernel)};
  if (o.kvm && access("/dev/kvm", R_OK | W_OK) != 0)
    return Error{kExitNoVm, fmt::format("/dev/kvm cannot be used ({}): leave out --kvm, or become a member of its group", strerror(errno))};
  if (o.command.empty()) return Error{kExitUsage, "no command for the VM: osevolve vm -- COMMAND"};

  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-vm"));
  OSE_TRY(WriteFileAtomic(dir.path() + "/command", CommandScript(o)));
  if (o.repeatable) {
    OSE_TRY(Needed("cpio", "cpio"));
    CommandOptions pack;
    pack.argv = {o.lab_dir + "/make_initramfs", dir.path() + "/initramfs", o.lab_dir + "/guest_init", dir.path() + "/command"};
    const std::string program = FindExecutable(o.command[0]);
    if (program.empty()) return Error{kExitNotFound, fmt::format("there is no program '{}'", o.command[0])};
    pack.argv.push_back(program);
    pack.argv.insert(pack.argv.end(), o.files.begin(), o.files.end());
    OSE_ASSIGN(CommandResult packed, RunCommand(pack));
    if (!packed.exit.ok()) return Error{kExitIo, "the VM's files cannot be packed: " + OneLine(packed.err, 300)};
  }

  SubprocessOptions run;
  run.argv = QemuArguments(o, qemu, dir.path());
  run.stderr_to = ChildOutput::kCapture;
  if (o.repeatable) run.in_child = OnOneCpu();
  OSE_ASSIGN(Subprocess vm, Subprocess::Start(run));
  vm.CloseIn();
  Follower out(dir.path() + "/out", o.out_fd), err(dir.path() + "/err", o.err_fd);
  std::string qemu_says;
  bool late = false, ended = false;
  while (!ended) {
    ended = vm.Wait(kPoll).has_value();
    qemu_says += vm.TakeStderr();
    if (!o.repeatable) {
      out.Pump();
      err.Pump();
    }
    if (ended) break;
    if (o.cancel && *o.cancel) return Error{kExitInterrupted, ""};
    if (MonotonicNow() - start > o.timeout) {
      late = true;
      vm.Kill();
    }
  }

  std::optional<int> status;
  if (o.repeatable) {
    // OUTPUT "\n" STATUS "\n", all of it or nothing.
    auto text = ReadFile(dir.path() + "/out", kMaxConsole);
    if (text.ok() && text->ends_with('\n')) status = StatusIn(*text);
    if (status) {
      text->pop_back();
      size_t end = text->rfind('\n');
      out.Write(std::string_view(*text).substr(0, end == std::string::npos ? 0 : end));
    }
  } else if (auto text = ReadFile(dir.path() + "/status", 64); text.ok()) {
    status = StatusIn(*text);
  }
  if (status) return VmResult{.exit_code = *status, .wall = MonotonicNow() - start};
  auto console = ReadFile(dir.path() + "/console", kMaxConsole);
  std::string words = console.ok() ? LastWords(*console) : "";
  if (!qemu_says.empty()) words += "\n  qemu: " + OneLine(qemu_says, 400);
  if (late) return Error{kExitVm, fmt::format("the VM did not finish within {:.0f} s and was ended (--timeout); the last of its console:{}", o.timeout.s(), words)};
  const bool panic = console.ok() && console->find("Kernel panic") != std::string::npos;
  return Error{kExitVm, fmt::format("the VM {}; the last of its console:{}", panic ? "panicked" : "ended without a status of the command", words)};
}

Result<std::string> KernelDir(const std::string& lab_dir) {
  OSE_ASSIGN(std::string config, ReadFile(lab_dir + "/kernel.config", 1 << 20));
  const std::string hash = Sha256Hex(config).substr(0, 12);
  const auto variable = [](const char* name) { const char* s = getenv(name); return std::string(s ? s : ""); };
  std::string cache = variable("OSEVOLVE_CACHE");
  if (cache.empty() && !variable("XDG_CACHE_HOME").empty()) cache = variable("XDG_CACHE_HOME") + "/osevolve";
  if (cache.empty() && !variable("HOME").empty()) cache = variable("HOME") + "/.cache/osevolve";
  if (cache.empty()) return Error{kExitIo, "no place for kernels: set OSEVOLVE_CACHE to a folder"};
  cache += "/kernels";
  CommandOptions query;
  query.argv = {"dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", kSourcePackage};
  auto found = RunCommand(query);
  if (found.ok() && found->exit.ok() && found->out.starts_with("installed ")) return cache + "/" + found->out.substr(10) + "-" + hash;
  CommandOptions list;
  list.argv = {"find", cache, "-maxdepth", "2", "-path", "*-" + hash + "/bzImage"};
  auto kernels = RunCommand(list);
  if (kernels.ok() && !kernels->out.empty()) return Dirname(kernels->out.substr(0, kernels->out.find('\n')));
  return cache + "/unknown-" + hash;
}

}  // namespace ose
