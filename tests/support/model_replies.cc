#include "support/model_replies.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

namespace ose {
namespace {

using nlohmann::json;

struct Tokens {
  int64_t input = 100, cached = 0, cache_write = 0, output = 50, reasoning = 0;
  bool reported = true;
};

struct Plan {
  std::vector<std::string> texts;  // the reply in pieces
  std::string model;
  Tokens tokens;
  bool length = false, filter = false;
};

// Pieces that are whole UTF-8 characters, about 200 of them.
std::vector<std::string> Pieces(const std::string& text) {
  const size_t step = std::max<size_t>(7, text.size() / 200);
  std::vector<std::string> pieces;
  for (size_t from = 0; from < text.size();) {
    size_t to = std::min(from + step, text.size());
    while (to < text.size() && (static_cast<uint8_t>(text[to]) & 0xc0) == 0x80) ++to;
    pieces.push_back(text.substr(from, to - from));
    from = to;
  }
  return pieces;
}

std::string Event(const json& data) { return "event: " + data.at("type").get<std::string>() + "\ndata: " + data.dump() + "\n\n"; }
std::string Data(const json& data) { return "data: " + data.dump() + "\n\n"; }

// OpenAI API reference, "The chat completion chunk object"; usage comes only when it was asked for.
std::string OpenAi(const Plan& plan, const json& body) {
  auto chunk = [&](json choices, json usage) {
    return Data({{"id", "chatcmpl-1"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", plan.model},
                 {"choices", std::move(choices)}, {"usage", std::move(usage)}});
  };
  auto choice = [](json delta, json finish) { return json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}}); };
  std::string out = chunk(choice({{"role", "assistant"}, {"content", ""}}, nullptr), nullptr);
  for (const std::string& text : plan.texts) out += chunk(choice({{"content", text}}, nullptr), nullptr);
  out += chunk(choice(json::object(), plan.length ? "length" : plan.filter ? "content_filter" : "stop"), nullptr);
  const json options = body.value("stream_options", json::object());
  if (plan.tokens.reported && options.value("include_usage", false)) {
    const Tokens& t = plan.tokens;
    out += chunk(json::array(), {{"prompt_tokens", t.input},
                                 {"completion_tokens", t.output},
                                 {"total_tokens", t.input + t.output},
                                 {"prompt_tokens_details", {{"cached_tokens", t.cached}}},
                                 {"completion_tokens_details", {{"reasoning_tokens", t.reasoning}}}});
  }
  return out + "data: [DONE]\n\n";
}

