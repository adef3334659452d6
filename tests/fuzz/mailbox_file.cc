// Any bytes as a mailbox's reply file: read as the model does, then applied as a patch. The first byte picks
// the patch that was asked for (bits 0, 1), what is in the file's place (bits 2, 3: a file, a folder, a pipe,
// nothing), and a limit of 64 bytes (bit 4). The file is in memory, so that nothing is left by a fuzzer
// that is killed.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "llm/mailbox_reply.h"
#include "patch_check.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

std::string PathOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

ose::ChatReply Read(const std::string& path, uint64_t limit) {
  ose::ChatReply reply;
  ose::ReadMailboxReply(path, limit, &reply);
  Check(ose::IsValidUtf8(reply.text));
  // One line that names the file.
  Check(reply.ok() == reply.reason.empty() && reply.reason.find('\n') == std::string::npos);
  Check(reply.ok() || reply.reason.find(path) != std::string::npos);
  return reply;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto asked = static_cast<ose::PatchKind>(data[0] & 3);
  const int place = data[0] >> 2 & 3;
  const uint64_t limit = data[0] & 16 ? 64 : 1 << 20;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  if (place == 1) Check(Read("/", limit).failure == ose::CallFailure::kProgram);
  if (place == 2) {
    int ends[2];
    Check(pipe(ends) == 0);
    const ose::Fd out(ends[0]), in(ends[1]);
    Check(write(in.get(), bytes.data(), bytes.size() < 4096 ? bytes.size() : 4096) >= 0);
    Check(Read(PathOf(out.get()), limit).failure == ose::CallFailure::kProgram);
  }
  if (place == 3) Check(Read("/proc/self/fd/none", limit).failure == ose::CallFailure::kProgram);
  if (place != 0) return 0;

  const ose::Fd file(memfd_create("reply", MFD_CLOEXEC));
  Check(file && write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const ose::ChatReply reply = Read(PathOf(file.get()), limit);
  const bool blank = bytes.find_first_not_of(" \t\r\n") == std::string_view::npos;
  Check(reply.failure == (bytes.size() > limit ? ose::CallFailure::kTooLarge : blank ? ose::CallFailure::kEmpty : ose::CallFailure::kNone));
  if (!reply.ok()) return 0;
  if (ose::IsValidUtf8(bytes)) Check(reply.text == bytes);
  ose::CheckPatch(reply.text, asked);
  return 0;
}
