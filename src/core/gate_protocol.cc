#include "core/gate_protocol.h"

#include <fmt/format.h>

#include "base/json.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

// Untrusted text may hold invalid UTF-8; it is shown with replacement characters.
std::string Dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

Error Malformed(std::string_view what, const char* why) {
  return Error{kExitInternal, fmt::format("osevolve-gate: malformed {}: {}", what, why)};
}

}  // namespace

std::string GateResponse::Text(std::string_view file, int limit) const {
  std::string out;
  for (const GateViolation& v : violations) {
    if (limit-- == 0) {
      out += "...\n";
      break;
    }
    if (v.line > 0)
      out += fmt::format("{}:{}:{}: {}: {}\n", file, v.line, v.column, v.rule, v.message);
    else
      out += fmt::format("{}: {}: {}\n", file, v.rule, v.message);
  }
  return out;
}

std::string EncodeGateRequest(const GateRequest& request) {
  json j = {{"source", request.source}, {"file", request.file}, {"hosted", request.hosted}};
  if (request.skeleton_of) j["skeleton_of"] = *request.skeleton_of;
  return Dump(j);
}

Result<GateRequest> DecodeGateRequest(std::string_view text) {
  try {
    json j = json::parse(text);
    GateRequest r;
    r.source = j.at("source").get<std::string>();
    r.file = j.value("file", r.file);
    r.hosted = j.value("hosted", false);
    if (j.contains("skeleton_of") && !j["skeleton_of"].is_null())
      r.skeleton_of = j["skeleton_of"].get<std::string>();
    return r;
  } catch (const json::exception& e) {
    return Malformed("request", e.what());
  }
}

std::string EncodeGateResponse(const GateResponse& response) {
  json violations = json::array();
  for (const GateViolation& v : response.violations)
    violations.push_back({{"rule", v.rule}, {"line", v.line}, {"column", v.column}, {"message", v.message}});
  return Dump({{"ok", response.ok}, {"violations", std::move(violations)}});
}

Result<GateResponse> DecodeGateResponse(std::string_view text) {
  try {
    json j = json::parse(text);
    GateResponse r;
    r.ok = j.at("ok").get<bool>();
    for (const json& v : j.at("violations"))
      r.violations.push_back({v.at("rule").get<std::string>(), v.at("line").get<int>(),
                              v.at("column").get<int>(), v.at("message").get<std::string>()});
    return r;
  } catch (const json::exception& e) {
    return Malformed("response", e.what());
  }
}

}  // namespace ose
