// command:CMD: any program that reads a prompt and writes a reply.
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "base/subprocess.h"
#include "base/utf8.h"
#include "llm/local_prompt.h"
#include "llm/providers.h"

namespace ose {
namespace {

// Makes a descriptor readable once a flag is set. The flag is looked at twenty times a second.
class FlagWatcher {
 public:
  explicit FlagWatcher(const std::atomic<bool>* flag) {
    if (!flag) return;
    fd_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    usable_ = static_cast<bool>(fd_);
    if (usable_) thread_ = std::thread([this, flag] { Watch(*flag); });
  }
  ~FlagWatcher() {
    {
      std::lock_guard lock(mutex_);
      done_ = true;
    }
    ended_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  // False: there is a flag, and no descriptor could be had for it.
  bool usable() const { return usable_; }
  int fd() const { return fd_.get(); }

 private:
  void Watch(const std::atomic<bool>& flag) {
    std::unique_lock lock(mutex_);
    while (!done_ && !flag) ended_.wait_for(lock, std::chrono::milliseconds(50));
    // The counter is 0 and the descriptor ours: this write has no reason to fail.
    const uint64_t one = 1;
    if (!done_ && write(fd_.get(), &one, sizeof one) < 0) return;
  }

  Fd fd_;
  bool usable_ = true;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::thread thread_;
};

// Programs like to begin with an empty line; the reason is the first that says something.
std::string FirstLine(const std::string& err) {
  const size_t begin = err.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return OneLine(std::string_view(err).substr(begin, err.find('\n', begin) - begin), 300);
}

class CommandModel : public ChatModel {
 public:
  explicit CommandModel(ModelSpec spec) : spec_(std::move(spec)) {}

  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) override {
    ChatReply reply;
    // Starting the program may cost money already.
    if (cancel && *cancel) return Failed(std::move(reply), CallFailure::kCancelled, "the search is ending");
    const Nanos start = MonotonicNow();
    FlagWatcher watcher(cancel);
    if (!watcher.usable())
      return Failed(std::move(reply), CallFailure::kProgram,
                    "the command was not started: no file descriptor is left; raise `ulimit -n`");
    CommandOptions o;
    o.argv = {"/bin/sh", "-c", spec_.model};
    o.stdin_data = PromptText(request);
    o.wall_limit = spec_.timeout;
    o.max_stdout_bytes = request.max_reply_bytes;
    o.cancel_fd = watcher.fd();
    Result<CommandResult> run = RunCommand(o);
    reply.took = MonotonicNow() - start;
    if (!run.ok()) return Failed(std::move(reply), CallFailure::kProgram, run.error().message);
    reply.attempts = 1;
    reply.text = ToValidUtf8(run->out);
    return Judge(*run, request, std::move(reply));
  }

 private:
  ChatReply Judge(const CommandResult& run, const ChatRequest& request, ChatReply reply) const {
    if (run.cancelled) return Failed(std::move(reply), CallFailure::kCancelled, "the search is ending");
    // Before the time-out: a program that never stops writing is better named by that.
    if (run.out_truncated && (run.timed_out || run.exit.ok()))
      return Failed(std::move(reply), CallFailure::kTooLarge,
                    "the command wrote more than " + std::to_string(request.max_reply_bytes) + " bytes");
    if (run.timed_out)
      return Failed(std::move(reply), CallFailure::kTimeout,
                    "the command did not end within " + std::to_string(static_cast<int64_t>(spec_.timeout.s())) +
                        " s and was killed; let it limit itself to less");
    if (!run.exit.ok()) {
      const std::string how = run.exit.signal ? "ended by signal " + std::to_string(run.exit.signal)
                                              : "exit code " + std::to_string(run.exit.exit_code);
      const std::string why = FirstLine(run.err);
      return Failed(std::move(reply), CallFailure::kProgram, "command: " + how + (why.empty() ? "" : ": " + why));
    }
    if (reply.text.find_first_not_of(" \t\r\n") == std::string::npos)
      return Failed(std::move(reply), CallFailure::kEmpty, "the command wrote nothing");
    return reply;
  }

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
