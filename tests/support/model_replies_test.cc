#include "support/model_replies.h"

#include <gtest/gtest.h>

#include <map>

namespace ose {
namespace {

using nlohmann::json;

std::string Body(const ScriptedReply& reply) {
  std::string body;
  for (const std::string& piece : reply.pieces) body += piece;
  return body;
}

// The data of server-sent events, one JSON value each.
std::vector<json> Events(const std::string& body) {
  std::vector<json> events;
  for (size_t at = 0; (at = body.find("data: ", at)) != body.npos;) {
    const size_t end = body.find('\n', at);
    const std::string data = body.substr(at + 6, end - at - 6);
    if (data != "[DONE]") events.push_back(json::parse(data));
    at = end;
  }
  return events;
}

uint32_t Number(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes.at(i));
  return value;
}

// Bit by bit as polynomial division, unlike the table-free loop under test: most significant bit first.
uint32_t Crc32(std::string_view bytes) {
  auto reversed = [](uint32_t value, int bits) {
    uint32_t out = 0;
    for (int i = 0; i < bits; ++i) out |= (value >> i & 1) << (bits - 1 - i);
    return out;
  };
  uint32_t crc = 0xffffffff;
  for (unsigned char c : bytes) {
    crc ^= reversed(c, 8) << 24;
    for (int i = 0; i < 8; ++i) crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
  }
  return ~reversed(crc, 32);
}

const char kTargets[][2][80] = {{"openai", "/v1/chat/completions"},
                                {"openai", "/openai/deployments/d/chat/completions?api-version=1"},
                                {"responses", "/v1/responses"},
                                {"anthropic", "/v1/messages"},
                                {"gemini", "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"},
                                {"bedrock", "/model/m-v1%3A0/converse-stream"},
                                {"", "/v1/models"}};

ScriptedRequest Request(const std::string& target) {
  ScriptedRequest request;
  request.method = "POST";
  request.target = target;
  request.body = R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})";
  return request;
}

TEST(ModelReplies, TheTargetTellsTheFormat) {
  for (const auto& [format, target] : kTargets) EXPECT_EQ(ModelFormat(target), format) << target;
}

