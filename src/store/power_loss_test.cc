// Loss of power: what was written but not synced may be on the disk in part, in any order, or not at all. A VFS of
// SQLite (https://sqlite.org/vfs.html) between the store and the files keeps, for each file, the content at the last
// sync and the writes since; at random moments it makes the disk that a loss of power might leave behind.
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "core/exit_code.h"
#include "store/run_db.h"
#include "store/testing.h"

namespace ose {
namespace {

struct Write {
  sqlite3_int64 offset;  // < 0: the file is cut to -offset - 1 bytes
  std::string bytes;
};

struct Disk {
  struct File {
    std::string synced;
    std::vector<Write> pending;
  };
  std::map<std::string, File> files;    // by full path
  std::map<std::string, File> deleted;  // whose deletion may not have reached the disk
  std::mt19937 random{7};
  std::function<void()> at_write;  // before every write and sync

  static void Apply(const Write& w, size_t bytes, std::string* content) {
    if (w.offset < 0) return content->resize(static_cast<size_t>(-w.offset - 1));
    if (content->size() < static_cast<size_t>(w.offset) + bytes) content->resize(static_cast<size_t>(w.offset) + bytes);
    memcpy(content->data() + w.offset, w.bytes.data(), bytes);
  }
  // The synced content and any part of the rest; a write of several sectors may be cut at one.
  std::string Survivor(const File& file) {
    std::string content = file.synced;
    const unsigned mood = random() % 3;  // nothing, all, or some of what was not synced
    for (const Write& w : file.pending) {
      if (mood == 0 || (mood == 2 && random() % 2)) continue;
      const size_t sectors = w.bytes.size() / 512;
      const bool torn = mood == 2 && sectors > 1 && random() % 4 == 0;
      Apply(w, torn ? random() % sectors * 512 : w.bytes.size(), &content);
    }
    return content;
  }
  void LosePower(const std::string& path, const std::string& into) {
    for (const char* suffix : {"", "-wal", "-journal"}) {
      if (auto it = files.find(path + suffix); it != files.end()) WriteBytes(into + suffix, Survivor(it->second));
      else if (auto old = deleted.find(path + suffix); old != deleted.end() && random() % 2) WriteBytes(into + suffix, Survivor(old->second));
    }
  }
};
Disk* disk = nullptr;  // of the test that runs: SQLite's callbacks have no other way to it

struct LossyFile {
  sqlite3_file base;
  const char* name;  // null: not one that is watched
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
LossyFile* Lossy(sqlite3_file* f) { return reinterpret_cast<LossyFile*>(f); }
sqlite3_file* Real(sqlite3_file* f) { return Lossy(f)->real(); }

int DoClose(sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); }
int DoRead(sqlite3_file* f, void* p, int n, sqlite3_int64 at) { return Real(f)->pMethods->xRead(Real(f), p, n, at); }
int DoWrite(sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
  if (Lossy(f)->name) {
    disk->at_write();
    disk->files[Lossy(f)->name].pending.push_back({at, std::string(static_cast<const char*>(p), static_cast<size_t>(n))});
  }
  return Real(f)->pMethods->xWrite(Real(f), p, n, at);
}
int DoTruncate(sqlite3_file* f, sqlite3_int64 size) {
  if (Lossy(f)->name) disk->files[Lossy(f)->name].pending.push_back({-size - 1, ""});
  return Real(f)->pMethods->xTruncate(Real(f), size);
}
int DoSync(sqlite3_file* f, int flags) {
  if (Lossy(f)->name) {
    disk->at_write();
    Disk::File& file = disk->files[Lossy(f)->name];
    for (const Write& w : file.pending) Disk::Apply(w, w.bytes.size(), &file.synced);
    file.pending.clear();
  }
  return Real(f)->pMethods->xSync(Real(f), flags);
}
int DoFileSize(sqlite3_file* f, sqlite3_int64* size) { return Real(f)->pMethods->xFileSize(Real(f), size); }
int DoLock(sqlite3_file* f, int level) { return Real(f)->pMethods->xLock(Real(f), level); }
int DoUnlock(sqlite3_file* f, int level) { return Real(f)->pMethods->xUnlock(Real(f), level); }
int DoCheckLock(sqlite3_file* f, int* held) { return Real(f)->pMethods->xCheckReservedLock(Real(f), held); }
int DoControl(sqlite3_file* f, int op, void* p) { return Real(f)->pMethods->xFileControl(Real(f), op, p); }
int DoSectorSize(sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); }
// Nothing that the shim would not honour: no atomic writes, no writes in order.
int DoCharacteristics(sqlite3_file*) { return 0; }
int DoShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** p) { return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, p); }
int DoShmLock(sqlite3_file* f, int offset, int n, int flags) { return Real(f)->pMethods->xShmLock(Real(f), offset, n, flags); }
void DoShmBarrier(sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); }
int DoShmUnmap(sqlite3_file* f, int del) { return Real(f)->pMethods->xShmUnmap(Real(f), del); }
// Version 2: without memory-mapped files, which would be written behind the shim's back.
const sqlite3_io_methods kMethods = {2, DoClose, DoRead, DoWrite, DoTruncate, DoSync, DoFileSize, DoLock, DoUnlock, DoCheckLock, DoControl,
                                     DoSectorSize, DoCharacteristics, DoShmMap, DoShmLock, DoShmBarrier, DoShmUnmap, nullptr, nullptr};

