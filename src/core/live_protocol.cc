#include "core/live_protocol.h"

#include <cstdlib>
#include <utility>

#include "base/json.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr std::pair<LiveRequest::Do, const char*> kWords[] = {{LiveRequest::Do::kDeploy, "deploy"},
                                                              {LiveRequest::Do::kRollback, "rollback"},
                                                              {LiveRequest::Do::kStop, "stop"},
                                                              {LiveRequest::Do::kStatus, "status"}};

// The task "NAME[PID" that ends at `end`, where its ']' is.
StalledTask TaskBefore(const std::string& text, size_t end) {
  const size_t open = text.rfind('[', end);
  StalledTask t;
  if (open == std::string::npos || open == 0) return t;
  char* rest = nullptr;
  const long pid = strtol(text.c_str() + open + 1, &rest, 10);
  if (rest != text.c_str() + end || pid <= 0 || pid > 1 << 22) return t;
  // A task's name has 15 characters at most and may have spaces.
  t.comm = text.substr(0, open);
  if (t.comm.size() > 15) t.comm = t.comm.substr(t.comm.size() - 15);
  t.pid = static_cast<int>(pid);
  return t;
}

Error Malformed() { return {kExitUsage, "not a request to a supervisor"}; }

}  // namespace

std::string EncodeLiveRequest(const LiveRequest& request) {
  json j;
  for (const auto& [what, word] : kWords)
    if (what == request.what) j["do"] = word;
  if (request.what == LiveRequest::Do::kDeploy) {
    j["object"] = request.object;
    j["partial"] = request.partial;
    if (!request.cgroup.empty()) j["cgroup"] = request.cgroup;
    j["timeout_ms"] = request.timeout_ms;
    j["tunables"] = request.tunables;
  }
  return j.dump();
}

Result<LiveRequest> DecodeLiveRequest(std::string_view text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("do") || !j["do"].is_string()) return Malformed();
  LiveRequest r;
  bool known = false;
  for (const auto& [what, word] : kWords)
    if (j["do"] == word) {
      r.what = what;
      known = true;
    }
  if (!known) return Malformed();
  if (r.what != LiveRequest::Do::kDeploy) return r;
  if (!j.contains("object") || !j["object"].is_string()) return Malformed();
  r.object = j["object"];
  if (!r.object.starts_with('/')) return Malformed();  // the two sides may stand in different folders
  if (auto partial = j.find("partial"); partial != j.end()) {
    if (!partial->is_boolean()) return Malformed();
    r.partial = *partial;
  }
  if (auto cgroup = j.find("cgroup"); cgroup != j.end()) {
    if (!cgroup->is_string()) return Malformed();
    r.cgroup = *cgroup;
  }
  if (auto timeout = j.find("timeout_ms"); timeout != j.end()) {
    const auto n = WholeNumber<uint32_t>(*timeout);
    if (!n || *n < 1 || *n > 30000) return Malformed();
    r.timeout_ms = *n;
  }
  if (auto tunables = j.find("tunables"); tunables != j.end()) {
    if (!tunables->is_object()) return Malformed();
    for (const auto& [name, value] : tunables->items()) {
      const auto n = WholeNumber<int64_t>(value);
      if (!n) return Malformed();
      r.tunables[name] = *n;
    }
  }
  return r;
}

std::string EncodeLiveReply(const Result<std::string>& status) {
  const auto lenient = json::error_handler_t::replace;
  if (!status.ok()) return json{{"ok", false}, {"code", status.error().code}, {"error", status.error().message}}.dump(-1, ' ', false, lenient);
  json parsed = json::parse(*status, nullptr, false);
  return json{{"ok", true}, {"status", std::move(parsed)}}.dump(-1, ' ', false, lenient);
}

Result<std::string> DecodeLiveReply(std::string_view text) {
  const json j = json::parse(text, nullptr, false);
  if (j.is_object() && j.value("ok", json()) == true && j.contains("status")) return j["status"].dump();
  if (j.is_object() && j.value("error", json()).is_string())
    if (const auto code = WholeNumber<int>(j.value("code", json()))) return Error{*code, j["error"].get<std::string>()};
  return Error{kExitIo, "the supervisor's answer makes no sense"};
}

StalledTask FindStalledTask(const std::string& message, const std::string& dump) {
  const std::string marker = "] failed to run for ";
  if (const size_t end = message.find(marker); end != std::string::npos)
    if (StalledTask t = TaskBefore(message, end); t.pid) {
      t.waited_s = strtod(message.c_str() + end + marker.size(), nullptr);
      return t;
    }
  StalledTask longest;
  for (size_t at = 0; (at = dump.find("] -", at)) != std::string::npos; ++at) {
    size_t begin = dump.rfind('\n', at);
    begin = begin == std::string::npos ? 0 : begin + 1;
    const std::string line = dump.substr(begin, dump.find('\n', at) - begin);
    const size_t state = line.find("R ");
    if (state == std::string::npos || line.find_first_not_of(" *") != state) continue;
    const std::string text = line.substr(state + 2);
    const size_t end = text.find("] -");
    StalledTask t = TaskBefore(text, end);
    if (!t.pid) continue;
    t.waited_s = strtod(text.c_str() + end + 3, nullptr) / 1e3;
    if (t.waited_s > longest.waited_s) longest = t;
  }
  return longest;
}

}  // namespace ose
