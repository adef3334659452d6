// From a model's spec and the environment to the address and key to call with.
#ifndef OSEVOLVE_LLM_ENDPOINT_H_
#define OSEVOLVE_LLM_ENDPOINT_H_

#include <string>
#include <string_view>

#include "base/result.h"
#include "llm/providers.h"
#include "llm/wire.h"

namespace ose {

// kExitModel with what is missing and the fix. Not for command and mailbox.
Result<Endpoint> ResolveEndpoint(const ModelSpec& spec, const Environment& env);

// "" or why `url` cannot be the base of an API: http:// or https://, a host, perhaps a port and a path;
// nothing else, so that it can hold no key and every reader takes the same host from it.
std::string WhyBadUrl(std::string_view url);
// Of a good one. `host` without port and brackets.
std::string_view UrlHost(std::string_view url);
// This machine or a private network, where plain http:// is no risk for a key: loopback and private
// addresses, localhost, names without a dot, .local, .internal.
bool IsPrivateHost(std::string_view host);

}  // namespace ose

#endif  // OSEVOLVE_LLM_ENDPOINT_H_
