// Any text as the value of --llm: a spec within the documented bounds, or an error that is one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "llm/endpoint.h"
#include "llm/providers.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto spec = ose::ParseModelSpec(text);
  if (!spec.ok()) {
    const std::string& message = spec.error().message;
    Check(ose::IsValidUtf8(message) && message.find_first_of("\r\n\x1b") == std::string::npos);
  } else {
    Check(spec->text == text && !spec->model.empty());
    Check(spec->max_tokens >= 1 && spec->max_tokens < spec->window && spec->concurrency >= 1 && spec->rpm >= 0);
    Check(!spec->temperature || (*spec->temperature >= 0 && *spec->temperature <= 2));
    // Whatever the environment holds, a key goes to an encrypted or a private place.
    const ose::Environment env = [](const std::string&) { return std::optional<std::string>("key"); };
    ose::WhyUnusable(*spec, env);
    if (!spec->url.empty()) Check(ose::WhyBadUrl(spec->url).empty() && !ose::UrlHost(spec->url).empty());
  }
  ose::WhyBadUrl(text);
  ose::IsPrivateHost(text);
  return 0;
}
