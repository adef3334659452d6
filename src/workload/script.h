// Script: the compact text of a program without drawn durations. Recordings have millions of
// operations, for which a table each would be too long and too slow.
//
// Tokens, separated by white space; <i> counts from 0 in the file's lists, durations are ns:
//   r<ns> run         y        yield                b      an event begins
//   s<ns> sleep       f<i>     fork, i-th group     e      it ends
//   t<ns> timer       l<i>     lock, i-th lock      [<n>   loop n times, up to the matching ]
//   w<i>  wait, i-th semaphore       u<i>  unlock
//   k<i>  signal it, k<i>x<n> n times
//   m<i>  meet at the i-th barrier   p<i>  put into the i-th queue   g<i>  take from it
//   a<ns> spin        d<i>x<ns> period of the i-th timer
//   c<i>  wait for the i-th condition, c<i>x<j> releasing the j-th lock
//   n<i>  signal it   o<i>     signal all that wait
#ifndef OSEVOLVE_WORKLOAD_SCRIPT_H_
#define OSEVOLVE_WORKLOAD_SCRIPT_H_

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "workload/workload.h"

namespace ose {

// How many of each list the file declares: an index must be below.
struct ScriptLists {
  size_t locks = 0, semaphores = 0, barriers = 0, queues = 0, groups = 0, conditions = 0, timers = 0;
};

struct ScriptError {
  int line = 0;  // from 0, within the text
  std::string what;
};

// Appends the operations to `out`. Loops are not matched here (CheckWorkload does).
std::optional<ScriptError> ParseScript(std::string_view text, const ScriptLists& lists, std::vector<Op>* out);

// Line (from 0) of the n-th token of a script.
int ScriptLine(std::string_view text, size_t n);

// Lines of about 100 columns, each ended by a newline. Precondition: no operation is drawn.
std::string FormatScript(const std::vector<Op>& program);

// The bodies of a recording's scripts are nearly all of its file, and the TOML parser takes several
// times as long for a byte as the script parser. So they are lifted out first: `text` has empty
// lines in their place, which keeps the line numbers, and `bodies` has them by their first line.
// Only what is certainly a script is lifted: written as FormatWorkload writes it, of a script's
// characters alone, in a file without literal strings, inside which a line could look like one.
struct LiftedScripts {
  std::string text;
  std::unordered_map<int, std::string_view> bodies;
};
LiftedScripts LiftScripts(std::string_view text);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SCRIPT_H_
