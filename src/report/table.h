// Table: columns of text, aligned. The first column is left-aligned, the others to the right.
#ifndef OSEVOLVE_REPORT_TABLE_H_
#define OSEVOLVE_REPORT_TABLE_H_

#include <string>
#include <vector>

namespace ose {

// Width of a UTF-8 text in terminal columns, counting code points.
size_t TextWidth(const std::string& text);

std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// The same as a table of Markdown; the first row is its header. `|` in a cell is escaped.
std::string FormatMarkdownTable(const std::vector<std::vector<std::string>>& rows);

// Control characters, which a file or a candidate may have put into a text, as '?'.
std::string Printable(std::string_view text);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_TABLE_H_
