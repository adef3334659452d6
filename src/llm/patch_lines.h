// Lines of a text and where a run of lines occurs in it, at four levels of tolerance. Private to the patches.
#ifndef OSEVOLVE_LLM_PATCH_LINES_H_
#define OSEVOLVE_LLM_PATCH_LINES_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
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

// Looks for runs of lines in one text. Each search takes time linear in the text and in what is wanted, also
// when both repeat one line over and over.
class LineFinder {
 public:
  // `text` must outlive the finder.
  explicit LineFinder(const std::vector<TextLine>& text) : text_(text) {}

  // All places of `wanted` at the strictest tolerance that has any; they may overlap. kSpaces skips blank lines.
  std::vector<LineRange> Find(const std::vector<std::string>& wanted, Tolerance* used);

 private:
  // The text at one tolerance: equal lines have equal numbers.
  struct View {
    bool made = false;
    std::unordered_map<std::string, size_t> numbers;
    std::vector<size_t> lines;   // number of each
    std::vector<size_t> origin;  // its place in the text
  };
  View& At(Tolerance tolerance);

  const std::vector<TextLine>& text_;
  std::array<View, 4> views_;
};

// Where wanted[i] of a place lies in the text; text.size() for a blank line that the tolerance skips.
std::vector<size_t> LineMap(const std::vector<TextLine>& text, const std::vector<std::string>& wanted,
                            const LineRange& place, Tolerance used);

// `replacement` with the indentation by which the place differs from what was looked for.
std::vector<std::string> Reindent(const std::vector<std::string>& replacement, std::string_view wanted_line,
                                  std::string_view found_line);

// The line of `text` that is most like the first line of `wanted` that says something.
size_t NearestLine(const std::vector<TextLine>& text, const std::vector<std::string>& wanted);

bool IsBlank(std::string_view line);

// Lines that stand for others: "// ...", "// rest unchanged".
bool IsElision(std::string_view line);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PATCH_LINES_H_
