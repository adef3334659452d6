// ModelReplies: plays the models' part on a ScriptedServer. A script says in plain words what each
// provider answers; this wraps it in the provider's wire format, streamed, with usage:
//
//   {"openai": [REPLY...], "responses": [...], "anthropic": [...], "gemini": [...], "bedrock": [...],
//    "key": "..."}
//
// The replies of a list are given in turn, from the start again after the last. REPLY is an object:
//   text        what the model says; repeat: N gives it N times
//   usage       {"input": N, "cached": N, "cache_write": N, "output": N, "reasoning": N}, where input includes
//               what is cached and written, output includes reasoning; false: the provider reports none
//   finish      "length": stopped at max_output_tokens; "filter": declined by the provider
//   status      other than 200: an error, with `error` as the provider's message; retry_after in seconds
//   html        true: a page of HTML with `status`
//   raw         this body as it is
//   end         "cut", "reset": in the middle of the stream; "stall": nothing more comes; "silent": no answer
// With "key", a request that does not carry it is answered with 401, which names the key that it has.
// The target of a request tells the provider; one that is no JSON, or does not ask for a stream, gets 400.
#ifndef OSEVOLVE_TESTS_SUPPORT_MODEL_REPLIES_H_
#define OSEVOLVE_TESTS_SUPPORT_MODEL_REPLIES_H_

#include <string>

#include "nlohmann/json.hpp"
#include "support/scripted_server.h"

namespace ose {

// "openai" (and Azure), ..., "" when the target is none of theirs.
std::string ModelFormat(const std::string& target);

// One REPLY, as the answer to `request`.
ScriptedReply ModelReply(const std::string& format, const nlohmann::json& reply, const ScriptedRequest& request);

// For ScriptedServer::Handle("/", ...).
ScriptedServer::Handler ModelReplies(nlohmann::json script);

}  // namespace ose

#endif  // OSEVOLVE_TESTS_SUPPORT_MODEL_REPLIES_H_
