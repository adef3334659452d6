// Temporary folders after kill -9: a TempDir removes itself when its owner ends in order; what a killed one left is
// removed by the next of its kind.
#ifndef OSEVOLVE_BASE_TEMP_LOCK_H_
#define OSEVOLVE_BASE_TEMP_LOCK_H_

#include <string_view>

#include "base/fd.h"
#include "base/file.h"

namespace ose {

// Marks `dir`, made with TempDir::Make(prefix), as in use for as long as the result is open, and removes its siblings
// of that prefix that belong to this user, are in use by nobody and are older than a minute. Never fails: at worst
// something is left.
Fd HoldTempDir(const TempDir& dir, std::string_view prefix);

}  // namespace ose

#endif  // OSEVOLVE_BASE_TEMP_LOCK_H_
