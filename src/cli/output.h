// Output: results on stdout, progress and messages on stderr.
#ifndef OSEVOLVE_CLI_OUTPUT_H_
#define OSEVOLVE_CLI_OUTPUT_H_

#include <atomic>
#include <chrono>
#include <future>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "core/exit_code.h"

namespace ose {

// Flags that every command has.
struct CommonFlags {
  bool json = false;
  bool quiet = false;
};

void PrintJson(const nlohmann::json& j);
// "osevolve: error: ..." on stderr and, with --json, {"error":{"code","message"}} on stdout;
// nothing when the message is empty: the command has said it.
void PrintError(const Error& error, const CommonFlags& flags);
void PrintNote(const std::string& text, const CommonFlags& flags);

// A line that is rewritten on a terminal, a plain line every few seconds elsewhere, nothing when
// quiet.
class ProgressLine {
 public:
  explicit ProgressLine(const CommonFlags& flags);
  ~ProgressLine() { Clear(); }
  void Show(const std::string& text, bool force = false);
  void Clear();

 private:
  bool quiet_, terminal_, shown_ = false;
  Nanos last_{-1'000'000'000'000};
};

// Set by SIGINT or SIGTERM; a second one ends the process at once.
const std::atomic<bool>& StopOnSignals();

// Waits for `future`, calling `meanwhile` ten times a second; kExitInterrupted after a signal.
template <class T, class F>
Status Await(const std::future<T>& future, F&& meanwhile) {
  while (future.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
    meanwhile();
    if (StopOnSignals()) return Error{kExitInterrupted, "interrupted"};
  }
  return {};
}

}  // namespace ose

#endif  // OSEVOLVE_CLI_OUTPUT_H_
