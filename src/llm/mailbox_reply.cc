#include "llm/mailbox_reply.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/utf8.h"

namespace ose {

void ReadMailboxReply(const std::string& path, uint64_t max_bytes, ChatReply* reply) {
  auto end = [&](CallFailure failure, std::string reason) {
    reply->failure = failure;
    reply->reason = std::move(reason);
  };
  if (struct stat s{}; stat(path.c_str(), &s) == 0 && S_ISREG(s.st_mode) && static_cast<uint64_t>(s.st_size) > max_bytes)
    return end(CallFailure::kTooLarge, path + " has more than " + std::to_string(max_bytes) + " bytes");
  Result<std::string> text = ReadFile(path, max_bytes);
  if (!text.ok()) return end(CallFailure::kProgram, text.error().message);
  reply->text = ToValidUtf8(*text);
  if (reply->text.find_first_not_of(" \t\r\n") == std::string::npos) end(CallFailure::kEmpty, path + " is blank");
}

}  // namespace ose
