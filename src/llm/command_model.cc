// command:CMD: any program that reads a prompt and writes a reply.
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"
#include "base/subprocess.h"
#include "base/utf8.h"
#include "llm/providers.h"

namespace ose {
namespace {

// Makes a descriptor readable once a flag is set. The flag is looked at ten times a second.
class FlagWatcher {
 public:
  explicit FlagWatcher(const std::atomic<bool>* flag) : fd_(eventfd(0, EFD_CLOEXEC)) {
    if (!flag || !fd_) return;
    thread_ = std::thread([this, flag] {
      while (!done_) {
        if (*flag) {
          const uint64_t one = 1;
          if (write(fd_.get(), &one, sizeof one) < 0) return;  // it is readable already
          return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    });
  }
  ~FlagWatcher() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int fd() const { return fd_ ? fd_.get() : -1; }

 private:
  Fd fd_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

class CommandModel : public ChatModel {
 public:
  explicit CommandModel(ModelSpec spec) : spec_(std::move(spec)) {}

  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) override {
    ChatReply reply;
    const Nanos start = MonotonicNow();
    FlagWatcher watcher(cancel);
    CommandOptions o;
    o.argv = {"/bin/sh", "-c", spec_.model};
    o.stdin_data = request.system + "\n" + request.user;
    o.wall_limit = spec_.timeout;
    o.max_stdout_bytes = request.max_reply_bytes;
    o.cancel_fd = watcher.fd();
    Result<CommandResult> run = RunCommand(o);
    reply.took = MonotonicNow() - start;
    if (!run.ok()) return Failed(std::move(reply), CallFailure::kProgram, run.error().message);
    reply.attempts = 1;
    reply.text = ToValidUtf8(run->out);
    if (run->cancelled) return Failed(std::move(reply), CallFailure::kCancelled, "the search is ending");
    if (run->timed_out) return Failed(std::move(reply), CallFailure::kTimeout, "the command did not end within " + std::to_string(static_cast<int64_t>(spec_.timeout.s())) + " s (option timeout_s of other models; a command may limit itself)");
    if (!run->exit.ok()) {
      const std::string how = run->exit.signal ? "ended by signal " + std::to_string(run->exit.signal) : "exit code " + std::to_string(run->exit.exit_code);
      const std::string err = OneLine(run->err.substr(0, run->err.find('\n')), 300);
      return Failed(std::move(reply), CallFailure::kProgram, "command: " + how + (err.empty() ? "" : ": " + err));
    }
    if (run->out_truncated) return Failed(std::move(reply), CallFailure::kTooLarge, "the command wrote more than " + std::to_string(request.max_reply_bytes) + " bytes");
    if (reply.text.find_first_not_of(" \t\r\n") == std::string::npos) return Failed(std::move(reply), CallFailure::kEmpty, "the command wrote nothing");
    return reply;
  }

 private:
  static ChatReply Failed(ChatReply reply, CallFailure failure, std::string reason) {
    reply.failure = failure;
    reply.reason = std::move(reason);
    return reply;
  }
  const ModelSpec spec_;
};

}  // namespace

std::unique_ptr<ChatModel> MakeCommandModel(const ModelSpec& spec) { return std::make_unique<CommandModel>(spec); }

}  // namespace ose
