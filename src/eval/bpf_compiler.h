// BpfCompiler: policy source -> BPF object that src/live loads into the kernel.
//
// The policy (C++, with lines for the verifier's messages but no types, which BTF could not express) and the glue
// (C with BTF, src/live/bpf) become one bitcode file in which every call between them is inlined, and that one
// becomes the object. Runs in the same sandbox as the native compiler. The source must have passed the gate.
#ifndef OSEVOLVE_EVAL_BPF_COMPILER_H_
#define OSEVOLVE_EVAL_BPF_COMPILER_H_

#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace ose {

class BpfCompiler {
 public:
  // `include_dir` holds osevolve/policy.h, `source_dir` live/bpf/glue.bpf.c. kExitNoCompiler when clang-19 or
  // llvm-19's llvm-link, opt or llvm-nm is missing.
  static Result<std::unique_ptr<BpfCompiler>> Create(const std::string& include_dir, const std::string& source_dir);

  // The object's bytes. `file` names the source in messages and in the object's line information. Errors:
  // kExitCompile with the compiler's words or what BPF cannot do, kExitPolicyTimeout, kExitIo.
  Result<std::string> Compile(const std::string& source, const std::string& file);

 private:
  BpfCompiler(TempDir dir, std::string include_dir, std::string source_dir)
      : dir_(std::move(dir)), include_dir_(std::move(include_dir)), source_dir_(std::move(source_dir)) {}
  Status Step(const std::vector<std::string>& argv, const std::string& file, std::string* out = nullptr);

  TempDir dir_;
  std::string include_dir_, source_dir_;
  std::string clang_, clangxx_, link_, opt_, nm_;
  ChildHook sandbox_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVAL_BPF_COMPILER_H_
