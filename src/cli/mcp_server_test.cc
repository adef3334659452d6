#include "cli/mcp_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;
using testing::HasSubstr;

McpOffer Offer() {
  McpOffer o;
  o.instructions = "how to";
  o.tools = {{"measure", "Measure", "Measures a thing.",
              json::parse(R"({"type":"object","properties":{"what":{"type":"string","enum":["a","b"]},"times":{"type":"integer","minimum":1,"maximum":9},
                              "deep":{"type":"boolean"},"scale":{"type":"number"}},"required":["what"],"additionalProperties":false})"),
              true}};
  o.resources = {{"osevolve://x", "x", "an x", "text/plain"}, {"osevolve://gone", "gone", "is not there", "text/plain"}};
  o.read_resource = [](const std::string& uri) -> Result<std::string> {
    if (uri == "osevolve://x") return std::string("the x");
    return Error{kExitIo, "cannot read it"};
  };
  return o;
}

class McpServerTest : public testing::Test {
 protected:
  McpServerTest() : server_(Offer()) {}

  // The one answer to a line; null when there is none.
  json Ask(const std::string& line) {
    McpServer::Received r = server_.Receive(line);
    EXPECT_LE(r.send.size(), 1u);
    EXPECT_FALSE(r.call);
    return r.send.empty() ? json() : json::parse(r.send[0]);
  }
  int CodeOf(const std::string& line) {
    json j = Ask(line);
    if (!j.contains("error")) ADD_FAILURE() << line << " gives " << j.dump();
    return j.contains("error") ? j["error"]["code"].get<int>() : 0;
  }
  void Initialize(const std::string& version = "2025-06-18") {
    json j = Ask(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":")" + version +
                 R"(","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}})");
    ASSERT_TRUE(j.contains("result")) << j.dump();
    Ask(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  }
  McpCall Call(const std::string& id, const std::string& arguments = R"({"what":"a"})", const std::string& meta = "{}") {
    McpServer::Received r = server_.Receive(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":"measure","arguments":)" +
                                            arguments + R"(,"_meta":)" + meta + "}}");
    EXPECT_TRUE(r.send.empty()) << r.send[0];
    EXPECT_TRUE(r.call);
    return r.call.value_or(McpCall{});
  }

  McpServer server_;
};

TEST_F(McpServerTest, AgreesOnAVersion) {
  for (const char* version : {"2025-06-18", "2025-03-26", "2024-11-05"}) {
    McpServer server(Offer());
    json j = json::parse(server.Receive(std::string(R"({"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":")") + version + "\"}}").send[0]);
    EXPECT_EQ(j["id"], "a");
    EXPECT_EQ(j["result"]["protocolVersion"], version);
    EXPECT_TRUE(j["result"]["capabilities"].contains("tools"));
    EXPECT_EQ(j["result"]["serverInfo"]["name"], "osevolve");
    EXPECT_EQ(j["result"]["instructions"], "how to");
  }
  McpServer server(Offer());
  json j = json::parse(server.Receive(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1999-01-01"}})").send[0]);
  EXPECT_EQ(j["result"]["protocolVersion"], "2025-06-18");
}

TEST_F(McpServerTest, AsksForInitializeFirst) {
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"), -32600);
  EXPECT_EQ(Ask(R"({"jsonrpc":"2.0","id":2,"method":"ping"})")["result"], json::object());
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":3,"method":"initialize"})"), -32602);
  Initialize();
  EXPECT_EQ(server_.client(), "tester");
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":4,"method":"initialize","params":{"protocolVersion":"2025-06-18"}})"), -32600);
}

TEST_F(McpServerTest, ListsToolsAndResources) {
  Initialize();
  json tools = Ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}})")["result"]["tools"];
  ASSERT_EQ(tools.size(), 1u);
  EXPECT_EQ(tools[0]["name"], "measure");
  EXPECT_EQ(tools[0]["inputSchema"]["type"], "object");
  EXPECT_EQ(tools[0]["annotations"]["readOnlyHint"], true);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"2"}})"), -32602);
  EXPECT_EQ(Ask(R"({"jsonrpc":"2.0","id":1,"method":"resources/list"})")["result"]["resources"].size(), 2u);
  EXPECT_EQ(Ask(R"({"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"osevolve://x"}})")["result"]["contents"][0]["text"], "the x");
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"osevolve://y"}})"), -32002);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"osevolve://gone"}})"), -32002);
}

