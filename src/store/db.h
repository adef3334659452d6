// Db: one SQLite connection of this room, opened with our settings, its file identified and its
// schema up to date. Private to src/store: the public headers are run_db.h and knowledge_base.h.
//
// SQLiteCpp reports by exception; Try() turns those into Errors that name the file and the way
// on, so that no exception leaves the room. Not thread-safe: the owner serialises.
#ifndef OSEVOLVE_STORE_DB_H_
#define OSEVOLVE_STORE_DB_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "store/open_mode.h"
#include "store/schema.h"

namespace ose {

class Db {
 public:
  // kCreate makes a missing file. An existing file must carry the schema's application id (or be
  // empty) and a version up to ours; it is migrated unless opened kReadOnly. kResume looks for
  // damage (PRAGMA quick_check) first. A file that is refused is not written to.
  static Result<std::unique_ptr<Db>> Open(const std::string& path, const Schema& schema, OpenMode mode);

  // kExitNotFound when there is no file.
  static Status CheckExists(const std::string& path, const Schema& schema);

  const std::string& path() const { return path_; }
  // The schema version found in the file, before migration; 0 for a new one.
  int found_version() const { return found_version_; }
  SQLite::Database& sqlite() { return *sqlite_; }

  // A cached prepared statement, reset when the handle goes: an unfinished SELECT would keep a
  // snapshot open and with it the WAL growing. `sql` must be a string literal, one user at a time.
  class Stmt {
   public:
    explicit Stmt(SQLite::Statement& statement) : statement_(statement) {}
    Stmt(const Stmt&) = delete;
    Stmt& operator=(const Stmt&) = delete;
    ~Stmt() { statement_.tryReset(); }
    SQLite::Statement* operator->() { return &statement_; }

   private:
    SQLite::Statement& statement_;
  };
  Stmt Prepare(const char* sql);

  // Runs body(), which returns a Status or Result, and converts what it throws.
  template <class Body>
  auto Try(Body body) -> decltype(body()) {
    try {
      return body();
    } catch (const SQLite::Exception& e) {
      return ToError(e);
    }
  }
  // The same inside one write transaction: committed when body() succeeds, else rolled back. It
  // takes the write lock at once, so that a read followed by a write cannot fail half-way.
  template <class Body>
  auto Write(Body body) -> decltype(body()) {
    return Try([&]() -> decltype(body()) {
      SQLite::Transaction transaction(*sqlite_, SQLite::TransactionBehavior::IMMEDIATE);
      auto result = body();
      if (result.ok()) transaction.commit();
      return result;
    });
  }
  // The same on one snapshot, for reads by several statements.
  template <class Body>
  auto Read(Body body) -> decltype(body()) {
    return Try([&]() -> decltype(body()) {
      SQLite::Transaction transaction(*sqlite_, SQLite::TransactionBehavior::DEFERRED);
      return body();
    });
  }

  Error ToError(const SQLite::Exception& e) const;

  // Leaves WAL mode, so that a closed database is one plain file that opens from read-only media
  // too. Best effort: readers may be in the way.
  void LeaveWal();

  // All rows without the columns named *_wall, tables by name, rows by primary key.
  Status Dump(const std::function<void(std::string_view line)>& line);

 private:
  Db(std::string path, const Schema& schema) : path_(std::move(path)), schema_(schema) {}
  Status Connect(OpenMode mode);
  Status Identify(OpenMode mode);
  Status CheckDamage();
  void Configure();
  void Migrate();

  std::string path_;
  const Schema& schema_;
  int found_version_ = 0;
  std::unique_ptr<SQLite::Database> sqlite_;
  std::unordered_map<const char*, SQLite::Statement> statements_;  // dies before sqlite_
};

// SQL for the clock of the *_wall columns.
#define OSE_NOW_WALL "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

}  // namespace ose

#endif  // OSEVOLVE_STORE_DB_H_