int DoOpen(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out) {
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  f->pMethods = nullptr;
  Lossy(f)->name = nullptr;
  const int rc = real_vfs->xOpen(real_vfs, name, Real(f), flags, out);
  if (rc != SQLITE_OK) return rc;
  if (name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL))) {
    disk->files.try_emplace(name);
    Lossy(f)->name = name;  // SQLite keeps it as long as the file is open
  }
  f->pMethods = &kMethods;
  return SQLITE_OK;
}
int DoDelete(sqlite3_vfs* vfs, const char* name, int sync) {
  if (auto it = disk->files.find(name); it != disk->files.end()) {
    if (!sync) disk->deleted[name] = it->second;
    else disk->deleted.erase(name);
    disk->files.erase(it);
  }
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  return real_vfs->xDelete(real_vfs, name, sync);
}

class PowerLossTest : public StoreTest {
 protected:
  void SetUp() override {
    disk = &disk_;
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "lossy";
    vfs_.pAppData = real_;
    vfs_.szOsFile = static_cast<int>(sizeof(LossyFile)) + real_->szOsFile;
    vfs_.xOpen = DoOpen;
    vfs_.xDelete = DoDelete;
    ASSERT_EQ(sqlite3_vfs_register(&vfs_, 1), SQLITE_OK);
  }
  void TearDown() override {
    sqlite3_vfs_register(real_, 1);
    sqlite3_vfs_unregister(&vfs_);
    disk = nullptr;
  }
  Disk disk_;
  sqlite3_vfs vfs_{};
  sqlite3_vfs* real_ = nullptr;
};

// What a disk after a loss of power holds: the number of evaluations, which are the first ones and whole.
void ExpectPrefix(const std::string& path, int64_t at_least, int64_t* most_lost, int64_t written) {
  auto db = RunDb::Open(path, OpenMode::kResume);
  ASSERT_TRUE(db.ok()) << db.error().message;
  int64_t evaluated = 0;
  bool gap = false;
  ASSERT_TRUE(db->ForEachCandidate(RunDb::With::kScores, [&](StoredCandidate c) {
                  if (!c.outcome) {
                    gap = true;
                    return true;
                  }
                  EXPECT_FALSE(gap) << "evaluation " << c.proposal.id << " is there, an earlier one is not";
                  EXPECT_EQ(c.proposal.id, evaluated);
                  ++evaluated;
                  return true;
                }).ok());
  EXPECT_GE(evaluated, at_least) << "what a close had synced is gone";
  *most_lost = std::max(*most_lost, written - evaluated);
  // And it goes on.
  const int64_t next = db->Count()->candidates;
  EXPECT_TRUE(db->AppendProposal(MakeProposal(next)).ok());
  EXPECT_TRUE(db->SaveEvaluation(next, MakeEvaluation(next, 2), Stage::kFull).ok());
}

