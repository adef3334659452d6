// The two schemas, as lists of migration steps (docs/schema.md explains every column).
//
// A released step never changes: a new version appends one. Step i brings a database from
// version i to i + 1 (PRAGMA user_version); version 0 is an empty file. Steps only add or
// rewrite, they never drop a row.
#ifndef OSEVOLVE_STORE_SCHEMA_H_
#define OSEVOLVE_STORE_SCHEMA_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace ose {

struct Schema {
  std::string_view what;     // "run database"
  int32_t application_id;    // PRAGMA application_id, which file(1) and we tell databases apart by
  std::span<const char* const> steps;  // SQL
  std::string_view when_damaged;  // how the user goes on
  std::string_view when_missing;
  int version() const { return static_cast<int>(steps.size()); }
};

const Schema& RunSchema();
const Schema& KnowledgeSchema();

}  // namespace ose

#endif  // OSEVOLVE_STORE_SCHEMA_H_