TEST_F(McpServerTest, RefusesWhatIsNoMessageAndGoesOn) {
  Initialize();
  EXPECT_EQ(CodeOf("{"), -32700);
  EXPECT_EQ(CodeOf("\"\xff\""), -32700);
  EXPECT_EQ(CodeOf(std::string("{\"a\0\":1}", 8)), -32700);
  EXPECT_EQ(CodeOf("[]"), -32600);
  EXPECT_THAT(Ask(R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])")["error"]["message"].get<std::string>(), HasSubstr("line of its own"));
  EXPECT_EQ(CodeOf("7"), -32600);
  EXPECT_EQ(CodeOf("{}"), -32600);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"1.0","id":1,"method":"ping"})"), -32600);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":7})"), -32600);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":null,"method":"ping"})"), -32600);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":[1],"method":"ping"})"), -32600);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]})"), -32602);
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"prompts/list"})"), -32601);
  EXPECT_EQ(CodeOf(std::string(100'000, '[')), -32600);
  EXPECT_EQ(CodeOf(std::string(McpServer::kMaxMessage + 1, ' ') + "1"), -32600);
  // Ids come back as they came, also with an error.
  EXPECT_EQ(Ask(R"({"jsonrpc":"2.0","id":"x","method":"nix"})")["id"], "x");
  // Blank lines, answers to nothing, unknown notifications: silence.
  EXPECT_TRUE(Ask("").is_null());
  EXPECT_TRUE(Ask(" \r").is_null());
  EXPECT_TRUE(Ask(R"({"jsonrpc":"2.0","id":1,"result":{}})").is_null());
  EXPECT_TRUE(Ask(R"({"jsonrpc":"2.0","method":"notifications/whatever","params":[1]})").is_null());
  EXPECT_EQ(Ask(R"({"jsonrpc":"2.0","id":2,"method":"ping"})")["id"], 2);
}

TEST_F(McpServerTest, BracketsInStringsAreNoDepth) {
  Initialize();
  const std::string text(1000, '[');
  EXPECT_EQ(Ask(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\")" + text + "\"}}")["id"], 1);
}

TEST_F(McpServerTest, HandsCallsOutAndAnswersThem) {
  Initialize();
  McpCall call = Call("5", R"({"what":"b","times":3})");
  EXPECT_EQ(call.tool, "measure");
  EXPECT_EQ(call.arguments["times"], 3);
  EXPECT_EQ(McpServer::Progress(call, "half"), "");  // it asked for none
  json j = json::parse(server_.Finish(call, {{{"mean", 1.5}}, "", false}));
  EXPECT_EQ(j["id"], 5);
  EXPECT_EQ(j["result"]["structuredContent"]["mean"], 1.5);
  EXPECT_EQ(json::parse(j["result"]["content"][0]["text"].get<std::string>())["mean"], 1.5);
  EXPECT_EQ(j["result"]["isError"], false);

  call = Call("5");  // the id is free again
  j = json::parse(server_.Finish(call, McpFailure({kExitNotFound, "no such thing\xff"})));
  EXPECT_EQ(j["result"]["isError"], true);
  EXPECT_THAT(j["result"]["content"][0]["text"].get<std::string>(), HasSubstr("no such thing"));
  EXPECT_EQ(j["result"]["structuredContent"]["error"]["code"], kExitNotFound);
}

TEST_F(McpServerTest, TellsProgressUnderTheClientsToken) {
  Initialize();
  McpCall call = Call("1", R"({"what":"a"})", R"({"progressToken":"t"})");
  json first = json::parse(McpServer::Progress(call, "one")), second = json::parse(McpServer::Progress(call, "two"));
  EXPECT_EQ(first["method"], "notifications/progress");
  EXPECT_EQ(first["params"]["progressToken"], "t");
  EXPECT_FALSE(first.contains("id"));
  EXPECT_LT(first["params"]["progress"], second["params"]["progress"]);
  EXPECT_EQ(second["params"]["message"], "two");
}

TEST_F(McpServerTest, ACancelledCallIsNotAnswered) {
  Initialize();
  McpCall one = Call("1", R"({"what":"a"})", R"({"progressToken":0})"), other = Call("\"1\"");
  EXPECT_TRUE(Ask(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})").is_null());
  EXPECT_TRUE(*one.cancelled);
  EXPECT_FALSE(*other.cancelled);  // an id of another type is another id
  EXPECT_EQ(McpServer::Progress(one, "x"), "");
  EXPECT_EQ(server_.Finish(one, {{}, "late", false}), "");
  EXPECT_NE(server_.Finish(other, {json::object(), "", false}), "");
  // Too late, or for nothing.
  EXPECT_TRUE(Ask(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})").is_null());
  EXPECT_TRUE(Ask(R"({"jsonrpc":"2.0","method":"notifications/cancelled"})").is_null());
  McpCall last = Call("7");
  server_.CancelAll();
  EXPECT_TRUE(*last.cancelled);
}

TEST_F(McpServerTest, RefusesCallsThatItCannotHandOut) {
  Initialize();
  auto call = [](const std::string& params) { return R"({"jsonrpc":"2.0","id":9,"method":"tools/call","params":)" + params + "}"; };
  EXPECT_EQ(CodeOf(call("{}")), -32602);
  EXPECT_EQ(CodeOf(call(R"({"name":"measure","arguments":[]})")), -32602);
  EXPECT_THAT(Ask(call(R"({"name":"mesure"})"))["error"]["message"].get<std::string>(), HasSubstr("did you mean 'measure'"));
  EXPECT_LT(Ask(call(R"({"name":")" + std::string(1 << 20, 'm') + "\"}"))["error"]["message"].get<std::string>().size(), 200u);
  // What the model got wrong is told to the model.
  json j = Ask(call(R"({"name":"measure","arguments":{"wat":"a"}})"));
  EXPECT_EQ(j["result"]["isError"], true);
  EXPECT_THAT(j["result"]["content"][0]["text"].get<std::string>(), HasSubstr("did you mean 'what'"));

  Call("1");
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"measure","arguments":{"what":"a"}}})"), -32600);
  for (size_t i = 2; i <= McpServer::kMaxCalls; ++i) Call(std::to_string(i));
  EXPECT_EQ(CodeOf(R"({"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"measure","arguments":{"what":"a"}}})"), -32000);
}