TEST_F(PowerLossTest, EveryDiskItMayLeaveBehindIsConsistent) {
  constexpr int kRounds = 6, kSavesPerRound = 40, kDisks = 80;
  const std::string path = Path("run.db");
  struct Left {
    std::string path;
    int64_t durable, written;
  };
  std::vector<Left> left;
  int64_t durable = 0, written = 0, writes = 0;
  disk_.at_write = [&] {
    ++writes;
    // Before the first schema is synced there is no run that could be lost.
    if (durable == 0 || left.size() >= kDisks || disk_.random() % 24) return;
    left.push_back({Path("lost" + std::to_string(left.size()) + ".db"), durable, written});
    disk_.LosePower(path, left.back().path);
  };
  for (int round = 0; round < kRounds; ++round) {
    {
      auto db = RunDb::Open(path, round == 0 ? OpenMode::kCreate : OpenMode::kResume);
      ASSERT_TRUE(db.ok()) << db.error().message;
      for (int i = 0; i < kSavesPerRound; ++i, ++written) {
        ASSERT_TRUE(db->AppendProposal(MakeProposal(written, 2000)).ok());
        ASSERT_TRUE(db->SaveEvaluation(written, MakeEvaluation(written, 4), Stage::kFull).ok());
      }
    }
    durable = written;  // closing moves the WAL into the database and syncs it
  }
  disk_.at_write = [] {};
  ASSERT_GE(left.size(), 50u);
  int64_t most_lost = 0;
  for (const Left& l : left) {
    SCOPED_TRACE(l.path);
    ExpectPrefix(l.path, l.durable, &most_lost, l.written);
    if (HasFailure()) return;
  }
  printf("%zu disks after a loss of power (%lld writes and syncs): all consistent, at most %lld evaluations lost\n", left.size(),
         static_cast<long long>(writes), static_cast<long long>(most_lost));
  EXPECT_GT(most_lost, 0) << "nothing was ever lost: the shim drops nothing";
}

// The shim can fail: a store that is told never to sync loses its consistency.
TEST_F(PowerLossTest, WithoutSyncsItIsNot) {
  const std::string path = Path("plain.db");
  disk_.at_write = [] {};
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA synchronous = OFF; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(20000));", nullptr, nullptr, nullptr), SQLITE_OK);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(sqlite3_exec(db, "INSERT INTO t VALUES (randomblob(9000)); DELETE FROM t WHERE rowid % 3 = 0;", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  int broken = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string left = Path("left" + std::to_string(i));
    disk_.LosePower(path, left);
    sqlite3* after = nullptr;
    sqlite3_open(left.c_str(), &after);
    sqlite3_stmt* check = nullptr;
    const bool ok = sqlite3_prepare_v2(after, "SELECT count(*) FROM t", -1, &check, nullptr) == SQLITE_OK && sqlite3_step(check) == SQLITE_ROW &&
                    sqlite3_finalize(check) == SQLITE_OK && sqlite3_prepare_v2(after, "PRAGMA integrity_check", -1, &check, nullptr) == SQLITE_OK &&
                    sqlite3_step(check) == SQLITE_ROW && strcmp(reinterpret_cast<const char*>(sqlite3_column_text(check, 0)), "ok") == 0;
    sqlite3_finalize(check);
    sqlite3_close(after);
    broken += !ok;
  }
  EXPECT_GT(broken, 0);
}

}  // namespace
}  // namespace ose
