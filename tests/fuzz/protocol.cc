// Any bytes as a message between our own processes, of which one side may be taken over (worker, gate) or a stranger
// (the supervisor's socket), or as what a command printed with --json: refused, or the same after a second trip. The
// first byte picks the reader. Whole frames go through a pipe first.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/frame.h"
#include "core/gate_protocol.h"
#include "core/live_protocol.h"
#include "core/schedule_profile.h"
#include "core/worker_protocol.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

// What a pipe full of any bytes says.
void ReadAll(std::string_view bytes) {
  int ends[2];
  Check(pipe(ends) == 0);
  const ose::Fd out(ends[0]);
  {
    const ose::Fd in(ends[1]);
    Check(write(in.get(), bytes.data(), bytes.size() < 60'000 ? bytes.size() : 60'000) >= 0);
  }
  for (int i = 0; i < 100'000; ++i) {
    auto frame = ose::ReadFrame(out.get(), 1 << 16);
    if (!frame.ok() || !frame->has_value()) return;
    Check((*frame)->size() <= 1 << 16);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 9) {  // '0' is 48: 3 more than a multiple of 9
    case 3: ReadAll(text); break;
    case 4:
      if (auto r = ose::DecodeWorkerRequest(text); r.ok())
        if (auto* run = std::get_if<ose::WorkerRun>(&*r)) Check(ose::DecodeWorkerRequest(ose::EncodeRun(*run)).ok());
      break;
    case 5:
      if (auto r = ose::DecodeReply(text); r.ok()) {
        for (char c : r->diagnosis) Check(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        Check(ose::EncodeReply(*r) == ose::EncodeReply(*ose::DecodeReply(ose::EncodeReply(*r))));
      }
      break;
    case 6: (void)ose::DecodeLoadReply(text).ok(); break;
    case 7:
      if (auto r = ose::DecodeGateRequest(text); r.ok()) Check(ose::DecodeGateRequest(ose::EncodeGateRequest(*r)).ok());
      break;
    case 8:
      if (auto r = ose::DecodeGateResponse(text); r.ok()) Check(ose::DecodeGateResponse(ose::EncodeGateResponse(*r))->violations == r->violations);
      break;
    case 0:
      if (auto r = ose::DecodeLiveRequest(text); r.ok()) {
        Check(ose::DecodeLiveRequest(ose::EncodeLiveRequest(*r)).ok());
        // What the privileged side opens is named in full.
        Check(r->what != ose::LiveRequest::Do::kDeploy || r->object.starts_with("/"));
      }
      break;
    case 1: {
      (void)ose::DecodeLiveReply(text).ok();
      const size_t half = text.size() / 2;
      (void)ose::FindStalledTask(std::string(text.substr(0, half)), std::string(text.substr(half)));
      break;
    }
    case 2:
      if (auto r = ose::DecodeProfile(text); r.ok()) Check(ose::DecodeProfile(ose::EncodeProfile(*r)).ok());
      break;
  }
  return 0;
}
