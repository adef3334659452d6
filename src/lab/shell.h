// Words of bash scripts.
#ifndef OSEVOLVE_LAB_SHELL_H_
#define OSEVOLVE_LAB_SHELL_H_

#include <string>
#include <string_view>

namespace ose {

// The word as one that bash takes as it stands.
inline std::string ShellQuoted(std::string_view word) {
  std::string s = "'";
  for (char c : word) s += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return s + "'";
}

}  // namespace ose

#endif  // OSEVOLVE_LAB_SHELL_H_
