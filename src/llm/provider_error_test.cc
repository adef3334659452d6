#include "llm/provider_error.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

struct Case {
  const char* what;
  int status;
  const char* body;
  const char* message;
  CallFailure means;
};

// Bodies as the providers document or send them.
const Case kCases[] = {
    {"OpenAI, wrong key", 401,
     R"({"error":{"message":"Incorrect API key provided: sk-proj-abcdefgh****wxyz. You can find your API key at https://platform.openai.com/account/api-keys.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})",
     "Incorrect API key provided: [key]. You can find your API key at https://platform.openai.com/account/api-keys.", CallFailure::kAuth},
    {"OpenAI, unknown model", 404,
     R"({"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}})",
     "The model `gpt-9` does not exist or you do not have access to it.", CallFailure::kUnknownModel},
    {"OpenAI, no money", 429,
     R"({"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})",
     "You exceeded your current quota", CallFailure::kAuth},
    {"OpenAI, too many requests", 429,
     R"({"error":{"message":"Rate limit reached for gpt-4o","type":"tokens","param":null,"code":"rate_limit_exceeded"}})",
     "Rate limit reached for gpt-4o", CallFailure::kNone},
    {"OpenAI, too long", 400,
     R"({"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
     "This model's maximum context length is 8192 tokens.", CallFailure::kNone},
    {"Azure, deployment", 404,
     R"({"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}})",
     "The API deployment for this resource does not exist.", CallFailure::kUnknownModel},
    {"Azure, filter", 400,
     R"({"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}})",
     "The response was filtered", CallFailure::kFiltered},
    {"Anthropic, unknown model", 404, R"({"type":"error","error":{"type":"not_found_error","message":"model: claude-9"},"request_id":"req_1"})",
     "model: claude-9", CallFailure::kUnknownModel},
    {"Anthropic, wrong key", 401, R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}})",
     "invalid x-api-key", CallFailure::kAuth},
    {"Anthropic, no money", 400,
     R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}})",
     "Your credit balance is too low to access the API.", CallFailure::kAuth},
    {"Anthropic, overloaded", 529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", "Overloaded",
     CallFailure::kNone},
    {"Gemini, wrong key", 400,
     R"([{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}])",
     "API key not valid. Please pass a valid API key.", CallFailure::kAuth},
    {"Gemini, unknown model", 404,
     R"({"error":{"code":404,"message":"models/gemini-9 is not found for API version v1beta","status":"NOT_FOUND"}})",
     "models/gemini-9 is not found for API version v1beta", CallFailure::kUnknownModel},
    {"Gemini, too many requests", 429,
     R"({"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}})",
     "You exceeded your current quota", CallFailure::kNone},
    {"Bedrock, unknown model", 400, R"({"message":"The provided model identifier is invalid."})",
     "The provided model identifier is invalid.", CallFailure::kUnknownModel},
    {"Bedrock, signature", 403, R"({"Message":"The security token included in the request is invalid."})",
     "The security token included in the request is invalid.", CallFailure::kNone},
    {"OpenRouter, unknown model", 400, R"({"error":{"message":"foo/bar is not a valid model ID","code":400},"user_id":"u"})",
     "foo/bar is not a valid model ID", CallFailure::kUnknownModel},
    {"OpenRouter, no money", 402, R"({"error":{"message":"Insufficient credits","code":402}})", "Insufficient credits", CallFailure::kAuth},
    {"OpenRouter, provider", 502,
     R"({"error":{"message":"Provider returned error","code":502,"metadata":{"raw":"upstream died","provider_name":"X"}}})",
     "Provider returned error: upstream died", CallFailure::kNone},
    {"DeepSeek, unknown model", 400,
     R"({"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,"code":"invalid_request_error"}})",
     "Model Not Exist", CallFailure::kUnknownModel},
    {"vLLM, unknown model", 404, R"({"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404})",
     "The model `x` does not exist.", CallFailure::kUnknownModel},
    {"vLLM, key", 401, R"({"error":"Unauthorized"})", "Unauthorized", CallFailure::kNone},
    {"llama.cpp, loading", 503, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})", "Loading model",
     CallFailure::kNone},
    {"Ollama, unknown model", 404,
     R"({"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}})",
     "model \"x\" not found, try pulling it first", CallFailure::kUnknownModel},
    {"FastAPI", 422, R"({"detail":[{"loc":["body"],"msg":"Field required","type":"missing"}]})", "Field required", CallFailure::kNone},
    {"FastAPI, text", 404, R"({"detail":"Not Found"})", "Not Found", CallFailure::kNone},
    {"a proxy's page", 502, "<html><head><title>502 Bad Gateway</title></head></html>", "", CallFailure::kNone},
    {"nothing", 500, "", "", CallFailure::kNone},
    {"broken JSON", 400, R"({"error":{"mess)", "", CallFailure::kNone},
    {"other JSON", 400, R"([1,{"a":null}])", "", CallFailure::kNone},
};

TEST(ProviderError, BodiesOfErrorsAreRead) {
  for (const auto& make : {MakeOpenAiChatWire, MakeOpenAiResponsesWire, MakeAzureWire, MakeAnthropicWire, MakeGeminiWire, MakeBedrockWire})
    for (const Case& c : kCases) {
      const Wire::ErrorBody read = make()->ReadError(c.status, c.body);
      EXPECT_EQ(read.message, c.message) << c.what;
      EXPECT_STREQ(CallFailureName(read.means), CallFailureName(c.means)) << c.what;
    }
}

TEST(ProviderError, ReasonsAreOneLineShortAndWithoutKeys) {
  EXPECT_EQ(SafeReason("a\n\x1b[31mb"), "a [31mb");
  EXPECT_EQ(SafeReason("key \"sk-ant-api03-abcd_efgh\", AIzaSyD-1234567 or (AKIAIOSFODNN7EXAMPLE)"), "key \"[key]\", [key] or ([key])");
  EXPECT_EQ(SafeReason("task-force risk-averse sk-"), "task-force risk-averse sk-");
  EXPECT_LE(SafeReason(std::string(100'000, 'x')).size(), 400u);
}

}  // namespace
}  // namespace ose
