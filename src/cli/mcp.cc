// osevolve mcp: a Model Context Protocol server on stdin and stdout. One thread reads, so that a
// call can be cancelled while it runs; another one runs the calls, in order.
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/mcp_server.h"
#include "cli/mcp_tools.h"
#include "core/exit_code.h"

namespace ose {
namespace {

// Whole lines, from any thread.
class Output {
 public:
  explicit Output(Fd fd) : fd_(std::move(fd)) {}
  void Write(std::string line) {
    if (line.empty()) return;
    line += '\n';
    std::lock_guard lock(mutex_);
    for (size_t at = 0; at < line.size() && !error_;) {
      const ssize_t n = write(fd_.get(), line.data() + at, line.size() - at);
      if (n >= 0) at += static_cast<size_t>(n);
      else if (errno != EINTR) error_ = errno;
    }
  }
  int error() {
    std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  std::mutex mutex_;
  Fd fd_;
  int error_ = 0;
};

// Runs calls in the order in which they came.
class Runner {
 public:
  Runner(McpServer& server, McpTools& tools, Output& out, const CommonFlags& common)
      : server_(server), tools_(tools), out_(out), common_(common), thread_([this] { Main(); }) {}
  // Runs what is waiting, then ends.
  ~Runner() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void Add(McpCall call) {
    {
      std::lock_guard lock(mutex_);
      calls_.push_back(std::move(call));
    }
    wake_.notify_one();
  }
  // Whether nothing is running or waiting, at the latest after `limit`.
  bool WaitIdle(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, limit, [&] { return calls_.empty() && !running_; });
  }

 private:
  void Main() {
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return ending_ || !calls_.empty(); });
      if (calls_.empty()) return;
      McpCall call = std::move(calls_.front());
      calls_.pop_front();
      running_ = true;
      lock.unlock();
      Run(call);
      lock.lock();
      running_ = false;
      idle_.notify_all();
    }
  }

  void Run(McpCall& call) {
    McpToolResult result = McpFailure({kExitInterrupted, "cancelled"});
    if (!*call.cancelled) {
      McpControl control;
      control.cancelled = call.cancelled.get();
      control.progress = [&](const std::string& message) { out_.Write(McpServer::Progress(call, message)); };
      try {
        result = tools_.Call(call.tool, call.arguments, control);
      } catch (const std::exception& e) {
        result = McpFailure({kExitInternal, std::string("internal error: ") + e.what()});
      }
    }
    if (result.is_error) PrintNote(call.tool + ": " + result.text, common_);
    out_.Write(server_.Finish(call, result));
  }

  McpServer& server_;
  McpTools& tools_;
  Output& out_;
  const CommonFlags common_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<McpCall> calls_;
  bool running_ = false, ending_ = false;
  std::thread thread_;
};

Status Serve(const McpToolsOptions& options, const CommonFlags& common) {
  const std::atomic<bool>& stop = StopOnSignals();
  OSE_ASSIGN(Context context, Context::Find());
  if (!options.prompts.empty()) OSE_TRY(PromptTemplates::Load(context.root + "/prompts", options.prompts));
  if (isatty(STDIN_FILENO))
    PrintNote("waiting for a Model Context Protocol client on stdin; docs/mcp.md says how to connect one", common);
  // Nothing but the protocol goes to stdout, whoever may print.
  Output out(Fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)));
  dup2(STDERR_FILENO, STDOUT_FILENO);

  McpTools tools(context, options);
  McpServer server(tools.Offer());
  Status status;
  {
    Runner runner(server, tools, out, common);
    McpLines lines;
    std::vector<char> buffer(1 << 16);
    for (;;) {
      // A signal ends it also while nothing comes in, and so does a client that no longer listens.
      if (stop || out.error()) break;
      pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (poll(&in, 1, 200) <= 0) continue;
      const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0) status = Error{kExitIo, fmt::format("cannot read stdin: {}", strerror(errno))};
      if (n <= 0) break;
      lines.Feed({buffer.data(), static_cast<size_t>(n)}, [&](std::string_view line, bool too_long) {
        if (too_long) return out.Write(McpServer::TooLong());
        McpServer::Received received = server.Receive(line);
        for (std::string& message : received.send) out.Write(std::move(message));
        if (received.call) runner.Add(std::move(*received.call));
      });
    }
    // At the end of the input, what was asked is still answered, unless we are told to stop.
    while (!stop && !out.error() && !runner.WaitIdle(std::chrono::milliseconds(200))) {
    }
    if (stop || out.error()) server.CancelAll();
  }
  // A client that has gone is told nothing.
  if (out.error()) return Error{kExitIo, out.error() == EPIPE ? "" : fmt::format("cannot write to stdout: {}", strerror(out.error()))};
  return status;
}

}  // namespace

void RegisterMcp(CLI::App& app, Command& command) {
  auto options = std::make_shared<McpToolsOptions>();
  CLI::App* sub = app.add_subcommand("mcp", "Serve the Model Context Protocol on stdin and stdout: a coding agent drives an evolution.");
  sub->add_option("-j,--jobs", options->jobs, "workers of a run; default: one per CPU")->check(CLI::Range(1, 256));
  sub->add_option("--kb", options->kb, "knowledge base file; default: knowledge.db in the state folder");
  sub->add_option("--prompts", options->prompts, "folder of prompt templates that replace those of prompts/");
  sub->add_flag("--no-kb", options->no_kb, "neither start from the knowledge base nor archive winners");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  {\"mcpServers\": {\"osevolve\": {\"command\": \"/path/to/osevolve\", \"args\": [\"mcp\"]}}}\n"
              "          in the client's configuration; runs are made in the folder it is started in. More: docs/mcp.md");
  sub->callback([options, &command] { command.run = [options, &command] { return Serve(*options, command.flags); }; });
}

}  // namespace ose
