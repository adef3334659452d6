#include "store/db.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "base/file.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr int kBusyTimeoutMs = 2000;
constexpr int64_t kSmallestPage = 512;

int64_t Scalar(SQLite::Database& db, const char* sql) { return db.execAndGet(sql).getInt64(); }

int64_t FileSize(const std::string& path) {
  struct stat st;
  return stat(path.c_str(), &st) == 0 ? static_cast<int64_t>(st.st_size) : -1;
}

// A file: URI in which every byte that is not plainly safe is escaped.
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (unsigned char c : path) {
    if (isalnum(c) || strchr("/._-", c)) {
      uri += static_cast<char>(c);
    } else {
      const char* hex = "0123456789ABCDEF";
      uri += {'%', hex[c >> 4], hex[c & 15]};
    }
  }
  return uri + "?immutable=1";
}

bool CannotReach(int code) {
  return code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM;
}

std::string Quoted(const std::string& identifier) { return '"' + identifier + '"'; }

}  // namespace

Status Db::CheckExists(const std::string& path, const Schema& schema) {
  if (FileSize(path) >= 0) return {};
  return Error{kExitNotFound, "no " + std::string(schema.what) + " at " + path + ": " + std::string(schema.when_missing)};
}

Result<std::unique_ptr<Db>> Db::Open(const std::string& path, const Schema& schema, OpenMode mode) {
  std::unique_ptr<Db> db(new Db(path, schema));
  if (mode != OpenMode::kCreate) OSE_TRY(CheckExists(path, schema));
  OSE_TRY(db->Try([&]() -> Status {
    OSE_TRY(db->Connect(mode));
    OSE_TRY(db->Identify(mode));
    if (mode == OpenMode::kReadOnly) return {};
    if (mode == OpenMode::kResume) OSE_TRY(db->CheckDamage());  // before anything is written
    db->Configure();
    db->Migrate();
    return {};
  }));
  return db;
}

Status Db::Connect(OpenMode mode) {
  int flags = mode == OpenMode::kReadOnly ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE;
  if (mode == OpenMode::kCreate) flags |= SQLite::OPEN_CREATE;
  try {
    sqlite_ = std::make_unique<SQLite::Database>(path_, flags, kBusyTimeoutMs);
    Scalar(*sqlite_, "PRAGMA schema_version");  // the first read of the file
  } catch (const SQLite::Exception& e) {
    // Read-only media: WAL needs its -shm file beside the database even for reading. Without a
    // -wal file nobody writes and all content is in the database, so it may be read as is.
    if (mode != OpenMode::kReadOnly || !CannotReach(e.getErrorCode()) || access(path_.c_str(), R_OK) != 0 ||
        FileSize(path_ + "-wal") > 0)
      throw;
    sqlite_ = std::make_unique<SQLite::Database>(ImmutableUri(path_), SQLite::OPEN_READONLY | SQLite::OPEN_URI);
    Scalar(*sqlite_, "PRAGMA schema_version");
  }
  if (mode != OpenMode::kReadOnly && sqlite3_db_readonly(sqlite_->getHandle(), "main") == 1)
    return Error{kExitIo, path_ + " is read-only: make the file and its folder writable, or use another folder"};
  return {};
}

Status Db::Identify(OpenMode mode) {
  // SQLite takes some files shorter than its smallest page for empty ones and would write into
  // them. By size, not by reading: closing a descriptor of ours would drop SQLite's file locks.
  if (int64_t size = FileSize(path_); size > 0 && size < kSmallestPage)
    throw SQLite::Exception("file is cut short", SQLITE_CORRUPT);
  // One snapshot: another process may be making the schema between one question and the next.
  SQLite::Transaction snapshot(*sqlite_, SQLite::TransactionBehavior::DEFERRED);
  auto id = static_cast<int32_t>(Scalar(*sqlite_, "PRAGMA application_id"));
  auto version = static_cast<int>(Scalar(*sqlite_, "PRAGMA user_version"));
  std::string what(schema_.what);
  if (id == 0 && version == 0 && Scalar(*sqlite_, "SELECT count(*) FROM sqlite_schema") == 0) {
    if (mode == OpenMode::kReadOnly)
      return Error{kExitNotFound, "the " + what + " " + path_ + " is still empty: " + std::string(schema_.when_missing)};
    return {};
  }
  if (id != schema_.application_id) {
    std::string found = "another program's database";
    for (const Schema* other : {&RunSchema(), &KnowledgeSchema()})
      if (id == other->application_id) found = "a " + std::string(other->what);
    return Error{kExitDatabase, path_ + " is " + found + ", not a " + what + ": give the right file, or move this one away"};
  }
  if (version > schema_.version())
    return Error{kExitDatabaseNewer, path_ + " has schema version " + std::to_string(version) +
                                         ", this OS-Evolve knows up to " + std::to_string(schema_.version()) +
                                         ": use the newer OS-Evolve that wrote it, or another folder"};
  if (mode == OpenMode::kReadOnly && version < schema_.version())
    return Error{kExitDatabase, path_ + " has schema version " + std::to_string(version) + ", this OS-Evolve reads " +
                                    std::to_string(schema_.version()) +
                                    ": any command that writes to it brings it up to date (`evolve --resume` for a run)"};
  found_version_ = version;
  return {};
}

