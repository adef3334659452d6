// Texts from outside on their way into a reason: one line, printable, short, without secrets.
#ifndef OSEVOLVE_LLM_REASON_H_
#define OSEVOLVE_LLM_REASON_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ose {

// White space and control characters become single spaces, bytes that are no UTF-8 become "?"; what is
// longer than `max_bytes` ends in "...", cut between two characters.
std::string OneLine(std::string_view text, size_t max_bytes);

// `text` with "[secret]" for each of `secrets`, also for one of which only the beginning is there (a
// message that was shortened). Secrets of less than four bytes are placeholders and left alone.
std::string Scrub(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace ose

#endif  // OSEVOLVE_LLM_REASON_H_
