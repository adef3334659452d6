// mailbox:DIR: a folder in which prompts appear and replies are awaited. Whoever can read and write files,
// a person or any agent, can be the model.
//
//   NNNN.prompt.md           written by us, whole at once (a rename)
//   NNNN.reply.md            the answer; should be renamed into place. One that is written piecemeal is taken
//                            once it has not grown for a moment
//   NNNN.refused.md          there will be no answer; its first line says why
//   NNNN.prompt.expired.md   nobody waits for it any more: time is up, or the search has ended
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "llm/providers.h"

namespace ose {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr int kLastNumber = 999'999;

// Size of a regular file; -1: there is none.
int64_t FileSize(const std::string& path) {
  struct stat s{};
  return stat(path.c_str(), &s) == 0 && S_ISREG(s.st_mode) ? s.st_size : -1;
}

std::string Numbered(int n) {
  std::string s = std::to_string(n);
  return std::string(s.size() < 4 ? 4 - s.size() : 0, '0') + s;
}

class MailboxModel : public ChatModel {
 public:
  explicit MailboxModel(ModelSpec spec) : spec_(std::move(spec)) {}

  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) override {
    ChatReply reply;
    const Nanos start = MonotonicNow();
    Result<std::string> base = Post(request);
    if (!base.ok()) {
      reply.failure = CallFailure::kProgram;
      reply.reason = base.error().message;
      return reply;
    }
    reply.attempts = 1;
    Await(*base, request, cancel, start, &reply);
    reply.took = MonotonicNow() - start;
    return reply;
  }

 private:
  // Claims the next number and puts the prompt there. Returns DIR/NNNN.
  Result<std::string> Post(const ChatRequest& request) {
    int next = 1;
    OSE_ASSIGN(std::vector<std::string> files, ListFiles(spec_.model, ".md"));
    for (const std::string& f : files)
      if (size_t dot = f.find('.'); dot > 0 && dot < 7 && std::all_of(f.begin(), f.begin() + static_cast<std::ptrdiff_t>(dot), isdigit)) next = std::max(next, atoi(f.c_str()) + 1);
    // The prompt is written under a name of its own and linked to the number: a link never replaces a file,
    // so of several processes each gets a number of its own.
    const std::string temp = JoinPath(spec_.model, ".writing-" + std::to_string(getpid()) + "-" + std::to_string(serial_++));
    OSE_TRY(WriteFileAtomic(temp, request.system + "\n" + request.user));
    for (; next <= kLastNumber; ++next) {
      const std::string base = JoinPath(spec_.model, Numbered(next));
      if (FileExists(base + ".reply.md") || FileExists(base + ".prompt.expired.md")) continue;
      if (link(temp.c_str(), (base + ".prompt.md").c_str()) == 0) {
        unlink(temp.c_str());
        return base;
      }
      if (errno == EEXIST) continue;
      const int error = errno;
      unlink(temp.c_str());
      return Error{kExitIo, "cannot write to the mailbox " + spec_.model + ": " + strerror(error)};
    }
    unlink(temp.c_str());
    return Error{kExitIo, "the mailbox " + spec_.model + " is full: empty it, or use another folder"};
  }

  void Await(const std::string& base, const ChatRequest& request, const std::atomic<bool>* cancel, Nanos start, ChatReply* reply) {
    auto end = [&](CallFailure failure, std::string reason) {
      reply->failure = failure;
      reply->reason = std::move(reason);
    };
    auto expire = [&] { rename((base + ".prompt.md").c_str(), (base + ".prompt.expired.md").c_str()); };
    int64_t last_size = -1;
    for (;; std::this_thread::sleep_for(kPoll)) {
      const int64_t size = FileSize(base + ".reply.md");
      if (size > 0 && size == last_size) break;
      last_size = size;
      if (FileSize(base + ".refused.md") >= 0) {
        Result<std::string> why = ReadFile(base + ".refused.md", 64 << 10);
        return end(CallFailure::kFiltered, "refused: " + OneLine(why.ok() ? why->substr(0, why->find('\n')) : "", 300));
      }
      if (cancel && *cancel) {
        expire();
        return end(CallFailure::kCancelled, "the search is ending");
      }
      if (MonotonicNow() - start > spec_.timeout) {
        expire();
        return end(CallFailure::kTimeout, base + ".reply.md did not appear within " + std::to_string(static_cast<int64_t>(spec_.timeout.s())) + " s");
      }
    }
    if (last_size > static_cast<int64_t>(request.max_reply_bytes))
      return end(CallFailure::kTooLarge, base + ".reply.md has more than " + std::to_string(request.max_reply_bytes) + " bytes");
    Result<std::string> text = ReadFile(base + ".reply.md", request.max_reply_bytes);
    if (!text.ok()) return end(CallFailure::kProgram, text.error().message);
    reply->text = ToValidUtf8(*text);
    if (reply->text.find_first_not_of(" \t\r\n") == std::string::npos) end(CallFailure::kEmpty, base + ".reply.md is blank");
  }

  const ModelSpec spec_;
  std::atomic<int> serial_{0};
};

}  // namespace

Result<std::unique_ptr<ChatModel>> MakeMailboxModel(const ModelSpec& spec) {
  OSE_TRY(MakeDirs(spec.model));
  if (access(spec.model.c_str(), W_OK | X_OK) != 0) return Error{kExitIo, "cannot write to the mailbox " + spec.model + ": " + strerror(errno)};
  return std::unique_ptr<ChatModel>(std::make_unique<MailboxModel>(spec));
}

}  // namespace ose
