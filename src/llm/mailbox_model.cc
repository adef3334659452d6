// mailbox:DIR: a folder in which prompts appear and replies are awaited. Whoever can read and write files,
// a person or any agent, can be the model.
//
//   NNNN.prompt.md           written by us, whole at once (a link)
//   NNNN.reply.md            the answer; should be renamed into place. One that is written piecemeal is taken
//                            once it has not grown for a moment
//   NNNN.refused.md          there will be no answer; its first line says why
//   NNNN.prompt.expired.md   nobody waits for it any more: time is up, or the search has ended
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "llm/local_prompt.h"
#include "llm/mailbox_reply.h"
#include "llm/providers.h"

namespace ose {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr int kLastNumber = 999'999;

// A file that somebody else writes, looked at again and again.
class Arrival {
 public:
  explicit Arrival(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }  // -1: there is no regular file
  // Looks; true when it is there and has kept its size since the last look.
  bool Rests() {
    struct stat s{};
    const int64_t before = size_;
    size_ = stat(path_.c_str(), &s) == 0 && S_ISREG(s.st_mode) ? static_cast<int64_t>(s.st_size) : -1;
    return size_ >= 0 && size_ == before;
  }

 private:
  std::string path_;
  int64_t size_ = -1;
};

std::string Numbered(int n) {
  std::string s = std::to_string(n);
  return std::string(s.size() < 4 ? 4 - s.size() : 0, '0') + s;
}

// "0041.anything" -> 41; 0 for a name of another form.
int NumberOf(const std::string& name) {
  int n = 0;
  const char* end = name.data() + name.size();
  auto [rest, error] = std::from_chars(name.data(), end, n);
  return error == std::errc() && rest != end && *rest == '.' && n > 0 && n <= kLastNumber ? n : 0;
}

Error CannotWrite(const std::string& dir, int error) {
  return Error{kExitIo, "cannot write to the mailbox " + dir + ": " + strerror(error)};
}

class MailboxModel : public ChatModel {
 public:
  explicit MailboxModel(ModelSpec spec) : spec_(std::move(spec)) {}

  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) override {
    ChatReply reply;
    const Nanos start = MonotonicNow();
    if (Result<std::string> base = Post(request); base.ok()) {
      reply.attempts = 1;
      Await(*base, request, cancel, start, &reply);
    } else {
      reply.failure = CallFailure::kProgram;
      reply.reason = base.error().message;
    }
    reply.took = MonotonicNow() - start;
    return reply;
  }

 private:
  // Puts the prompt under the next free number. Returns DIR/NNNN.
  Result<std::string> Post(const ChatRequest& request) const {
    // Written under a name of its own, which no other model, process or machine has, then linked.
    std::string temp = JoinPath(spec_.model, ".writing-XXXXXX");
    if (Fd fd(mkostemp(temp.data(), O_CLOEXEC)); !fd) return CannotWrite(spec_.model, errno);
    Status written = WriteFileAtomic(temp, PromptText(request));
    Result<std::string> base = written.ok() ? Claim(temp) : Result<std::string>(written.error());
    unlink(temp.c_str());
    return base;
  }

  // A link never replaces a file, so of several processes each gets a number of its own.
  Result<std::string> Claim(const std::string& temp) const {
    int next = 1;
    OSE_ASSIGN(std::vector<std::string> files, ListFiles(spec_.model, ""));
    for (const std::string& f : files) next = std::max(next, NumberOf(f) + 1);
    for (; next <= kLastNumber; ++next) {
      const std::string base = JoinPath(spec_.model, Numbered(next));
      if (FileExists(base + ".reply.md") || FileExists(base + ".refused.md")) continue;
      if (link(temp.c_str(), (base + ".prompt.md").c_str()) != 0) {
        if (errno == EEXIST) continue;
        return CannotWrite(spec_.model, errno);
      }
      // Asked after the link: another's prompt may have been here since the listing, and expired.
      if (!FileExists(base + ".prompt.expired.md")) return base;
      unlink((base + ".prompt.md").c_str());
    }
    return Error{kExitIo, "the mailbox " + spec_.model + " has no number left: empty it, or use another folder"};
  }

  void Await(const std::string& base, const ChatRequest& request, const std::atomic<bool>* cancel, Nanos start,
             ChatReply* reply) const {
    auto end = [&](CallFailure failure, std::string reason) {
      reply->failure = failure;
      reply->reason = std::move(reason);
    };
    auto expire = [&] { rename((base + ".prompt.md").c_str(), (base + ".prompt.expired.md").c_str()); };
    Arrival answer(base + ".reply.md"), refusal(base + ".refused.md");
    for (;; std::this_thread::sleep_for(kPoll)) {
      const bool rests = answer.Rests();
      // Not only once it rests: it may grow for ever.
      const bool too_large = answer.size() > 0 && static_cast<uint64_t>(answer.size()) > request.max_reply_bytes;
      if (too_large || (rests && answer.size() > 0)) break;
      if (refusal.Rests()) {
        Result<std::string> why = ReadFile(refusal.path(), 64 << 10);
        const std::string line = why.ok() ? OneLine(why->substr(0, why->find('\n')), 300) : "";
        return end(CallFailure::kFiltered, line.empty() ? "refused without a reason" : "refused: " + line);
      }
      if (cancel && *cancel) {
        expire();
        return end(CallFailure::kCancelled, "the search is ending");
      }
      if (MonotonicNow() - start > spec_.timeout) {
        expire();
        return end(CallFailure::kTimeout, answer.path() + " did not appear within " +
                                              std::to_string(static_cast<int64_t>(spec_.timeout.s())) + " s");
      }
    }
    ReadMailboxReply(answer.path(), request.max_reply_bytes, reply);
  }

  const ModelSpec spec_;
};

}  // namespace

Result<std::unique_ptr<ChatModel>> MakeMailboxModel(const ModelSpec& spec) {
  OSE_TRY(MakeDirs(spec.model));
  if (access(spec.model.c_str(), R_OK | W_OK | X_OK) != 0) return CannotWrite(spec.model, errno);
  return std::unique_ptr<ChatModel>(std::make_unique<MailboxModel>(spec));
}

}  // namespace ose
