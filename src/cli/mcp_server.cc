#include "cli/mcp_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/edit_distance.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

// Newest first: what is offered to a client that asks for one we do not know.
constexpr std::array kVersions = {"2025-06-18", "2025-03-26", "2024-11-05"};

constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601, kInvalidParams = -32602, kBusy = -32000,
              kResourceNotFound = -32002;

constexpr size_t kLongestName = 60;

std::string Text(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string Reply(const json& id, json result) { return Text({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}}); }

std::string Failure(const json& id, int code, const std::string& message) {
  return Text({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
}

// Before anything recursive sees it. Brackets in strings do not count.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > McpServer::kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// The string member, or "".
std::string StringIn(const json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// A client's word, as a message repeats it.
std::string Shown(const std::string& word) { return word.size() <= kLongestName ? word : word.substr(0, kLongestName) + "..."; }

// What is longer is no slip of the pen, and costs too much to compare.
std::string Meant(const std::string& word, const std::vector<std::string>& names) {
  return word.size() <= kLongestName ? DidYouMean(word, names) : "";
}

bool IsId(const json& id) { return id.is_string() || id.is_number_integer(); }

}  // namespace

McpToolResult McpFailure(const Error& error) {
  return {{{"error", {{"code", error.code}, {"message", error.message}}}}, error.message, true};
}

std::string McpServer::TooLong() {
  return Failure(nullptr, kInvalidRequest, fmt::format("the message is longer than {} MiB and was skipped", kMaxMessage >> 20));
}

McpServer::Received McpServer::Receive(std::string_view line) {
  Received received;
  auto refuse = [&](const json& id, int code, const std::string& message) {
    received.send.push_back(Failure(id, code, message));
    return received;
  };
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return received;
  if (line.size() > kMaxMessage) {
    received.send.push_back(TooLong());
    return received;
  }
  if (TooDeep(line)) return refuse(nullptr, kInvalidRequest, fmt::format("the message is nested deeper than {} levels", kMaxDepth));
  const json message = json::parse(line, nullptr, false);
  if (message.is_discarded()) return refuse(nullptr, kParseError, "the message is not JSON in UTF-8, one message a line");
  if (message.is_array()) return refuse(nullptr, kInvalidRequest, "batches are not supported: send each message on a line of its own");
  if (!message.is_object()) return refuse(nullptr, kInvalidRequest, "a message is a JSON object");

  const auto id_at = message.find("id");
  const json id = id_at != message.end() && IsId(*id_at) ? *id_at : json();
  const auto method_at = message.find("method");
  // We ask nothing, so an answer is to nothing of ours.
  if (method_at == message.end() && (message.contains("result") || message.contains("error"))) return received;
  if (StringIn(message, "jsonrpc") != "2.0") return refuse(id, kInvalidRequest, "\"jsonrpc\" must be \"2.0\"");
  if (method_at == message.end() || !method_at->is_string()) return refuse(id, kInvalidRequest, "\"method\" must be a string");
  if (id_at != message.end() && id.is_null()) return refuse(id, kInvalidRequest, "\"id\" must be a string or an integer");
  const std::string method = method_at->get<std::string>();
  const auto params_at = message.find("params");
  const json params = params_at == message.end() ? json::object() : *params_at;

  if (id.is_null()) {  // a notification: never answered
    if (method == "notifications/cancelled" && params.is_object()) {
      std::lock_guard lock(mutex_);
      if (auto it = params.find("requestId"); it != params.end())
        if (auto call = calls_.find(Text(*it)); call != calls_.end()) *call->second = true;
    }
    return received;
  }
  if (!params.is_object()) return refuse(id, kInvalidParams, "\"params\" must be an object");
  if (std::string reply = Request(id, method, params, received); !reply.empty()) received.send.push_back(std::move(reply));
  return received;
}

std::string McpServer::Request(const json& id, const std::string& method, const json& params, Received& received) {
  if (method == "ping") return Reply(id, json::object());
  if (method == "initialize") return Initialize(id, params);
  {
    std::lock_guard lock(mutex_);
    if (!initialized_) return Failure(id, kInvalidRequest, "the first request must be initialize");
  }
  // Lists are short and come whole.
  if (method.ends_with("/list") && params.contains("cursor")) return Failure(id, kInvalidParams, "unknown cursor: there is one page only");
  if (method == "tools/list") return ListTools(id);
  if (method == "tools/call") return Call(id, params, received);
  if (method == "resources/list") {
    json list = json::array();
    for (const McpResource& r : offer_.resources)
      list.push_back({{"uri", r.uri}, {"name", r.name}, {"description", r.description}, {"mimeType", r.mime_type}});
    return Reply(id, {{"resources", list}});
  }
  if (method == "resources/templates/list") return Reply(id, {{"resourceTemplates", json::array()}});
  if (method == "resources/read") return ReadResource(id, params);
  return Failure(id, kMethodNotFound, "unknown method '" + Shown(method) + "'");
}

std::string McpServer::Initialize(const json& id, const json& params) {
  const std::string wanted = StringIn(params, "protocolVersion");
  if (wanted.empty()) return Failure(id, kInvalidParams, "initialize needs \"protocolVersion\", a string");
  std::lock_guard lock(mutex_);
  if (initialized_) return Failure(id, kInvalidRequest, "this session is initialized already");
  initialized_ = true;
  if (auto it = params.find("clientInfo"); it != params.end() && it->is_object()) client_ = StringIn(*it, "name");
  const bool known = std::find(kVersions.begin(), kVersions.end(), wanted) != kVersions.end();
  return Reply(id, {{"protocolVersion", known ? wanted : kVersions[0]},
                    {"capabilities", {{"tools", json::object()}, {"resources", json::object()}}},
                    {"serverInfo", {{"name", "osevolve"}, {"title", "OS-Evolve"}, {"version", "0.1.0"}}},
                    {"instructions", offer_.instructions}});
}

std::string McpServer::ListTools(const json& id) const {
  json list = json::array();
  for (const McpTool& t : offer_.tools)
    list.push_back({{"name", t.name},
                    {"title", t.title},
                    {"description", t.description},
                    {"inputSchema", t.input_schema},
                    {"annotations", {{"title", t.title}, {"readOnlyHint", t.read_only}, {"destructiveHint", false}, {"openWorldHint", false}}}});
  return Reply(id, {{"tools", list}});
}

std::string McpServer::ReadResource(const json& id, const json& params) const {
  const std::string uri = StringIn(params, "uri");
  for (const McpResource& r : offer_.resources) {
    if (r.uri != uri) continue;
    Result<std::string> text = offer_.read_resource(uri);
    if (!text.ok()) return Failure(id, kResourceNotFound, text.error().message);
    return Reply(id, {{"contents", json::array({json{{"uri", uri}, {"mimeType", r.mime_type}, {"text", *text}}})}});
  }
  return Failure(id, kResourceNotFound, "no resource '" + Shown(uri) + "'");
}

std::string McpServer::Call(const json& id, const json& params, Received& received) {
  const std::string name = StringIn(params, "name");
  if (name.empty()) return Failure(id, kInvalidParams, "tools/call needs \"name\", a string");
  const auto tool = std::find_if(offer_.tools.begin(), offer_.tools.end(), [&](const McpTool& t) { return t.name == name; });
  if (tool == offer_.tools.end()) {
    std::vector<std::string> names;
    for (const McpTool& t : offer_.tools) names.push_back(t.name);
    return Failure(id, kInvalidParams, "unknown tool '" + Shown(name) + "'" + Meant(name, names));
  }
  McpCall call{.id = id, .tool = name, .arguments = json::object(), .progress_token = {}, .cancelled = std::make_shared<std::atomic<bool>>(false)};
  if (auto it = params.find("arguments"); it != params.end() && !it->is_null()) {
    if (!it->is_object()) return Failure(id, kInvalidParams, "\"arguments\" must be an object");
    call.arguments = *it;
  }
  if (auto meta = params.find("_meta"); meta != params.end() && meta->is_object())
    if (auto token = meta->find("progressToken"); token != meta->end() && IsId(*token)) call.progress_token = *token;
  {
    std::lock_guard lock(mutex_);
    if (calls_.size() >= kMaxCalls) return Failure(id, kBusy, fmt::format("{} calls are waiting for their answers; send this one later", kMaxCalls));
    if (!calls_.emplace(Text(id), call.cancelled).second) return Failure(id, kInvalidRequest, "a call with this id is not answered yet");
  }
  // To the model, not to its program: it can correct this itself.
  if (Status fits = CheckArguments(tool->input_schema, call.arguments); !fits.ok())
    return Finish(call, McpFailure({kExitUsage, name + ": " + fits.error().message}));
  received.call = std::move(call);
  return "";
}

std::string McpServer::Progress(McpCall& call, const std::string& message) {
  if (call.progress_token.is_null() || *call.cancelled) return "";
  return Text({{"jsonrpc", "2.0"},
               {"method", "notifications/progress"},
               {"params", {{"progressToken", call.progress_token}, {"progress", ++call.progress}, {"message", message}}}});
}

std::string McpServer::Finish(const McpCall& call, const McpToolResult& result) {
  std::lock_guard lock(mutex_);
  calls_.erase(Text(call.id));
  if (*call.cancelled) return "";
  const std::string text = result.text.empty() ? result.structured.dump(2, ' ', false, json::error_handler_t::replace) : result.text;
  json reply = {{"content", json::array({json{{"type", "text"}, {"text", text}}})}, {"structuredContent", result.structured}, {"isError", result.is_error}};
  return Reply(call.id, std::move(reply));
}

void McpServer::CancelAll() {
  std::lock_guard lock(mutex_);
  for (auto& [id, cancelled] : calls_) *cancelled = true;
}

std::string McpServer::client() {
  std::lock_guard lock(mutex_);
  return client_;
}

Status CheckArguments(const json& schema, const json& arguments) {
  const json& properties = schema.at("properties");
  std::vector<std::string> known;
  for (auto& [name, property] : properties.items()) known.push_back(name);
  for (auto& [name, value] : arguments.items()) {
    if (!properties.contains(name)) {
      std::string hint = Meant(name, known);
      if (hint.empty()) hint = known.empty() ? "; it takes none" : fmt::format("; there are {}", fmt::join(known, ", "));
      return Error{kExitUsage, "unknown argument '" + Shown(name) + "'" + hint};
    }
    const json& property = properties.at(name);
    const std::string type = property.at("type");
    const bool fits = type == "string"    ? value.is_string()
                      : type == "integer" ? value.is_number_integer()
                      : type == "number"  ? value.is_number()
                                          : value.is_boolean();
    if (!fits) return Error{kExitUsage, fmt::format("'{}' must be {} {}", name, type == "integer" ? "an" : "a", type)};
    if (auto values = property.find("enum"); values != property.end() && std::find(values->begin(), values->end(), value) == values->end())
      return Error{kExitUsage, fmt::format("'{}' must be one of {}", name, Text(*values))};
    if (auto least = property.find("minimum"); least != property.end() && value < *least)
      return Error{kExitUsage, fmt::format("'{}' must be at least {}", name, Text(*least))};
    if (auto most = property.find("maximum"); most != property.end() && value > *most)
      return Error{kExitUsage, fmt::format("'{}' must be at most {}", name, Text(*most))};
  }
  if (auto required = schema.find("required"); required != schema.end())
    for (const std::string name : *required)
      if (!arguments.contains(name)) return Error{kExitUsage, "'" + name + "' is missing"};
  return {};
}

void McpLines::Feed(std::string_view bytes, const std::function<void(std::string_view line, bool too_long)>& line) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (!too_long_ && kept_.size() + part.size() > McpServer::kMaxMessage) {
      too_long_ = true;
      std::string().swap(kept_);
    }
    if (!too_long_) kept_ += part;
    if (end == std::string_view::npos) return;
    line(kept_, too_long_);
    kept_.clear();
    too_long_ = false;
    bytes.remove_prefix(end + 1);
  }
}

}  // namespace ose
