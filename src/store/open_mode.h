// How a database is opened.
#ifndef OSEVOLVE_STORE_OPEN_MODE_H_
#define OSEVOLVE_STORE_OPEN_MODE_H_

namespace ose {

enum class OpenMode {
  kCreate,    // the run database: a new run. The knowledge base: open, make it if missing
  kResume,    // must exist; checked for damage, then read and write
  kReadOnly,  // must exist; nothing is written, not even a migration
};

}  // namespace ose

#endif  // OSEVOLVE_STORE_OPEN_MODE_H_
