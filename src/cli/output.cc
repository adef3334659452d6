#include "cli/output.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "base/json.h"
#include "core/exit_code.h"
#include "report/table.h"

namespace ose {
namespace {

// A signal handler has nothing else to write to.
std::atomic<bool> g_stop{false};

void OnStop(int) {
  if (g_stop.exchange(true)) _exit(kExitInterrupted);
}

}  // namespace

void PrintJson(const nlohmann::json& j) {
  fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void PrintError(const Error& error, const CommonFlags& flags) {
  if (error.message.empty()) return;
  std::string text = Printable(error.message);
  while (text.ends_with('\n')) text.pop_back();
  fmt::print(stderr, "osevolve: error: {}\n", text);
  if (flags.json) PrintJson({{"error", {{"code", error.code}, {"message", error.message}}}});
}

void PrintNote(const std::string& text, const CommonFlags& flags) {
  if (!flags.quiet) fmt::print(stderr, "osevolve: {}\n", Printable(text));
}

ProgressLine::ProgressLine(const CommonFlags& flags) : quiet_(flags.quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

void ProgressLine::Show(const std::string& text, bool force) {
  if (quiet_) return;
  Nanos now = MonotonicNow();
  if (!force && now - last_ < (terminal_ ? Nanos::Millis(100) : Nanos::Seconds(5))) return;
  last_ = now;
  if (!terminal_) {
    fmt::print(stderr, "{}\n", text);
    return;
  }
  winsize size{};
  size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  std::string line = text;
  while (TextWidth(line) >= width) line.pop_back();
  fmt::print(stderr, "\r\033[K{}", line);
  fflush(stderr);
  shown_ = true;
}

void ProgressLine::Clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  shown_ = false;
}

const std::atomic<bool>& StopOnSignals() {
  struct sigaction action{};
  action.sa_handler = OnStop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // The terminal went away; not under nohup.
  struct sigaction hang_up{};
  if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  return g_stop;
}

}  // namespace ose
