// UTF-8 for bytes of strangers: what a server or a program wrote becomes text that every later
// reader (JSON, SQLite, a terminal) takes.
#ifndef OSEVOLVE_BASE_UTF8_H_
#define OSEVOLVE_BASE_UTF8_H_

#include <string>
#include <string_view>

namespace ose {

// As in Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsValidUtf8(std::string_view bytes);

// Every maximal invalid part becomes one U+FFFD; valid text is unchanged.
std::string ToValidUtf8(std::string_view bytes);

// One line for messages and logs: valid UTF-8, control characters and white space as single blanks,
// at most `max_bytes` with "..." at the end when it was cut.
std::string OneLine(std::string_view bytes, size_t max_bytes);

}  // namespace ose

#endif  // OSEVOLVE_BASE_UTF8_H_