void Db::Configure() {
  sqlite_->exec("PRAGMA foreign_keys = ON");
  // WAL: a commit appends to one file, and readers never wait for the writer. The switch needs the
  // file for itself and does not always honour the busy timeout, so it is tried for as long.
  std::string mode = sqlite_->execAndGet("PRAGMA journal_mode").getString();
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kBusyTimeoutMs);
  while (mode != "wal") {
    try {
      mode = sqlite_->execAndGet("PRAGMA journal_mode = WAL").getString();
      break;
    } catch (const SQLite::Exception& e) {
      if (e.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  // NORMAL does not fsync per commit: what is committed is in the page cache, which outlives the
  // process (kill -9), and a loss of power can take the last commits but not the consistency.
  // An evaluation lost so is run again with the same result, so FULL (an fsync, milliseconds, per
  // evaluation) would buy nothing. Without WAL (some network file systems) NORMAL may corrupt.
  sqlite_->exec(mode == "wal" ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
  // Moving the WAL into the database costs fsyncs: every 32 MB instead of 4, which is still read
  // in a fraction of a second after a kill.
  sqlite_->exec("PRAGMA wal_autocheckpoint = 8192");  // pages of 4 KB
  sqlite_->exec("PRAGMA cache_size = -16384");        // KiB
}

void Db::Migrate() {
  if (found_version_ == schema_.version()) return;
  SQLite::Transaction transaction(*sqlite_, SQLite::TransactionBehavior::IMMEDIATE);
  // Another process may have migrated it while this one waited for the lock.
  auto version = static_cast<int>(Scalar(*sqlite_, "PRAGMA user_version"));
  for (; version < schema_.version(); ++version) sqlite_->exec(schema_.steps[version]);
  sqlite_->exec("PRAGMA application_id = " + std::to_string(schema_.application_id));
  sqlite_->exec("PRAGMA user_version = " + std::to_string(version));
  transaction.commit();
}

Db::Stmt Db::Prepare(const char* sql) {
  auto it = statements_.find(sql);
  if (it == statements_.end()) it = statements_.emplace(sql, SQLite::Statement(*sqlite_, sql)).first;
  return Stmt(it->second);
}

Error Db::ToError(const SQLite::Exception& e) const {
  std::string reason = std::string(": ") + e.what();
  std::string what(schema_.what);
  switch (e.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {kExitDatabaseBusy, path_ + " is in use by another process: wait for it to end, then try again" + reason};
    case SQLITE_FULL:
      return {kExitIo, "no space left for " + path_ + ": free some on that disk and try again; what was saved is kept" + reason};
    case SQLITE_IOERR:
      return {kExitIo, "cannot read or write " + path_ + ": check the disk, its free space and quota; what was saved is kept" + reason};
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {kExitIo, "cannot open " + path_ + ": check that its folder exists and that both are readable and writable" + reason};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {kExitDatabase, path_ + " is damaged or not a " + what + ": " + std::string(schema_.when_damaged) + reason};
    case SQLITE_ERROR:  // a table or column of ours is gone: somebody changed the schema
    case SQLITE_SCHEMA:
      return {kExitDatabase, path_ + " does not have the tables of a " + what + ": " + std::string(schema_.when_damaged) + reason};
    default:
      return {kExitInternal, "a bug in OS-Evolve: unexpected answer of the " + what + " " + path_ + reason};
  }
}

Status Db::CheckDamage() {
  std::string answer = sqlite_->execAndGet("PRAGMA quick_check(1)").getString();
  // The check does not see the loss of a part of the last page. With a WAL the file may rightly
  // end within a page, after a checkpoint on a full disk.
  if (answer == "ok" && FileSize(path_ + "-wal") <= 0 && FileSize(path_) % Scalar(*sqlite_, "PRAGMA page_size") != 0)
    answer = "the file is cut short";
  if (answer == "ok") return {};
  return Error{kExitDatabase, path_ + " is damaged: " + std::string(schema_.when_damaged) + ": " + answer};
}

void Db::LeaveWal() {
  statements_.clear();  // an open statement would keep the file busy
  try {
    sqlite_->setBusyTimeout(0);
    sqlite_->execAndGet("PRAGMA journal_mode = DELETE");
  } catch (const SQLite::Exception&) {  // NOLINT(bugprone-empty-catch)
    // A reader has it open; it stays in WAL mode, which is as good on a writable disk.
  }
}

Status Db::Dump(const std::function<void(std::string_view line)>& line) {
  return Read([&]() -> Status {
    line("user_version " + std::to_string(Scalar(*sqlite_, "PRAGMA user_version")));
    std::vector<std::string> tables;
    SQLite::Statement list(*sqlite_, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' "
                                     "ESCAPE '!' ORDER BY name");
    while (list.executeStep()) tables.push_back(list.getColumn(0).getString());
    for (const std::string& table : tables) {
      std::vector<std::string> names;
      std::string columns, key;
      SQLite::Statement info(*sqlite_, "SELECT name FROM pragma_table_info(?) WHERE name NOT LIKE '%!_wall' ESCAPE '!' "
                                       "ORDER BY cid");
      info.bind(1, table);
      while (info.executeStep()) {
        names.push_back(info.getColumn(0).getString());
        columns += (columns.empty() ? "quote(" : ", quote(") + Quoted(names.back()) + ")";
      }
      SQLite::Statement keys(*sqlite_, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk");
      keys.bind(1, table);
      while (keys.executeStep()) key += (key.empty() ? "" : ", ") + Quoted(keys.getColumn(0).getString());
      SQLite::Statement rows(*sqlite_, "SELECT " + columns + " FROM " + Quoted(table) + " ORDER BY " + (key.empty() ? "rowid" : key));
      while (rows.executeStep()) {
        std::string text = table;
        for (size_t i = 0; i < names.size(); ++i) {
          text += ' ' + names[i] + '=';
          for (char c : rows.getColumn(static_cast<int>(i)).getString()) {
            if (c == '\n') text += "\\n";
            else text += c;
          }
        }
        line(text);
      }
    }
    return {};
  });
}

}  // namespace ose
