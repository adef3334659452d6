// Lines of a text and where a run of lines occurs in it, at four levels of tolerance. Private to patch.cc.
#ifndef OSEVOLVE_LLM_PATCH_LINES_H_
#define OSEVOLVE_LLM_PATCH_LINES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ose {

struct TextLine {
  size_t begin = 0, end = 0;  // of the line without its newline
  std::string_view text;      // also without a carriage return
};
std::vector<TextLine> SplitLines(std::string_view text);

enum class Tolerance { kExact, kTrailing, kIndent, kSpaces };  // each ignores more white space
std::string NormalLine(std::string_view line, Tolerance tolerance);

// A run of lines [first, last) of the text.
struct LineRange {
  size_t first = 0, last = 0;
};
// All places of `wanted` at the strictest tolerance that has any; they may overlap. kSpaces skips blank lines.
std::vector<LineRange> FindLines(const std::vector<TextLine>& text, const std::vector<std::string>& wanted, Tolerance* used);

// `replacement` with the indentation by which the place differs from what was looked for.
std::vector<std::string> Reindent(const std::vector<std::string>& replacement, std::string_view wanted_line, std::string_view found_line);

// The lines of `text` that are most like `wanted`'s first line that says something: the number of the first.
size_t NearestLine(const std::vector<TextLine>& text, const std::vector<std::string>& wanted);

bool IsBlank(std::string_view line);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PATCH_LINES_H_
