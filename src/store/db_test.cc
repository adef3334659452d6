#include "store/db.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <vector>

#include "base/time.h"
#include "core/exit_code.h"
#include "store/testing.h"

namespace ose {
namespace {

// A schema with a history, as ours will have.
constexpr const char* kSteps[] = {
    "CREATE TABLE fruit(id INTEGER PRIMARY KEY, name TEXT NOT NULL, seen_wall TEXT NOT NULL DEFAULT '') STRICT;",
    "ALTER TABLE fruit ADD COLUMN color TEXT NOT NULL DEFAULT 'unknown'; CREATE INDEX by_name ON fruit(name);",
    "CREATE TABLE basket(fruit INTEGER REFERENCES fruit(id), n INTEGER) STRICT; INSERT INTO basket SELECT id, 1 FROM fruit;",
};
constexpr const char* kBrokenSteps[] = {kSteps[0], "ALTER TABLE fruit ADD COLUMN color TEXT; CREATE TABLE oops("};

Schema FruitSchema(std::span<const char* const> steps) {
  return {.what = "fruit database", .application_id = 77, .steps = steps, .when_damaged = "buy another", .when_missing = "plant one"};
}

class DbTest : public StoreTest {
 protected:
  // A file as an older version left it, with two rows.
  void MakeVersion(const std::string& path, int version) {
    Schema schema = FruitSchema(std::span(kSteps).first(static_cast<size_t>(version)));
    auto db = Db::Open(path, schema, OpenMode::kCreate);
    ASSERT_TRUE(db.ok());
    (*db)->sqlite().exec("INSERT INTO fruit(id, name) VALUES (1, 'apple'), (2, 'pear')");
  }
  std::string DumpOf(Db& db) {
    std::string all;
    EXPECT_TRUE(db.Dump([&](std::string_view line) { all += std::string(line) + "\n"; }).ok());
    return all;
  }
  Schema newest_ = FruitSchema(kSteps);
};

TEST_F(DbTest, MigratesFromEveryVersionWithoutLosingRows) {
  for (int version = 1; version <= 3; ++version) {
    std::string path = Path("v" + std::to_string(version));
    MakeVersion(path, version);
    auto db = Db::Open(path, newest_, OpenMode::kResume);
    ASSERT_TRUE(db.ok()) << db.error().message;
    EXPECT_EQ((*db)->found_version(), version);
    std::string dump = DumpOf(**db);
    EXPECT_EQ(dump.substr(0, 15), "user_version 3\n");
    EXPECT_NE(dump.find("fruit id=1 name='apple' color='unknown'\n"), std::string::npos) << dump;
    EXPECT_NE(dump.find("fruit id=2 name='pear'"), std::string::npos);
    EXPECT_EQ(dump.find("_wall"), std::string::npos);
  }
}

TEST_F(DbTest, EmptyFileIsVersionZero) {
  std::string path = Path("db");
  WriteBytes(path, "");
  auto db = Db::Open(path, newest_, OpenMode::kResume);
  ASSERT_TRUE(db.ok()) << db.error().message;
  EXPECT_EQ((*db)->found_version(), 0);
  EXPECT_EQ(DumpOf(**db), "user_version 3\n");
}

TEST_F(DbTest, FailedMigrationChangesNothing) {
  std::string path = Path("db");
  MakeVersion(path, 1);
  Schema broken = FruitSchema(kBrokenSteps);
  EXPECT_EQ(CodeOf(Db::Open(path, broken, OpenMode::kResume)), kExitDatabase);
  Schema old = FruitSchema(std::span(kSteps).first(1));
  auto db = Db::Open(path, old, OpenMode::kResume);
  ASSERT_TRUE(db.ok()) << db.error().message;
  EXPECT_EQ(DumpOf(**db), "user_version 1\nfruit id=1 name='apple'\nfruit id=2 name='pear'\n");
}

TEST_F(DbTest, NewerVersionIsRefusedUntouchedWithBothVersions) {
  std::string path = Path("db");
  MakeVersion(path, 3);
  std::string before = ReadFile(path).value();
  Schema old = FruitSchema(std::span(kSteps).first(2));
  for (OpenMode mode : {OpenMode::kCreate, OpenMode::kResume, OpenMode::kReadOnly}) {
    auto db = Db::Open(path, old, mode);
    ASSERT_EQ(CodeOf(db), kExitDatabaseNewer);
    EXPECT_NE(db.error().message.find("version 3"), std::string::npos) << db.error().message;
    EXPECT_NE(db.error().message.find("up to 2"), std::string::npos) << db.error().message;
  }
  EXPECT_EQ(ReadFile(path).value(), before);
}

TEST_F(DbTest, ReadOnlyDoesNotMigrate) {
  std::string path = Path("db");
  MakeVersion(path, 1);
  EXPECT_EQ(CodeOf(Db::Open(path, newest_, OpenMode::kReadOnly)), kExitDatabase);
}

TEST_F(DbTest, OtherDatabasesAreRefusedUntouched) {
  std::string path = Path("db");
  {
    SQLite::Database other(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE precious(x); INSERT INTO precious VALUES (1)");
  }
  std::string before = ReadFile(path).value();
  auto db = Db::Open(path, newest_, OpenMode::kCreate);
  ASSERT_EQ(CodeOf(db), kExitDatabase);
  EXPECT_NE(db.error().message.find(path + " is another program's database"), std::string::npos) << db.error().message;
  EXPECT_EQ(ReadFile(path).value(), before);
  // One of ours in the place of the other.
  std::string run = Path("run.db");
  ASSERT_TRUE(Db::Open(run, RunSchema(), OpenMode::kCreate).ok());
  auto knowledge = Db::Open(run, KnowledgeSchema(), OpenMode::kCreate);
  ASSERT_EQ(CodeOf(knowledge), kExitDatabase);
  EXPECT_NE(knowledge.error().message.find("a run database, not a knowledge base"), std::string::npos) << knowledge.error().message;
}

TEST_F(DbTest, GarbageIsRefusedUntouched) {
  for (size_t size : {1, 15, 100, 4096, 100'000}) {
    std::string path = Path("garbage" + std::to_string(size)), bytes(size, 'x');
    WriteBytes(path, bytes);
    for (OpenMode mode : {OpenMode::kCreate, OpenMode::kResume, OpenMode::kReadOnly}) {
      auto db = Db::Open(path, newest_, mode);
      ASSERT_EQ(CodeOf(db), kExitDatabase) << size;
      EXPECT_NE(db.error().message.find(path), std::string::npos);
      EXPECT_NE(db.error().message.find("buy another"), std::string::npos) << db.error().message;
    }
    EXPECT_EQ(ReadFile(path).value(), bytes);
  }
}

TEST_F(DbTest, MissingFileAndFolder) {
  auto db = Db::Open(Path("none"), newest_, OpenMode::kResume);
  ASSERT_EQ(CodeOf(db), kExitNotFound);
  EXPECT_NE(db.error().message.find("plant one"), std::string::npos);
  EXPECT_EQ(CodeOf(Db::Open(Path("none/db"), newest_, OpenMode::kCreate)), kExitIo);
  EXPECT_EQ(CodeOf(Db::Open(Path("."), newest_, OpenMode::kCreate)), kExitIo);
}

TEST_F(DbTest, ReadOnlyFolder) {
  std::string dir = Path("folder");
  std::string path = JoinPath(dir, "db");
  ASSERT_EQ(mkdir(dir.c_str(), 0755), 0);
  MakeVersion(path, 3);
  ASSERT_EQ(chmod(Dirname(dir).c_str(), 0755), 0);
  ASSERT_EQ(chmod(path.c_str(), 0444), 0);
  ASSERT_EQ(chmod(dir.c_str(), 0555), 0);
  EXPECT_EQ(InUnprivilegedChild([&] { return CodeOf(Db::Open(path, newest_, OpenMode::kResume)); }), kExitIo);
  EXPECT_EQ(InUnprivilegedChild([&] { return CodeOf(Db::Open(JoinPath(dir, "new"), newest_, OpenMode::kCreate)); }), kExitIo);
  // Closed in WAL mode, without a -wal file: readable as is.
  EXPECT_EQ(InUnprivilegedChild([&] {
              auto db = Db::Open(path, newest_, OpenMode::kReadOnly);
              if (!db.ok()) return db.error().code;
              return (*db)->sqlite().execAndGet("SELECT count(*) FROM fruit").getInt() == 2 ? 0 : 1;
            }),
            0);
  ASSERT_EQ(chmod(dir.c_str(), 0755), 0);
}

TEST_F(DbTest, BusyAfterTwoSeconds) {
  std::string path = Path("db");
  MakeVersion(path, 3);
  SQLite::Database other(path, SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  auto db = Db::Open(path, newest_, OpenMode::kResume);
  ASSERT_TRUE(db.ok()) << db.error().message;  // readers do not wait
  auto begin = MonotonicNow();
  Status status = (*db)->Write([&]() -> Status {
    (*db)->sqlite().exec("DELETE FROM fruit");
    return {};
  });
  EXPECT_EQ(CodeOf(status), kExitDatabaseBusy);
  EXPECT_GE((MonotonicNow() - begin).s(), 1.9);
  EXPECT_LT((MonotonicNow() - begin).s(), 10);
}

TEST_F(DbTest, WriteRollsBackOnErrorAndOnException) {
  std::string path = Path("db");
  MakeVersion(path, 3);
  auto opened = Db::Open(path, newest_, OpenMode::kResume);
  ASSERT_TRUE(opened.ok());
  Db& db = **opened;
  std::string before = DumpOf(db);
  EXPECT_EQ(CodeOf(db.Write([&]() -> Status {
    db.sqlite().exec("DELETE FROM basket");
    return Error{42, "no"};
  })), 42);
  EXPECT_EQ(CodeOf(db.Write([&]() -> Status {
    db.sqlite().exec("DELETE FROM basket; INSERT INTO fruit(id, name) VALUES (1, 'again')");
    return {};
  })), kExitInternal);
  EXPECT_EQ(DumpOf(db), before);
}

// Several processes make the same new database at once.
TEST_F(DbTest, CreatedByManyProcessesAtOnce) {
  for (int round = 0; round < 5; ++round) {
    std::string path = Path("db" + std::to_string(round));
    std::vector<pid_t> children;
    for (int c = 0; c < 4; ++c) children.push_back(StartChild([&] { return CodeOf(Db::Open(path, newest_, OpenMode::kCreate)); }));
    for (pid_t pid : children) EXPECT_EQ(WaitFor(pid), 0);
    auto db = Db::Open(path, newest_, OpenMode::kResume);
    ASSERT_TRUE(db.ok());
    EXPECT_EQ(DumpOf(**db), "user_version 3\n");
  }
}

TEST_F(DbTest, LeaveWalLeavesOneFile) {
  std::string path = Path("db");
  MakeVersion(path, 3);
  {
    auto db = Db::Open(path, newest_, OpenMode::kResume);
    ASSERT_TRUE(db.ok());
    EXPECT_TRUE(FileExists(path + "-wal"));
    (*db)->LeaveWal();
    EXPECT_FALSE(FileExists(path + "-wal"));
  }
  auto db = Db::Open(path, newest_, OpenMode::kReadOnly);
  ASSERT_TRUE(db.ok());
  EXPECT_FALSE(FileExists(path + "-wal"));
  EXPECT_FALSE(FileExists(path + "-shm"));
}

}  // namespace
}  // namespace ose
