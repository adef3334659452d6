#include "eval/clients.h"

#include <algorithm>

#include "base/frame.h"
#include "core/exit_code.h"
#include "eval/compiler.h"

namespace ose {

Status FrameServer::Start() {
  if (process_) return {};
  SubprocessOptions options;
  options.argv = argv_;
  // Nothing of our environment (API keys) reaches a process that forks generated code.
  options.env = {{"PATH=/usr/bin:/bin", "LC_ALL=C"}};
  if (!temp_dir_.empty()) options.env->push_back("TMPDIR=" + temp_dir_);
  options.stderr_to = ChildOutput::kCapture;
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
    if (reply.ok()) sent = WhyItEnded();
    else sent = reply.error();
  }
  process_.reset();
  return Error{sent.error().code == kExitIo ? kExitIo : kExitInternal, argv_[0] + " did not answer: " + sent.error().message};
}

Error FrameServer::WhyItEnded() {
  auto status = process_->Wait(Nanos::Seconds(1));
  std::string said = process_->TakeStderr();
  while (said.ends_with('\n')) said.pop_back();
  if (!temp_dir_.empty() && DiskIsFull(said)) return FullDisk(temp_dir_);
  return {status && status->exit_code == kExitIo ? kExitIo : kExitInternal, said.empty() ? "it ended" : said};
}

Result<GateResponse> GateClient::Check(const GateRequest& request) {
  // A gate that died (killed) is replaced once; what a source does to the parser happens to the gate's child.
  auto reply = server_.Call(EncodeGateRequest(request), kMaxGateFrame, Nanos::Seconds(30));
  if (!reply.ok()) reply = server_.Call(EncodeGateRequest(request), kMaxGateFrame, Nanos::Seconds(30));
  if (!reply.ok()) return reply.error();
  return DecodeGateResponse(*reply);
}

Status WorkerClient::Load(const WorkerLoad& slot) {
  OSE_ASSIGN(std::string reply, server_.Call(EncodeLoad(slot), kMaxWorkerReply, Nanos::Seconds(120)));
  return DecodeLoadReply(reply);
}

Status WorkerClient::Use(const WorkerLoad& slot) {
  auto it = std::find_if(slots_.begin(), slots_.end(), [&](const WorkerLoad& s) { return s.slot == slot.slot; });
  if (it == slots_.end()) it = slots_.insert(it, slot);
  else if (it->workload == slot.workload && it->machine == slot.machine) return {};
  else *it = slot;
  return server_.running() ? Load(slot) : Status();
}

Status WorkerClient::Prepare() {
  if (server_.running()) return {};
  for (const WorkerLoad& slot : slots_) OSE_TRY(Load(slot));
  return {};
}

Result<WorkerReply> WorkerClient::Run(const WorkerRun& run) {
  // A worker that died (out of memory, killed) is replaced once; the candidate's own death is the
  // child's, not the worker's.
  for (int attempt = 0;; ++attempt) {
    OSE_TRY(Prepare());
    auto reply = server_.Call(EncodeRun(run), kMaxWorkerReply, Nanos::Millis(run.limits.wall_ms) + Nanos::Seconds(10));
    if (reply.ok()) return DecodeReply(*reply);
    if (attempt == 1) return reply.error();
  }
}

}  // namespace ose
