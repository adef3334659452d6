#include "gate/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/frame.h"
#include "core/exit_code.h"
#include "gate/gate_rules.h"
#include "sandbox/compiler_sandbox.h"
#include "sandbox/sandbox.h"

namespace ose {
namespace {

// A small policy that touches what every policy does; parsing it once loads libclang's tables.
constexpr char kWarmUp[] =
    "#include <osevolve/policy.h>\nusing namespace osevolve;\nTUNABLE(x, 1, 0, 2)\nstruct P : Policy<> {\n"
    "  void dispatch(s32 cpu) { for_n(4, [&](s32 i) { dsq_move_to_local(static_cast<u64>(i + x)); }); }\n};\n"
    "OSEVOLVE_POLICY(P, \"warm_up\")\n";

GateResponse Internal(std::string message) { return {false, {{"internal", 0, 0, std::move(message)}}}; }

// The child's side of Check.
[[noreturn]] void RunChild(const ast::Parser& parser, const ChildHook& sandbox, pid_t parent,
                           const GateRequest& request, int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  setpgid(0, 0);  // what it may start ends with it
  // Neither the requests that wait on stdin nor the answers on stdout are the child's business.
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) _exit(1);
  if (int error = sandbox(); error != 0) {
    GateResponse r =
        Internal(fmt::format("the sandbox of the check cannot be entered: {}", std::strerror(error)));
    (void)WriteFrame(out, EncodeGateResponse(r)).ok();
    _exit(0);
  }
  GateOptions options;
  options.allow_hosted = request.hosted;
  options.skeleton_of = request.skeleton_of;
  GateResponse response;
  response.violations = CheckPolicy(parser, request.source, options);
  response.ok = response.violations.empty();
  (void)WriteFrame(out, EncodeGateResponse(response)).ok();
  _exit(0);
}

}  // namespace

Result<GateServer> GateServer::Create(GateServerOptions options) {
  // Without this libclang parses in a thread of its own; a forked child is enough of a fence.
  setenv("LIBCLANG_NOTHREADS", "1", 1);
  OSE_ASSIGN(std::unique_ptr<ast::Parser> parser, ast::Parser::Create(options.include_dir));
  std::vector<GateViolation> warm_up = CheckPolicy(*parser, kWarmUp, {});
  if (!warm_up.empty())
    return Error{kExitInternal, "the gate refuses its own warm-up policy: " + warm_up[0].message};
  CompilerSandboxOptions sandbox;
  sandbox.readable = {options.include_dir, parser->temp_dir()};
  sandbox.limits.cpu_seconds = options.cpu_seconds;
  sandbox.limits.memory_bytes = MappedBytes() + options.memory_bytes;
  OSE_ASSIGN(ChildHook hook, CompilerSandbox(sandbox));
  return GateServer(std::move(options), std::move(parser), std::move(hook));
}

GateResponse GateServer::Check(const GateRequest& request) const {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return Internal(fmt::format("no pipe for the check: {}", std::strerror(errno)));
  Fd read_end(ends[0]), write_end(ends[1]);
  pid_t parent = getpid(), child = fork();
  if (child < 0) return Internal(fmt::format("no process for the check: {}", std::strerror(errno)));
  if (child == 0) RunChild(*parser_, sandbox_, parent, request, write_end.get());
  setpgid(child, child);
  write_end.reset();
  Result<std::optional<std::string>> frame =
      ReadFrame(read_end.get(), kMaxGateFrame, MonotonicNow() + options_.wall);
  kill(-child, SIGKILL);  // it has answered, or it never will
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (frame.ok() && frame->has_value()) {
    Result<GateResponse> response = DecodeGateResponse(**frame);
    // The child may be taken over, so its answer is checked for sense: ok means no violations.
    if (response.ok() && response->ok == response->violations.empty()) return std::move(response).value();
    return Internal("the check gave an answer that makes no sense; the source may attack the parser");
  }
  if (!frame.ok() && frame.error().code == kFrameTimeout)
    return Internal(fmt::format("the check took more than {} s; the source is too complex for the parser",
                                options_.wall.s()));
  return Internal(fmt::format(
      "the check died ({}); the source is too complex for the parser, or exceeds {} s of CPU time or "
      "{} MiB",
      WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no answer", options_.cpu_seconds,
      options_.memory_bytes >> 20));
}

Status GateServer::Serve(int in, int out) const {
  while (true) {
    OSE_ASSIGN(std::optional<std::string> frame, ReadFrame(in, kMaxGateFrame));
    if (!frame) return Status();
    Result<GateRequest> request = DecodeGateRequest(*frame);
    GateResponse response = request.ok() ? Check(*request) : Internal(request.error().message);
    OSE_TRY(WriteFrame(out, EncodeGateResponse(response)));
  }
}

}  // namespace ose
