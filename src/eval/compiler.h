// Compiler: policy source -> shared object, sandboxed, with a cache.
//
// The cache key is the source with its tunables' defaults normalised (core/policy_source.h):
// candidates that differ only in tunables share one object. The object's identity is the hash of
// the stripped object code, so that candidates that differ only in comments, names or formatting
// share their results.
//
// Thread-safe: several threads may compile at once; two that want the same source may both
// compile it, with equal results.
#ifndef OSEVOLVE_EVAL_COMPILER_H_
#define OSEVOLVE_EVAL_COMPILER_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "sandbox/compiler_sandbox.h"

namespace ose {

// For both targets, so that a policy means the same in the simulator and in the kernel: the language, without what
// BPF has not; signed overflow wraps, as in BPF; limits on what a source can make the compiler do.
std::vector<std::string> PolicyFlags(const std::string& include_dir);
// A step of a compilation: sandboxed, with a time limit, its words captured. `dir` is where it may write.
CommandOptions CompilerStep(std::vector<std::string> argv, const std::string& dir, const ChildHook& sandbox);
// Runs it. A step that is killed from outside, by the kernel for want of memory or by somebody, says nothing about the source
// and runs again, twice at most. What a source itself brings about, with too much memory or time, is no such kill.
Result<CommandResult> RunCompilerStep(const CommandOptions& step, const CompilerLimits& limits = {});
// The first lines of a compiler's words, without a line end.
std::string FirstLines(std::string text, int lines);

struct CompiledPolicy {
  std::string path;         // of the .so; lives as long as the Compiler
  std::string object_hash;  // SHA-256 of the stripped object
};

// A compiler's, linker's or libclang's words for a full disk, which is not the policy's fault.
bool DiskIsFull(const std::string& output);
Error FullDisk(const std::string& dir);  // kExitIo

class Compiler {
 public:
  // `include_dir` holds osevolve/policy.h, which is copied: candidates of one run are judged by one header, also
  // when an upgrade replaces it meanwhile. kExitNoCompiler when clang++-19 or ld is missing.
  // `limits` are those of each step (sandbox/compiler_sandbox.h).
  static Result<std::unique_ptr<Compiler>> Create(const std::string& include_dir, const CompilerLimits& limits = {});

  // `normalized` is NormalizedSource(source); `file` names it in messages. Errors: kExitCompile with
  // the compiler's first messages, kExitPolicyTimeout, kExitIo.
  // `hosted`: a source that declares OSEVOLVE_HOSTED, compiled and linked with the standard library, for hosts that
  // have it in memory already (the user-space agent).
  Result<CompiledPolicy> Compile(const std::string& normalized, const std::string& file, bool hosted = false);

  // A folder for temporary files, which goes with the Compiler.
  const std::string& temp_dir() const { return dir_.path(); }
  // With the copy of osevolve/policy.h.
  const std::string& include_dir() const { return include_dir_; }

 private:
  explicit Compiler(TempDir dir) : dir_(std::move(dir)), include_dir_(dir_.path() + "/include") {}

  TempDir dir_;
  Fd held_;  // base/temp_lock.h
  std::string include_dir_, clang_, ld_;
  CompilerLimits limits_;
  ChildHook sandbox_;
  std::mutex mutex_;
  std::map<std::string, CompiledPolicy> cache_;  // by SHA-256 of the normalized source
  int next_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_EVAL_COMPILER_H_