TEST(CheckArguments, NamesWhatDoesNotFit) {
  const json schema = Offer().tools[0].input_schema;
  auto why = [&](const char* arguments) {
    Status s = CheckArguments(schema, json::parse(arguments));
    return s.ok() ? std::string("fits") : s.error().message;
  };
  EXPECT_EQ(why(R"({"what":"a","times":9,"deep":true,"scale":2})"), "fits");
  EXPECT_EQ(why("{}"), "'what' is missing");
  EXPECT_EQ(why(R"({"what":1})"), "'what' must be a string");
  EXPECT_THAT(why(R"({"what":"c"})"), HasSubstr(R"(one of ["a","b"])"));
  EXPECT_EQ(why(R"({"what":"a","times":1.5})"), "'times' must be an integer");
  EXPECT_EQ(why(R"({"what":"a","times":0})"), "'times' must be at least 1");
  EXPECT_EQ(why(R"({"what":"a","times":10})"), "'times' must be at most 9");
  EXPECT_EQ(why(R"({"what":"a","times":18446744073709551615})"), "'times' must be at most 9");
  EXPECT_EQ(why(R"({"what":"a","deep":0})"), "'deep' must be a boolean");
  EXPECT_THAT(why(R"({"what":"a","completely":0})"), HasSubstr("there are deep"));
}

TEST(McpLines, PutsLinesTogether) {
  McpLines lines;
  std::vector<std::string> got;
  auto take = [&](std::string_view line, bool too_long) { got.push_back(too_long ? "(too long)" : std::string(line)); };
  lines.Feed("on", take);
  lines.Feed("e\ntwo\n\nth", take);
  EXPECT_EQ(got, (std::vector<std::string>{"one", "two", ""}));
  got.clear();
  for (size_t i = 0; i < McpServer::kMaxMessage; i += 1 << 20) lines.Feed(std::string(1 << 20, 'x'), take);
  lines.Feed("yy\nfour\n", take);
  EXPECT_EQ(got, (std::vector<std::string>{"(too long)", "four"}));
}

}  // namespace
}  // namespace ose
