// RunDb when things end badly: kill -9 while writing, a disk that is full, and what it costs.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "core/exit_code.h"
#include "store/run_db.h"
#include "store/testing.h"

namespace ose {
namespace {

class RunDbCrashTest : public StoreTest {};

std::string DumpAt(const std::string& path) {
  std::string all;
  auto db = RunDb::Open(path, OpenMode::kReadOnly);
  EXPECT_TRUE(db.ok() && db->Dump([&](std::string_view line) { all += std::string(line) + "\n"; }).ok());
  return all;
}

// Ends with the same content as an undisturbed run of the same length, through kills. A child
// resumes, goes on from what is stored and reports over a pipe every save that returned.
TEST_F(RunDbCrashTest, KillNineLosesAndRepeatsNothing) {
  constexpr int64_t kCandidates = 3000;
  std::string path = Path("run.db");
  ASSERT_TRUE(RunDb::Open(path, OpenMode::kCreate).ok());
  auto run = [&](int report) {
    auto db = RunDb::Open(path, OpenMode::kResume);
    if (!db.ok()) return db.error().code;
    int64_t next = 0;
    std::vector<int64_t> missing;
    if (!db->ForEachCandidate(RunDb::With::kScores, [&](StoredCandidate c) {
          if (!c.outcome) missing.push_back(c.proposal.id);
          next = c.proposal.id + 1;
          return true;
        }).ok())
      return 101;
    auto evaluate = [&](int64_t id) {
      if (!db->SaveEvaluation(id, MakeEvaluation(id, 4), Stage::kFull).ok()) return false;
      return write(report, &id, sizeof id) == sizeof id;
    };
    for (int64_t id : missing)
      if (!evaluate(id)) return 102;
    for (int64_t id = next; id < kCandidates; ++id)
      if (!db->AppendProposal(MakeProposal(id, 2000)).ok() || !evaluate(id)) return 103;
    return 0;
  };

  std::map<int64_t, int> acknowledged;
  int kills = 0;
  for (bool done = false; !done;) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    pid_t child = StartChild([&] { return run(ends[1]); });
    close(ends[1]);
    // Kill after a number of saves that differs from round to round, so at any point of a save.
    int64_t id;
    int limit = 150 + kills * 97 % 200, seen = 0;
    while (read(ends[0], &id, sizeof id) == sizeof id) {
      ++acknowledged[id];
      if (++seen == limit) {
        usleep(static_cast<useconds_t>(kills * 37 % 300));
        kill(child, SIGKILL);
      }
    }
    close(ends[0]);
    int code = WaitFor(child);
    done = code == 0;
    if (done) break;
    ASSERT_EQ(code, -SIGKILL);
    ++kills;
    // Look at it as SQLite sees it, WAL and all.
    SQLite::Database raw(path, SQLite::OPEN_READWRITE);
    ASSERT_EQ(raw.execAndGet("PRAGMA integrity_check").getString(), "ok");
    ASSERT_EQ(raw.execAndGet("SELECT count(*) FROM pragma_foreign_key_check").getInt(), 0);
    SQLite::Statement stored(raw, "SELECT count(*) FROM candidate WHERE outcome = 'ok' AND id = ?");
    for (const auto& [saved, times] : acknowledged) {
      stored.bind(1, saved);
      ASSERT_TRUE(stored.executeStep());
      ASSERT_EQ(stored.getColumn(0).getInt(), 1) << "lost " << saved;
      stored.reset();
    }
    // All or nothing: no evaluation is there in part.
    ASSERT_EQ(raw.execAndGet("SELECT count(*) FROM candidate c WHERE (outcome IS NULL) <> ((SELECT count(*) FROM evaluation "
                             "WHERE candidate = c.id) = 0) OR (SELECT count(*) FROM evaluation WHERE candidate = c.id) "
                             "NOT IN (0, 4)").getInt(), 0);
  }
  EXPECT_GE(kills, 8);
  for (const auto& [id, times] : acknowledged) EXPECT_EQ(times, 1) << "repeated " << id;

