// For the tests of the wires: a fixed request, documented schemas as tables, streams cut everywhere.
#ifndef OSEVOLVE_LLM_WIRE_TESTING_H_
#define OSEVOLVE_LLM_WIRE_TESTING_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "llm/wire.h"

namespace ose {

// Has what must be escaped and a byte that is no UTF-8.
inline ChatRequest TestRequest() {
  ChatRequest request;
  request.system = "You write \"schedulers\".";
  request.user = "Improve\nthis: \xe2\x82\xac \xff";
  request.temperature = 0.5;
  request.max_output_tokens = 2000;
  return request;
}
inline constexpr char kTestUserAsSent[] = "Improve\nthis: \xe2\x82\xac \xef\xbf\xbd";

struct SchemaField {
  const char* path;  // "messages[].content"
  const char* type;  // "string", "integer", "number", "boolean", "object", "array"
  bool required = false;
};

inline void CollectFields(const nlohmann::json& j, const std::string& path, std::map<std::string, std::set<std::string>>& fields) {
  std::string type = j.type_name();
  if (type == "number") type = j.is_number_float() ? "number" : "integer";
  if (!path.empty()) fields[path].insert(type);
  if (j.is_object())
    for (const auto& [name, value] : j.items()) CollectFields(value, path.empty() ? name : path + "." + name, fields);
  if (j.is_array())
    for (const auto& value : j) CollectFields(value, path + "[]", fields);
}

// The body uses documented members of the documented types only, and has all required ones.
inline void ExpectFollowsSchema(const nlohmann::json& body, const std::vector<SchemaField>& schema) {
  std::map<std::string, std::set<std::string>> used, allowed;
  CollectFields(body, "", used);
  for (const SchemaField& f : schema) allowed[f.path].insert(f.type);
  for (const auto& [path, types] : used)
    for (const std::string& type : types) {
      const auto it = allowed.find(path);
      const bool known = it != allowed.end() && (it->second.contains(type) || (type == "integer" && it->second.contains("number")));
      EXPECT_TRUE(known) << path << " (" << type << ") is not in the documented schema";
    }
  for (const SchemaField& f : schema)
    if (f.required) EXPECT_TRUE(used.contains(f.path)) << f.path << " is required";
}

inline std::string HeaderOf(const HttpRequest& request, std::string_view name) {
  std::string found;
  for (const auto& [n, value] : request.headers)
    if (n == name) found += (found.empty() ? "" : " | ") + value;
  return found;
}

inline std::string Describe(const ChatReply& r) {
  const Usage& u = r.usage;
  return std::string(CallFailureName(r.failure)) + " | " + r.reason + " | " + r.text + " | " + (r.truncated ? "cut" : "whole") +
         " | " + r.model + " | " + std::to_string(u.input) + " " + std::to_string(u.cached_input) + " " +
         std::to_string(u.cache_write) + " " + std::to_string(u.output) + " " + std::to_string(u.reasoning) +
         (u.reported ? " reported" : " unreported");
}

inline ChatReply Decode(const Wire& wire, std::string_view stream, bool complete = true) {
  const auto decoder = wire.NewDecoder();
  decoder->Feed(stream);
  return decoder->Finish(complete);
}

// Decodes the stream whole, in two pieces cut at every place, and byte by byte: the same each time.
inline ChatReply DecodeEveryWay(const Wire& wire, std::string_view stream) {
  ChatReply whole = Decode(wire, stream);
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    const auto decoder = wire.NewDecoder();
    decoder->Feed(stream.substr(0, cut));
    decoder->Feed(stream.substr(cut));
    const ChatReply reply = decoder->Finish(true);
    EXPECT_EQ(Describe(reply), Describe(whole)) << "cut at " << cut;
    if (Describe(reply) != Describe(whole)) break;
  }
  const auto decoder = wire.NewDecoder();
  for (size_t i = 0; i < stream.size(); ++i) decoder->Feed(stream.substr(i, 1));
  EXPECT_EQ(decoder->text_bytes(), whole.text.size());
  EXPECT_EQ(Describe(decoder->Finish(true)), Describe(whole));
  return whole;
}

// Every prefix of a good stream, cut by the network: never the whole text as a good reply, unless all of it
// and its end had come; never a failure other than a broken stream or an empty one.
inline void ExpectPrefixesAreBroken(const Wire& wire, std::string_view stream, std::string_view text) {
  for (size_t end = 0; end < stream.size(); ++end) {
    const ChatReply reply = Decode(wire, stream.substr(0, end), false);
    if (reply.ok()) {
      EXPECT_EQ(reply.text, text) << "cut at " << end;
    } else {
      EXPECT_EQ(reply.failure, CallFailure::kBroken) << "cut at " << end << ": " << reply.reason;
      EXPECT_TRUE(text.starts_with(reply.text));
      EXPECT_FALSE(reply.reason.empty());
    }
  }
}

}  // namespace ose

#endif  // OSEVOLVE_LLM_WIRE_TESTING_H_