TEST(ModelReplies, EveryEventIsJsonAndTheTextIsWhole) {
  const std::string text = "line 1\nd\xc3\xa9j\xc3\xa0 vu, \"quoted\" \xf0\x9f\x98\x80 and more of it";
  const json reply = {{"text", text}, {"usage", {{"input", 9}, {"cached", 4}, {"output", 7}, {"reasoning", 2}}}};
  auto run = [&](const std::string& target) { return Events(Body(ModelReply(ModelFormat(target), reply, Request(target)))); };
  std::string got;
  const auto openai = run("/v1/chat/completions");
  for (const json& event : openai) {
    if (!event["choices"].empty()) got += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(got, text);
  EXPECT_EQ(openai.back()["usage"]["prompt_tokens"], 9);
  EXPECT_EQ(openai.back()["usage"]["completion_tokens"], 7);

  got.clear();
  const auto responses = run("/v1/responses");
  for (const json& event : responses) got += event["type"] == "response.output_text.delta" ? event.value("delta", "") : "";
  EXPECT_EQ(got, text);
  EXPECT_EQ(responses.back()["type"], "response.completed");
  EXPECT_EQ(responses.back()["response"]["usage"]["output_tokens_details"]["reasoning_tokens"], 2);

  got.clear();
  const auto anthropic = run("/v1/messages");
  for (const json& event : anthropic) got += event["type"] == "content_block_delta" ? event["delta"].value("text", "") : "";
  EXPECT_EQ(got, text);
  EXPECT_EQ(anthropic.front()["message"]["usage"]["input_tokens"], 5) << "without the cached ones";
  EXPECT_EQ(anthropic.back()["type"], "message_stop");

  got.clear();
  const auto gemini = run("/v1beta/models/gemini-x:streamGenerateContent?alt=sse");
  for (const json& event : gemini) got += event["candidates"][0]["content"]["parts"][0].value("text", "");
  EXPECT_EQ(got, text);
  EXPECT_EQ(gemini.back()["usageMetadata"]["candidatesTokenCount"], 5) << "without the thoughts";
  EXPECT_EQ(gemini.back()["modelVersion"], "gemini-x");
}

TEST(ModelReplies, BedrockFrames) {
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926) << "the check value of CRC-32";
  const json reply = {{"text", "some text in pieces"}, {"finish", "length"}};
  const std::string body = Body(ModelReply("bedrock", reply, Request("/model/m/converse-stream")));
  std::string text;
  std::map<std::string, int> seen;
  for (size_t at = 0; at < body.size();) {
    const uint32_t total = Number(body, at), headers = Number(body, at + 4);
    ASSERT_LE(at + total, body.size());
    EXPECT_EQ(Number(body, at + 8), Crc32(body.substr(at, 8)));
    EXPECT_EQ(Number(body, at + total - 4), Crc32(body.substr(at, total - 4)));
    const std::string head = body.substr(at + 12, headers);
    const json payload = json::parse(body.substr(at + 12 + headers, total - headers - 16));
    for (const char* event : {"messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}) {
      seen[event] += head.find(std::string(event) + "\r:content-type") != head.npos;  // \r: the length of the next name
    }
    if (payload.contains("delta")) text += payload["delta"].value("text", "");
    if (payload.contains("stopReason")) EXPECT_EQ(payload["stopReason"], "max_tokens");
    at += total;
  }
  EXPECT_EQ(text, "some text in pieces");
  EXPECT_EQ(seen["messageStart"], 1);
  EXPECT_EQ(seen["contentBlockDelta"], 3);
  EXPECT_EQ(seen["messageStop"], 1);
  EXPECT_EQ(seen["metadata"], 1);
}

TEST(ModelReplies, MisbehavesAsToldInEveryFormat) {
  for (const auto& [format, target] : kTargets) {
    if (!*format) continue;
    const ScriptedRequest request = Request(target);
    ScriptedReply reply = ModelReply(format, {{"status", 429}, {"retry_after", 2}, {"error", "slow down"}}, request);
    EXPECT_EQ(reply.status, 429);
    EXPECT_EQ(reply.headers.back(), (std::pair<std::string, std::string>("Retry-After", "2")));
    EXPECT_NE(json::parse(Body(reply)).dump().find("slow down"), std::string::npos);
    const std::string whole = Body(ModelReply(format, {{"text", "some text"}}, request));
    reply = ModelReply(format, {{"text", "some text"}, {"end", "cut"}}, request);
    EXPECT_EQ(Body(reply), whole.substr(0, whole.size() / 2));
    EXPECT_EQ(reply.end, ScriptedReply::End::kCut);
    EXPECT_GT(Body(ModelReply(format, {{"text", "0123456789"}, {"repeat", 100'000}}, request)).size(), 1'000'000u);
    EXPECT_EQ(ModelReply(format, {{"html", true}, {"status", 502}}, request).status, 502);
    EXPECT_EQ(Body(ModelReply(format, {{"raw", "not json"}}, request)), "not json");
    ScriptedRequest bad = request;
    bad.body = "{";
    EXPECT_EQ(ModelReply(format, {{"text", "x"}}, bad).status, 400);
  }
}

TEST(ModelReplies, GivesRepliesInTurnAndChecksTheKey) {
  const auto replies = ModelReplies({{"openai", {{{"raw", "one"}}, {{"raw", "two"}}}}, {"key", "right"}});
  ScriptedRequest request = Request("/v1/chat/completions");
  request.headers = {{"authorization", "Bearer wrong"}};
  EXPECT_EQ(replies(request).status, 401);
  request.headers = {{"authorization", "Bearer right"}};
  for (const char* want : {"one", "two", "one"}) EXPECT_EQ(Body(replies(request)), want);
  request.target = "/v1/messages";
  EXPECT_EQ(replies(request).status, 404);
  request.target = "/v1/other";
  EXPECT_EQ(replies(request).status, 404);
}

}  // namespace
}  // namespace ose
