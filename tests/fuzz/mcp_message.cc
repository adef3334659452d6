// Whatever a client sends, an MCP server answers with JSON-RPC or keeps silent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cli/mcp_server.h"

namespace {

using nlohmann::json;

void Check(bool ok) {
  if (!ok) abort();
}

void CheckMessage(const std::string& text) {
  Check(text.find('\n') == std::string::npos);
  const json message = json::parse(text, nullptr, false);
  Check(message.is_object() && message.at("jsonrpc") == "2.0");
  Check(message.contains("result") + message.contains("error") + message.contains("method") == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ose::McpOffer offer;
  offer.tools = {{"t", "T", "a tool",
                  json::parse(R"({"type":"object","properties":{"s":{"type":"string","enum":["a","b"]},"i":{"type":"integer","minimum":0,"maximum":9},
                                  "n":{"type":"number"},"b":{"type":"boolean"}},"required":["s"]})"),
                  false}};
  offer.resources = {{"osevolve://x", "x", "an x", "text/plain"}};
  offer.read_resource = [](const std::string&) -> ose::Result<std::string> { return std::string("x"); };
  ose::McpServer server(offer);
  ose::McpLines lines;
  auto line = [&](std::string_view text, bool too_long) {
    if (too_long) return;
    ose::McpServer::Received received = server.Receive(text);
    for (const std::string& message : received.send) CheckMessage(message);
    if (!received.call) return;
    ose::McpCall& call = *received.call;
    Check(call.tool == "t" && call.arguments.is_object() && call.arguments.contains("s"));
    if (const std::string progress = ose::McpServer::Progress(call, "m"); !progress.empty()) CheckMessage(progress);
    // Some calls stay open, so that ids and cancellations meet.
    if (call.arguments.contains("b")) return;
    if (const std::string reply = server.Finish(call, {call.arguments, "", false}); !reply.empty()) CheckMessage(reply);
  };
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  lines.Feed(bytes.substr(0, size / 3), line);
  lines.Feed(bytes.substr(size / 3), line);
  lines.Feed("\n", line);
  return 0;
}
