// Taking one defence out, to see that it matters. The product has no switch for that; this test program
// links the product's libraries with --wrap (tests/CMakeLists.txt), so that the calls by which a wall is
// put up go through walls.cc first.
#ifndef OSEVOLVE_TESTS_HOSTILE_WALLS_H_
#define OSEVOLVE_TESTS_HOSTILE_WALLS_H_

#include <string>
#include <string_view>
#include <vector>

namespace ose::hostile {

// "seccomp", "landlock", "limits" (memory, CPU, files, processes, stack), "group" (the end of what a
// candidate started) and "gate", which is the runner's own business.
const std::vector<std::string>& WallNames();

// Of this process and those that it forks. "seccomp+limits"; "" = all stand.
void TakeOut(std::string_view walls);
bool IsOut(std::string_view wall);

}  // namespace ose::hostile

#endif  // OSEVOLVE_TESTS_HOSTILE_WALLS_H_