// OpenAI API reference, "Streaming events" of Responses.
std::string Responses(const Plan& plan) {
  int sequence = 0;
  auto event = [&](const char* type, json data) {
    data["type"] = type;
    data["sequence_number"] = sequence++;
    return Event(data);
  };
  json response = {{"id", "resp_1"}, {"object", "response"}, {"status", "in_progress"}, {"model", plan.model}, {"output", json::array()}, {"usage", nullptr}};
  std::string out = event("response.created", {{"response", response}});
  json item = {{"id", "msg_1"}, {"type", "message"}, {"role", "assistant"}, {"status", "in_progress"}, {"content", json::array()}};
  out += event("response.output_item.added", {{"output_index", 0}, {"item", item}});
  std::string all;
  for (const std::string& text : plan.texts) {
    all += text;
    out += event("response.output_text.delta", {{"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"delta", text}});
  }
  out += event("response.output_text.done", {{"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"text", all}});
  item["status"] = "completed";
  item["content"] = json::array({{{"type", "output_text"}, {"text", all}, {"annotations", json::array()}}});
  out += event("response.output_item.done", {{"output_index", 0}, {"item", item}});
  response["output"] = json::array({item});
  const bool whole = !plan.length && !plan.filter;
  response["status"] = whole ? "completed" : "incomplete";
  response["incomplete_details"] = whole ? json() : json{{"reason", plan.length ? "max_output_tokens" : "content_filter"}};
  const Tokens& t = plan.tokens;
  if (t.reported) {
    response["usage"] = {{"input_tokens", t.input},
                         {"input_tokens_details", {{"cached_tokens", t.cached}}},
                         {"output_tokens", t.output},
                         {"output_tokens_details", {{"reasoning_tokens", t.reasoning}}},
                         {"total_tokens", t.input + t.output}};
  }
  return out + event(whole ? "response.completed" : "response.incomplete", {{"response", response}});
}

// Anthropic API documentation, "Streaming messages"; input_tokens is without what the cache read or wrote.
std::string Anthropic(const Plan& plan) {
  const Tokens& t = plan.tokens;
  json message = {{"id", "msg_1"}, {"type", "message"}, {"role", "assistant"}, {"model", plan.model},
                  {"content", json::array()}, {"stop_reason", nullptr}, {"stop_sequence", nullptr}};
  json end = {{"type", "message_delta"},
              {"delta", {{"stop_reason", plan.length ? "max_tokens" : plan.filter ? "refusal" : "end_turn"}, {"stop_sequence", nullptr}}}};
  if (t.reported) {
    message["usage"] = {{"input_tokens", t.input - t.cached - t.cache_write},
                        {"cache_creation_input_tokens", t.cache_write},
                        {"cache_read_input_tokens", t.cached},
                        {"output_tokens", 1}};
    end["usage"] = {{"output_tokens", t.output}};
  }
  std::string out = Event({{"type", "message_start"}, {"message", message}});
  out += Event({{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}});
  out += Event({{"type", "ping"}});
  for (const std::string& text : plan.texts) {
    out += Event({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
  }
  out += Event({{"type", "content_block_stop"}, {"index", 0}});
  return out + Event(end) + Event({{"type", "message_stop"}});
}

// Gemini API reference, "GenerateContentResponse"; candidatesTokenCount is without thoughts.
std::string Gemini(const Plan& plan) {
  const Tokens& t = plan.tokens;
  auto chunk = [&](const std::string& text, const char* finish) {
    json candidate = {{"index", 0}, {"content", {{"role", "model"}, {"parts", json::array({{{"text", text}}})}}}};
    if (finish) candidate["finishReason"] = finish;
    json data = {{"candidates", json::array({candidate})}, {"modelVersion", plan.model}, {"responseId", "r1"}};
    if (t.reported) {
      data["usageMetadata"] = {{"promptTokenCount", t.input}, {"totalTokenCount", t.input + (finish ? t.output : 0)}};
      if (t.cached) data["usageMetadata"]["cachedContentTokenCount"] = t.cached;
      if (t.reasoning) data["usageMetadata"]["thoughtsTokenCount"] = t.reasoning;
      if (finish) data["usageMetadata"]["candidatesTokenCount"] = t.output - t.reasoning;
    }
    return Data(data);
  };
  std::string out;
  for (const std::string& text : plan.texts) out += chunk(text, nullptr);
  return out + chunk("", plan.length ? "MAX_TOKENS" : plan.filter ? "SAFETY" : "STOP");
}

// CRC-32 as in IEEE 802.3.
uint32_t Crc(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (unsigned char c : bytes) {
    crc ^= c;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

std::string BigEndian(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// "application/vnd.amazon.eventstream": lengths, their CRC, headers (type 7: string), payload, CRC of all.
std::string Frame(const std::string& event, const json& payload) {
  std::string headers;
  for (const auto& [name, value] : {std::pair<std::string, std::string>{":event-type", event},
                                    {":content-type", "application/json"}, {":message-type", "event"}}) {
    headers += BigEndian(name.size(), 1) + name + '\7' + BigEndian(value.size(), 2) + value;
  }
  const std::string text = payload.dump();
  std::string frame = BigEndian(16 + headers.size() + text.size(), 4) + BigEndian(headers.size(), 4);
  frame += BigEndian(Crc(frame), 4);
  frame += headers + text;
  return frame + BigEndian(Crc(frame), 4);
}

// Amazon Bedrock API reference, "ConverseStream"; inputTokens is without what the cache read or wrote.
std::string Bedrock(const Plan& plan) {
  const Tokens& t = plan.tokens;
  std::string out = Frame("messageStart", {{"role", "assistant"}});
  for (const std::string& text : plan.texts) out += Frame("contentBlockDelta", {{"contentBlockIndex", 0}, {"delta", {{"text", text}}}});
  out += Frame("contentBlockStop", {{"contentBlockIndex", 0}});
  out += Frame("messageStop", {{"stopReason", plan.length ? "max_tokens" : plan.filter ? "content_filtered" : "end_turn"}});
  json metadata = {{"metrics", {{"latencyMs", 1}}}};
  if (t.reported) {
    metadata["usage"] = {{"inputTokens", t.input - t.cached - t.cache_write},
                         {"outputTokens", t.output},
                         {"totalTokens", t.input + t.output},
                         {"cacheReadInputTokens", t.cached},
                         {"cacheWriteInputTokens", t.cache_write}};
  }
  return out + Frame("metadata", metadata);
}

ScriptedReply ErrorReply(const std::string& format, int status, const std::string& message) {
  json body = {{"error", {{"message", message}, {"type", "scripted_error"}, {"param", nullptr}, {"code", nullptr}}}};
  ScriptedReply reply;
  reply.status = status;
  reply.headers = {{"Content-Type", "application/json"}};
  if (format == "anthropic") {
    const char* type = status == 401 ? "authentication_error" : status == 404 ? "not_found_error" : status == 429 ? "rate_limit_error"
                       : status >= 500 ? "api_error" : "invalid_request_error";
    body = {{"type", "error"}, {"error", {{"type", type}, {"message", message}}}};
  } else if (format == "gemini") {
    const char* name = status == 401 ? "UNAUTHENTICATED" : status == 404 ? "NOT_FOUND" : status == 429 ? "RESOURCE_EXHAUSTED"
                       : status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT";
    body = {{"error", {{"code", status}, {"message", message}, {"status", name}}}};
  } else if (format == "bedrock") {
    const char* type = status == 401 || status == 403 ? "AccessDeniedException" : status == 404 ? "ResourceNotFoundException"
                       : status == 429 ? "ThrottlingException" : status >= 500 ? "InternalServerException" : "ValidationException";
    reply.headers.emplace_back("x-amzn-ErrorType", type);
    body = {{"message", message}};
  }
  reply.pieces = {body.dump()};
  reply.chunked = false;
  return reply;
}

std::string PathOf(const std::string& target) { return target.substr(0, target.find('?')); }

// Gemini and Bedrock name the model in the path.
std::string ModelOf(const std::string& format, const ScriptedRequest& request, const json& body) {
  if (format != "gemini" && format != "bedrock") return body.value("model", "scripted");
  const std::string path = PathOf(request.target), before = format == "gemini" ? "/models/" : "/model/";
  const size_t at = path.find(before);
  if (at == path.npos) return "scripted";
  const size_t from = at + before.size();
  return path.substr(from, path.find(format == "gemini" ? ':' : '/', from) - from);
}

// What is sent as key, wherever the provider wants it.
std::string KeyOf(const ScriptedRequest& request) {
  for (const char* name : {"x-api-key", "x-goog-api-key", "api-key", "authorization"}) {
    std::string value = request.Header(name);
    if (value.starts_with("Bearer ")) value.erase(0, 7);
    if (!value.empty()) return value;
  }
  return {};
}

}  // namespace

std::string ModelFormat(const std::string& target) {
  const std::string path = PathOf(target);
  static constexpr std::array<std::pair<const char*, const char*>, 5> kEnds = {{{"/chat/completions", "openai"},
                                                                               {"/responses", "responses"},
                                                                               {"/messages", "anthropic"},
                                                                               {":streamGenerateContent", "gemini"},
                                                                               {"/converse-stream", "bedrock"}}};
  for (const auto& [end, format] : kEnds) {
    if (path.ends_with(end)) return format;
  }
  return {};
}

ScriptedReply ModelReply(const std::string& format, const json& reply, const ScriptedRequest& request) {
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return ErrorReply(format, 400, "the body is no JSON object");
  const bool streams_by_path = format == "gemini" || format == "bedrock";
  if (!streams_by_path && !body.value("stream", false)) return ErrorReply(format, 400, "stream is not true");

  const int status = reply.value("status", 200);
  ScriptedReply out;
  std::string bytes;
  if (reply.value("html", false)) {
    out.status = status;
    out.headers = {{"Content-Type", "text/html"}};
    bytes = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body>No.</body></html>\n";
  } else if (reply.contains("raw")) {
    out.status = status;
    bytes = reply["raw"].get<std::string>();
  } else if (status != 200) {
    out = ErrorReply(format, status, reply.value("error", "scripted error"));
  } else {
    Plan plan;
    std::string text;
    for (int i = reply.value("repeat", 1); i > 0; --i) text += reply.value("text", "");
    plan.texts = Pieces(text);
    plan.model = ModelOf(format, request, body);
    const json usage = reply.value("usage", json::object());
    plan.tokens.reported = usage.is_object();
    if (plan.tokens.reported) {
      Tokens& t = plan.tokens;
      t.input = usage.value("input", t.input);
      t.cached = usage.value("cached", t.cached);
      t.cache_write = usage.value("cache_write", t.cache_write);
      t.output = usage.value("output", t.output);
      t.reasoning = usage.value("reasoning", t.reasoning);
    }
    plan.length = reply.value("finish", "") == "length";
    plan.filter = reply.value("finish", "") == "filter";
    bytes = format == "openai" ? OpenAi(plan, body) : format == "responses" ? Responses(plan) : format == "anthropic" ? Anthropic(plan)
            : format == "gemini" ? Gemini(plan) : Bedrock(plan);
    out.headers = {{"Content-Type", format == "bedrock" ? "application/vnd.amazon.eventstream" : "text/event-stream"}};
  }
  if (reply.contains("retry_after")) out.headers.emplace_back("Retry-After", reply["retry_after"].dump());
  const std::string end = reply.value("end", "");
  using End = ScriptedReply::End;
  out.end = end == "cut" ? End::kCut : end == "reset" ? End::kReset : end == "stall" ? End::kStall : end == "silent" ? End::kSilent : End::kWhole;
  if (out.end != End::kWhole) bytes.resize(bytes.size() / 2);
  // Cut without regard to lines and characters: that is what a network does.
  const size_t step = std::max<size_t>(37, bytes.size() / 500);
  for (size_t at = 0; at < bytes.size(); at += step) out.pieces.push_back(bytes.substr(at, step));
  return out;
}

ScriptedServer::Handler ModelReplies(json script) {
  return [script = std::move(script), next = std::map<std::string, size_t>()](const ScriptedRequest& request) mutable {
    const std::string format = ModelFormat(request.target);
    if (format.empty()) return ErrorReply("openai", 404, "no such path: " + request.target);
    if (const std::string key = script.value("key", ""); !key.empty() && KeyOf(request) != key) {
      return ErrorReply(format, 401, "Incorrect API key provided: " + KeyOf(request));
    }
    const json list = script.value(format, json::array());
    if (list.empty()) return ErrorReply(format, 404, "the script has no replies for " + format);
    return ModelReply(format, list.at(next[format]++ % list.size()), request);
  };
}

}  // namespace ose
