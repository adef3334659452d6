#include "eval/clients.h"

#include "base/frame.h"
#include "core/exit_code.h"

namespace ose {

Status FrameServer::Start() {
  if (process_) return {};
  SubprocessOptions options;
  options.argv = argv_;
  // Nothing of our environment (API keys) reaches a process that forks generated code.
  options.env = {{"PATH=/usr/bin:/bin", "LC_ALL=C"}};
  options.stderr_to = ChildOutput::kDiscard;
  OSE_ASSIGN(Subprocess process, Subprocess::Start(options));
  process_.emplace(std::move(process));
  return {};
}

Result<std::string> FrameServer::Call(const std::string& request, uint64_t max_reply, Nanos timeout) {
  OSE_TRY(Start());
  const Nanos deadline = MonotonicNow() + timeout;
  Status sent = WriteFrame(process_->in(), request, deadline);
  if (sent.ok()) {
    auto reply = ReadFrame(process_->out(), max_reply, deadline);
    if (reply.ok() && reply->has_value()) return std::move(**reply);
    sent = reply.ok() ? Error{kExitInternal, "it ended"} : reply.error();
  }
  process_.reset();
  return Error{kExitInternal, argv_[0] + " did not answer: " + sent.error().message};
}

Result<GateResponse> GateClient::Check(const GateRequest& request) {
  OSE_ASSIGN(std::string reply, server_.Call(EncodeGateRequest(request), kMaxGateFrame, Nanos::Seconds(30)));
  return DecodeGateResponse(reply);
}

Status WorkerClient::Prepare() {
  if (server_.running()) return {};
  for (const WorkerLoad& slot : slots_) {
    OSE_ASSIGN(std::string reply, server_.Call(EncodeLoad(slot), kMaxWorkerFrame, Nanos::Seconds(120)));
    OSE_TRY(DecodeLoadReply(reply));
  }
  return {};
}

Result<WorkerReply> WorkerClient::Run(const WorkerRun& run) {
  // A worker that died (out of memory, killed) is replaced once; the candidate's own death is the
  // child's, not the worker's.
  for (int attempt = 0;; ++attempt) {
    OSE_TRY(Prepare());
    auto reply = server_.Call(EncodeRun(run), kMaxWorkerFrame, Nanos::Millis(run.limits.wall_ms) + Nanos::Seconds(10));
    if (reply.ok()) return DecodeReply(*reply);
    if (attempt == 1) return reply.error();
  }
}

}  // namespace ose
