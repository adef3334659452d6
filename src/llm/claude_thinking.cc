// Claude API documentation, "Adaptive thinking", "Effort" and "Extended thinking".
#include "llm/claude_thinking.h"

#include <algorithm>

#include "base/json.h"

namespace ose {
namespace {

constexpr int64_t kMinBudget = 1024;

int64_t Budget(std::string_view effort) {
  if (effort == "minimal") return kMinBudget;
  if (effort == "low") return 4'096;
  if (effort == "medium") return 8'192;
  return 16'384;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsAdaptive(std::string_view model) {
  return ClaudeVersion(model) >= 406 || model.find("claude-mythos") != std::string_view::npos;
}

}  // namespace

int ClaudeVersion(std::string_view model) {
  const size_t name = model.find("claude-");
  if (name == std::string_view::npos) return 0;
  model.remove_prefix(name + 7);
  // Numbers of one or two digits between '-' or '.'; longer ones are dates.
  int version[2] = {0, 0}, found = 0;
  for (size_t i = 0; i < model.size() && found < 2;) {
    size_t end = model.find_first_of("-.:@", i);
    if (end == std::string_view::npos) end = model.size();
    const std::string_view part = model.substr(i, end - i);
    const bool number = !part.empty() && part.size() <= 2 && std::all_of(part.begin(), part.end(), IsDigit);
    if (number) {
      for (char c : part) version[found] = version[found] * 10 + (c - '0');
      ++found;
    } else if (found == 1) {
      break;  // "claude-sonnet-4-20250514" is 4.0
    }
    i = end + 1;
  }
  return version[0] * 100 + version[1];
}

nlohmann::json ClaudeThinking(std::string_view model, const ChatRequest& request) {
  nlohmann::json members = nlohmann::json::object();
  if (request.effort.empty()) return members;
  if (IsAdaptive(model)) {
    members["thinking"] = {{"type", "adaptive"}};
    members["output_config"] = {{"effort", request.effort == "minimal" ? "low" : request.effort}};
    return members;
  }
  // Before 3.7 there is no thinking. A quarter of max_tokens at least is left for the reply.
  const int version = ClaudeVersion(model);
  const int64_t budget = std::min(Budget(request.effort), request.max_output_tokens * 3 / 4);
  if ((version != 0 && version < 307) || budget < kMinBudget) return members;
  members["thinking"] = {{"type", "enabled"}, {"budget_tokens", budget}};
  return members;
}

bool ClaudeTakesTemperature(std::string_view model, bool thinking) {
  return !thinking && ClaudeVersion(model) < 407 && model.find("claude-mythos") == std::string_view::npos;
}

}  // namespace ose
