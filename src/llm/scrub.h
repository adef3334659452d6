// Secrets out of texts: a server may send back the key that it was sent.
#ifndef OSEVOLVE_LLM_SCRUB_H_
#define OSEVOLVE_LLM_SCRUB_H_

#include <string>
#include <string_view>
#include <vector>

namespace ose {

// `text` with "[secret]" for each of `secrets`, also for one of which only the beginning is there (a
// message that was shortened). Secrets of less than four bytes are placeholders and left alone.
std::string Scrub(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace ose

#endif  // OSEVOLVE_LLM_SCRUB_H_