  std::string calm = Path("calm.db");
  {
    auto db = RunDb::Open(calm, OpenMode::kCreate);
    for (int64_t id = 0; id < kCandidates; ++id) {
      ASSERT_TRUE(db->AppendProposal(MakeProposal(id, 2000)).ok());
      ASSERT_TRUE(db->SaveEvaluation(id, MakeEvaluation(id, 4), Stage::kFull).ok());
    }
  }
  EXPECT_TRUE(DumpAt(path) == DumpAt(calm));
}

// Writes until it fails; returns the number of saves that returned, or -1 on a wrong code.
int FillUp(const std::string& path) {
  auto db = RunDb::Open(path, OpenMode::kCreate);
  if (!db.ok()) return -1;
  for (int64_t id = 0; id < 100'000; ++id) {
    Status status = db->AppendProposal(MakeProposal(id, 3000));
    if (status.ok()) status = db->SaveEvaluation(id, MakeEvaluation(id, 4), Stage::kFull);
    if (!status.ok()) return status.error().code == kExitIo ? static_cast<int>(id) : -1;
  }
  return -1;
}

void ExpectKept(const std::string& path, int saved) {
  auto db = RunDb::Open(path, OpenMode::kResume);
  ASSERT_TRUE(db.ok()) << db.error().message;
  auto counts = db->Count();
  ASSERT_TRUE(counts.ok());
  EXPECT_GE(counts->evaluated, saved);
  // There is room again: the run goes on.
  int64_t next = counts->candidates;
  EXPECT_TRUE(db->AppendProposal(MakeProposal(next, 3000)).ok());
  EXPECT_TRUE(db->SaveEvaluation(next, MakeEvaluation(next, 4), Stage::kFull).ok());
}

TEST_F(RunDbCrashTest, FileSizeLimitIsAnIoErrorAndKeepsWhatWasSaved) {
  std::string path = Path("run.db"), count = Path("count");
  int code = InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {3 << 20, 3 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    int saved = FillUp(path);
    WriteBytes(count, std::to_string(saved));
    return saved > 0 ? 0 : 1;
  });
  ASSERT_EQ(code, 0);
  ExpectKept(path, std::stoi(ReadFile(count).value()));
}

TEST_F(RunDbCrashTest, FullDiskIsAnIoErrorAndKeepsWhatWasSaved) {
  std::string disk = Path("disk");
  ASSERT_TRUE(MakeDirs(disk).ok());
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=4m") != 0) GTEST_SKIP() << "needs the right to mount a tmpfs";
  int saved = FillUp(disk + "/run.db");
  EXPECT_GT(saved, 0);
  EXPECT_EQ(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  ExpectKept(disk + "/run.db", saved);
  // No room for even the schema.
  WriteBytes(disk + "/ballast", std::string(80 << 20, 'x'));
  auto db = RunDb::Open(disk + "/other.db", OpenMode::kCreate);
  ASSERT_FALSE(db.ok());
  EXPECT_EQ(db.error().code, kExitIo) << db.error().message;
  EXPECT_EQ(umount(disk.c_str()), 0);
}

// A run of the size that design.md asks for: 10 000 programs of 8 KB, 8 seeds of 16 metrics.
TEST_F(RunDbCrashTest, CostWithTenThousandPrograms) {
  constexpr int64_t kPrograms = 10'000;
  std::string path = Path("run.db");
  std::vector<double> append_ms, save_ms;
  {
    auto db = RunDb::Open(path, OpenMode::kCreate);
    ASSERT_TRUE(db.ok());
    for (int64_t id = 0; id < kPrograms; ++id) {
      Proposal p = MakeProposal(id, 8000);
      Evaluation e = MakeEvaluation(id, 8, 16);
      Nanos t0 = MonotonicNow();
      ASSERT_TRUE(db->AppendProposal(p).ok());
      Nanos t1 = MonotonicNow();
      ASSERT_TRUE(db->SaveEvaluation(id, e, Stage::kFull).ok());
      Nanos t2 = MonotonicNow();
      append_ms.push_back((t1 - t0).ms());
      save_ms.push_back((t2 - t1).ms());
    }
    Nanos t0 = MonotonicNow();
    auto best = db->BestCandidates(Stage::kFull, 10);
    ASSERT_TRUE(best.ok() && best->size() == 10);
    printf("best 10: %.2f ms\n", (MonotonicNow() - t0).ms());
  }
  auto report = [](const char* what, std::vector<double>& ms) {
    std::vector<double> tail(ms.end() - 1000, ms.end());  // with 9000 to 10 000 stored
    double sum = 0;
    for (double x : tail) sum += x;
    std::sort(tail.begin(), tail.end());
    printf("%s: median %.3f ms, mean %.3f ms, p99 %.3f ms\n", what, tail[500], sum / 1000, tail[990]);
    return tail[500];
  };
  report("proposal", append_ms);
  // The target is 0.5 ms; the limit here leaves room for a busy machine and sanitizers.
  EXPECT_LT(report("evaluation (8 seeds)", save_ms), 5.0);
  struct stat st;
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  Nanos t0 = MonotonicNow();
  auto db = RunDb::Open(path, OpenMode::kResume);
  ASSERT_TRUE(db.ok());
  printf("resume with damage check of %.0f MB: %.3f s\n", static_cast<double>(st.st_size) / 1e6, (MonotonicNow() - t0).s());
  for (RunDb::With with : {RunDb::With::kScores, RunDb::With::kMetrics}) {
    t0 = MonotonicNow();
    int64_t seen = 0;
    ASSERT_TRUE(db->ForEachCandidate(with, [&](StoredCandidate) { return ++seen > 0; }).ok());
    EXPECT_EQ(seen, kPrograms);
    double s = (MonotonicNow() - t0).s();
    printf("all candidates %s: %.3f s\n", with == RunDb::With::kScores ? "with scores" : "with metrics", s);
    EXPECT_LT(s, 120.0);  // target 2 s; the same room as above
  }
}

}  // namespace
}  // namespace ose
