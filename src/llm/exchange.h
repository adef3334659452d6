// Exchanges: real conversations with a provider, kept in a file and played back without one.
//
// A recording is a file of JSON lines, appended to; each line is one request and what came back:
//   {"format": 1, "url": "...", "request": "BODY", "end": "complete", "status": 200,
//    "headers": {"retry-after": "2"}, "body": "..."}
// Request headers are not kept at all, and of the response's only those that the program reads. Keys of the
// request are scrubbed from everything else, for a server may echo them. Bytes that are no UTF-8 (Bedrock's
// event stream) are kept as base64: "body64" instead of "body". Not kept are transfers that the program itself
// cancelled, which say nothing about the provider, and binary bodies with a key in them, whose check sums
// would no longer hold.
#ifndef OSEVOLVE_LLM_EXCHANGE_H_
#define OSEVOLVE_LLM_EXCHANGE_H_

#include <memory>
#include <string>

#include "base/result.h"
#include "llm/http.h"

namespace ose {

// Posts through `inner` and appends what happened to `path` (mode 0600). Errors: kExitUsage when the file
// cannot be written to. Thread-safe; a line is written whole.
Result<std::unique_ptr<HttpClient>> MakeRecordingHttp(std::shared_ptr<HttpClient> inner, const std::string& path);

// Answers from the recording at `path` and never touches the network. A request gets the first unused
// exchange of the same URL and body; if there is none, the first unused one of the same URL (prompts of a
// search depend on when replies came, so a replayed search may ask in another order). When none is left the
// request fails as a server that does not answer. Errors: a missing file, a line of another form, with its number.
Result<std::unique_ptr<HttpClient>> MakeReplayHttp(const std::string& path);

}  // namespace ose

#endif  // OSEVOLVE_LLM_EXCHANGE_H_
