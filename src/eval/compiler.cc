#include "eval/compiler.h"

#include "base/hash.h"
#include "base/temp_lock.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "sandbox/describe_exit.h"

namespace ose {
namespace {

// With the temporary path replaced by the policy's name.
std::string WithName(std::string text, const std::string& path, const std::string& file) {
  for (size_t at; (at = text.find(path)) != std::string::npos;) text.replace(at, path.size(), file);
  return text;
}

}  // namespace

std::string FirstLines(std::string text, int lines) {
  size_t end = 0;
  for (int i = 0; i < lines && end != std::string::npos; ++i) end = text.find('\n', end == 0 ? 0 : end + 1);
  if (end != std::string::npos) text.resize(end);
  // The words quote the source: names of any length, and characters that a terminal would obey.
  constexpr size_t kMaxWords = 8 << 10;
  if (text.size() > kMaxWords) text.resize(kMaxWords);
  text = ToValidUtf8(text);
  for (char& c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<std::string> PolicyFlags(const std::string& include_dir) {
  return {"-std=c++20", "-O2", "-fwrapv", "-ffreestanding", "-nostdinc++", "-fno-exceptions", "-fno-rtti",
          "-fno-threadsafe-statics", "-w", "-fno-color-diagnostics", "-ferror-limit=5", "-ftemplate-depth=64",
          "-fconstexpr-depth=64", "-fconstexpr-steps=100000", "-I" + include_dir};
}

CommandOptions CompilerStep(std::vector<std::string> argv, const std::string& dir, const ChildHook& sandbox) {
  CommandOptions step;
  step.argv = std::move(argv);
  step.env = {{"TMPDIR=" + dir, "PATH=/usr/bin:/bin", "LC_ALL=C"}};
  step.wall_limit = Nanos::Seconds(30);
  step.max_stderr_bytes = 64 << 10;
  step.in_child = sandbox;
  return step;
}

Result<CommandResult> RunCompilerStep(const CommandOptions& step, const CompilerLimits& limits) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    OSE_ASSIGN(CommandResult result, RunCommand(step));
    const ExitReason reason = DescribeExit(result.exit.wait_status, result.exit.cpu, Nanos::Seconds(static_cast<int64_t>(limits.cpu_seconds)));
    if (result.timed_out || reason.kind != ExitKind::kKilled || attempt == kAttempts) return result;
  }
}

bool DiskIsFull(const std::string& output) {
  return output.find("No space left on device") != std::string::npos || output.find("Disk quota exceeded") != std::string::npos;
}

Error FullDisk(const std::string& dir) {
  return {kExitIo, "no space left for temporary files in " + dir + ": free some, or set TMPDIR to a folder on another disk"};
}

Result<std::unique_ptr<Compiler>> Compiler::Create(const std::string& include_dir, const CompilerLimits& limits) {
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-objects"));
  std::unique_ptr<Compiler> c(new Compiler(std::move(dir)));
  c->held_ = HoldTempDir(c->dir_, "osevolve-objects");
  OSE_ASSIGN(std::string header, ReadFile(include_dir + "/osevolve/policy.h", 1 << 20));
  OSE_TRY(MakeDirs(c->include_dir_ + "/osevolve"));
  OSE_TRY(WriteFileAtomic(c->include_dir_ + "/osevolve/policy.h", header));
  c->clang_ = FindExecutable("clang++-19");
  c->ld_ = FindExecutable("ld");
  if (c->clang_.empty())
    return Error{kExitNoCompiler, "clang++-19 is not installed; install it: apt-get install clang-19"};
  if (c->ld_.empty()) return Error{kExitNoCompiler, "ld is not installed; install it: apt-get install binutils"};
  c->limits_ = limits;
  OSE_ASSIGN(c->sandbox_, CompilerSandbox({.readable = {c->include_dir_}, .writable_dir = c->dir_.path(), .limits = limits}));
  return c;
}

Result<CompiledPolicy> Compiler::Compile(const std::string& normalized, const std::string& file, bool hosted) {
  const std::string key = (hosted ? "hosted " : "") + Sha256Hex(normalized);
  std::string base;
  {
    std::lock_guard lock(mutex_);
    if (auto it = cache_.find(key); it != cache_.end()) return it->second;
    base = JoinPath(dir_.path(), "p" + std::to_string(next_++));
  }
  const std::string source = base + ".cc", object = base + ".o", shared = base + ".so";
  OSE_TRY(WriteFileAtomic(source, normalized));

  // As CMakeLists.txt's POLICY_FLAGS.
  std::vector<std::string> argv = PolicyFlags(include_dir_);
  if (hosted) std::erase_if(argv, [](const std::string& flag) { return flag == "-ffreestanding" || flag == "-nostdinc++"; });
  argv.insert(argv.begin(), clang_);
  argv.insert(argv.end(), {"-fPIC", "-fvisibility=hidden", "-c", source, "-o", object});
  const CommandOptions compile = CompilerStep(std::move(argv), dir_.path(), sandbox_);
  OSE_ASSIGN(CommandResult compiled, RunCompilerStep(compile, limits_));
  if (compiled.timed_out) return Error{kExitPolicyTimeout, file + ": the compiler ran out of time (30 s): simplify the source"};
  if (!compiled.exit.ok() && DiskIsFull(compiled.err)) return FullDisk(dir_.path());
  if (!compiled.exit.ok()) {
    std::string text = FirstLines(WithName(compiled.err, source, file), 12);
    return Error{kExitCompile, text.empty() ? file + ": the compiler ended abnormally" : text};
  }

  std::vector<std::string> link_argv = {ld_, "-shared", "-s", "-z", "defs", "--build-id=none", object, "-o", shared};
  // The driver knows where the standard library is.
  if (hosted) link_argv = {clang_, "-shared", "-s", "-Wl,-z,defs,--build-id=none", object, "-o", shared};
  const CommandOptions link = CompilerStep(std::move(link_argv), dir_.path(), sandbox_);
  OSE_ASSIGN(CommandResult linked, RunCompilerStep(link, limits_));
  if (!linked.exit.ok() && DiskIsFull(linked.err)) return FullDisk(dir_.path());
  if (!linked.exit.ok() && hosted) return Error{kExitCompile, FirstLines(WithName(linked.err, object, file), 6)};
  if (!linked.exit.ok())
    return Error{kExitCompile, FirstLines(WithName(linked.err, object, file), 6) +
                                   "\n(a call that is no service of policy.h: memset or memcpy come from copying or "
                                   "clearing large structs, which BPF refuses too)"};
  OSE_ASSIGN(std::string bytes, ReadFile(shared));
  CompiledPolicy policy{shared, Sha256Hex(bytes)};
  std::lock_guard lock(mutex_);
  return cache_.emplace(key, std::move(policy)).first->second;
}

}  // namespace ose
