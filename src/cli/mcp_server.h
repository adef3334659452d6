// McpServer: the Model Context Protocol, server side, as a function from the client's messages to
// ours. JSON-RPC 2.0, one message a line (specification 2025-06-18, "Transports", stdio); it reads
// and writes nothing itself and starts no threads. What the tools do is src/cli/mcp_tools.h.
//
// Everything a client sends is data of unknown quality: a message that cannot be understood gets an
// error with the reason, and the next one is looked at afresh.
//
// Threads: any method from any thread.
#ifndef OSEVOLVE_CLI_MCP_SERVER_H_
#define OSEVOLVE_CLI_MCP_SERVER_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ose {

struct McpTool {
  std::string name, title, description;
  // JSON Schema of an object: properties with "type" string, integer, number or boolean, and as
  // needed "enum", "minimum", "maximum"; "required". Others are not looked at.
  nlohmann::json input_schema;
  bool read_only = false;
};

struct McpResource {
  std::string uri, name, description, mime_type;
};

// What a server has; fixed for its lifetime.
struct McpOffer {
  std::string instructions;  // how the tools work together, for the model
  std::vector<McpTool> tools;
  std::vector<McpResource> resources;
  std::function<Result<std::string>(const std::string& uri)> read_resource;  // of `resources` only
};

// A call that is to be run, and then answered with Finish.
struct McpCall {
  nlohmann::json id;
  std::string tool;
  nlohmann::json arguments;       // an object that fits the tool's schema
  nlohmann::json progress_token;  // null: the client wants no progress
  std::shared_ptr<std::atomic<bool>> cancelled;
  int progress = 0;  // notifications sent
};

struct McpToolResult {
  nlohmann::json structured;  // an object
  std::string text;           // for the model; "" = `structured` as text
  bool is_error = false;
};
McpToolResult McpFailure(const Error& error);

class McpServer {
 public:
  static constexpr size_t kMaxMessage = 16 << 20;
  static constexpr int kMaxDepth = 64;
  static constexpr size_t kMaxCalls = 64;  // not answered yet

  explicit McpServer(McpOffer offer) : offer_(std::move(offer)) {}

  struct Received {
    std::vector<std::string> send;  // at once; without newline
    std::optional<McpCall> call;
  };
  // One line without its newline.
  Received Receive(std::string_view line);
  // The answer to a line longer than kMaxMessage.
  static std::string TooLong();

  // A notification that the call goes on; "" when the client wants none.
  static std::string Progress(McpCall& call, const std::string& message);
  // The answer; "" when the client has cancelled the call, which ends it all the same.
  std::string Finish(const McpCall& call, const McpToolResult& result);
  // As if the client had cancelled every call.
  void CancelAll();

  // The client's name as it gave it, for the log.
  std::string client();

 private:
  std::string Request(const nlohmann::json& id, const std::string& method, const nlohmann::json& params, Received& received);
  std::string Initialize(const nlohmann::json& id, const nlohmann::json& params);
  std::string ListTools(const nlohmann::json& id) const;
  std::string ReadResource(const nlohmann::json& id, const nlohmann::json& params) const;
  std::string Call(const nlohmann::json& id, const nlohmann::json& params, Received& received);

  const McpOffer offer_;
  std::mutex mutex_;  // guards all below
  bool initialized_ = false;
  std::string client_;
  std::map<std::string, std::shared_ptr<std::atomic<bool>>> calls_;  // by id as text
};

// Whether the arguments fit the schema (see McpTool): names the argument and what it should be.
Status CheckArguments(const nlohmann::json& schema, const nlohmann::json& arguments);

// Bytes -> lines, with a bound on what is kept of a line that does not end.
class McpLines {
 public:
  // Calls `line` for each complete line; too_long stands for one beyond kMaxMessage, whose text is
  // dropped.
  void Feed(std::string_view bytes, const std::function<void(std::string_view line, bool too_long)>& line);

 private:
  std::string kept_;
  bool too_long_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_CLI_MCP_SERVER_H_
