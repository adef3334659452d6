#include "eval/bpf_compiler.h"

#include <fmt/format.h>

#include <set>
#include <sstream>

#include "core/exit_code.h"
#include "eval/compiler.h"
#include "sandbox/compiler_sandbox.h"

namespace ose {
namespace {

// What stays visible after linking; services and hooks become internal and vanish into the operations.
constexpr char kPublic[] =
    "osv_op_*,osv_ops,_license,osv_storage,osv_hints,osv_timers,osv_tasks,osv_cpus,osv_task_mask,osv_llc,osv_node,osv_sibling,"
    "osv_cpu_slots,osv_self_state,osv_counters,osv_exit_info,osv_tun_*,osv_hooks_present,osv_policy_name,osv_tracks_wakeups";
constexpr char kInline[] = "-inline-threshold=1000000";

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

Result<std::unique_ptr<BpfCompiler>> BpfCompiler::Create(const std::string& include_dir, const std::string& source_dir) {
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-bpf"));
  std::unique_ptr<BpfCompiler> c(new BpfCompiler(std::move(dir), include_dir, source_dir));
  for (auto [path, program, package] : {std::tuple{&c->clang_, "clang-19", "clang-19"}, {&c->clangxx_, "clang++-19", "clang-19"},
                                        {&c->link_, "llvm-link-19", "llvm-19"}, {&c->opt_, "opt-19", "llvm-19"}, {&c->nm_, "llvm-nm-19", "llvm-19"}}) {
    *path = FindExecutable(program);
    if (path->empty()) return Error{kExitNoCompiler, fmt::format("{} is not installed; install it: apt-get install {}", program, package)};
  }
  OSE_ASSIGN(c->sandbox_, CompilerSandbox({.readable = {include_dir, source_dir}, .writable_dir = c->dir_.path(), .limits = {}}));
  return c;
}

Status BpfCompiler::Step(const std::vector<std::string>& argv, const std::string& file, std::string* out) {
  CommandOptions run = CompilerStep(argv, dir_.path(), sandbox_);
  run.cwd = dir_.path();
  OSE_ASSIGN(CommandResult done, RunCompilerStep(run));
  if (done.timed_out) return Error{kExitPolicyTimeout, file + ": the compiler ran out of time (30 s): simplify the source"};
  if (out) *out = done.out;
  if (done.exit.ok()) return {};
  if (DiskIsFull(done.err)) return FullDisk(dir_.path());
  std::string text = FirstLines(done.err, 12);
  // LLVM's words for what BPF cannot do.
  if (text.find("stack limit") != text.npos) text = file + ": the hooks need more than BPF's 512 bytes of stack: fewer or smaller local variables\n" + text;
  return Error{kExitCompile, text.empty() ? file + ": " + Basename(argv[0]) + " ended abnormally" : text};
}

Result<std::string> BpfCompiler::Compile(const std::string& source, const std::string& file) {
  // The compiler names files as it was told, so that messages and the verifier's log show the policy's own name.
  const std::string name = Basename(file).empty() ? "policy.cc" : Basename(file);
  const std::string at = dir_.path() + "/";
  OSE_TRY(WriteFileAtomic(at + name, source));
  std::vector<std::string> compile = PolicyFlags(include_dir_);
  compile.insert(compile.begin(), {clangxx_, "-target", "bpf", "-mcpu=v4"});
  // Equal sources give equal objects: no name of a temporary folder in them.
  const std::string here = "-ffile-prefix-map=" + dir_.path() + "=.", sources = "-ffile-prefix-map=" + source_dir_ + "=src";
  compile.insert(compile.end(), {here, "-g", "-mllvm", kInline, "-emit-llvm", "-c", name, "-o", "typed.bc"});
  OSE_TRY(Step(compile, file));
  // C++ types are no BTF types; lines are.
  OSE_TRY(Step({opt_, "-passes=strip-nonlinetable-debuginfo", "typed.bc", "-o", "policy.bc"}, file));

  std::string symbols;
  OSE_TRY(Step({nm_, "policy.bc"}, file, &symbols));
  std::set<std::string> used;
  for (const std::string& line : Lines(symbols)) {
    std::istringstream words(line);
    std::vector<std::string> w;
    for (std::string word; words >> word;) w.push_back(word);
    if (w.size() < 2) continue;
    const std::string& kind = w[w.size() - 2];
    const std::string& symbol = w.back();
    if (symbol.starts_with("_GLOBAL__sub_I")) return Error{kExitCompile, file + ": has a static constructor, which BPF never runs: give constants only"};
    if (kind != "U") continue;
    used.insert(symbol);
    if (symbol == "memset" || symbol == "memcpy" || symbol == "memmove")
      return Error{kExitCompile, fmt::format("{}: needs {}, which BPF has not: do not copy or clear large structs", file, symbol)};
    if (!symbol.starts_with("osv_")) return Error{kExitCompile, fmt::format("{}: needs the function {}, which is no service of policy.h", file, symbol)};
  }
  std::vector<std::string> glue = {clang_, "-target", "bpf", "-mcpu=v4", "-O2", "-g", "-w", here, sources, "-I" + source_dir_, "-emit-llvm",
                                   "-c", source_dir_ + "/live/bpf/glue.bpf.c", "-o", "glue.bc"};
  if (used.contains("osv_task_nr_wakeups") || used.contains("osv_task_waker")) glue.push_back("-DOSV_TRACKS_WAKEUPS");
  OSE_TRY(Step(glue, file));
  OSE_TRY(Step({link_, "glue.bc", "policy.bc", "-o", "linked.bc"}, file));
  OSE_TRY(Step({opt_, "-passes=internalize,globaldce", std::string("-internalize-public-api-list=") + kPublic, "linked.bc", "-o", "one.bc"}, file));
  OSE_TRY(Step({clang_, "-target", "bpf", "-mcpu=v4", "-O2", "-g", "-w", "-fno-color-diagnostics", "-mllvm", kInline, "-c", "one.bc", "-o", "policy.bpf.o"}, file));
  OSE_TRY(Step({nm_, "policy.bpf.o"}, file, &symbols));
  for (const std::string& line : Lines(symbols))
    if (line.find(" t _Z") != line.npos || line.find(" T _Z") != line.npos)
      return Error{kExitCompile, fmt::format("{}: {} was not inlined: mark it OSV_INLINE or make it smaller", file, line.substr(line.find("_Z")))};
  return ReadFile(at + "policy.bpf.o", 64 << 20);
}

}  // namespace ose
