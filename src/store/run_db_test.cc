#include "store/run_db.h"

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/exit_code.h"
#include "core/seeds.h"
#include "store/testing.h"

namespace ose {
namespace {

class RunDbTest : public StoreTest {
 protected:
  RunDb Open(OpenMode mode, const std::string& name = "run.db") {
    auto db = RunDb::Open(Path(name), mode);
    if (!db.ok()) ADD_FAILURE() << db.error().message;
    return std::move(db).value();
  }
  static std::string DumpOf(RunDb& db) {
    std::string all;
    EXPECT_TRUE(db.Dump([&](std::string_view line) { all += std::string(line) + "\n"; }).ok());
    return all;
  }
  static std::vector<StoredCandidate> All(RunDb& db, RunDb::With with = RunDb::With::kMetrics) {
    std::vector<StoredCandidate> all;
    EXPECT_TRUE(db.ForEachCandidate(with, [&](StoredCandidate c) {
      all.push_back(std::move(c));
      return true;
    }).ok());
    return all;
  }
};

#define ASSERT_OK(expr)                                                     \
  do {                                                             \
    auto status_ = (expr);                                         \
    ASSERT_TRUE(status_.ok()) << #expr << ": " << status_.error().message; \
  } while (0)

TEST_F(RunDbTest, ConfigResultsAndEventsRoundTrip) {
  {
    RunDb db = Open(OpenMode::kCreate);
    EXPECT_FALSE(db.LoadConfig()->has_value());
    ASSERT_OK(db.SaveConfig({R"({"seed":1})", R"({"host":"a"})"}));
    ASSERT_OK(db.SaveConfig({R"({"seed":1})", R"({"host":"b"})"}));  // a replay
    Status other = db.SaveConfig({R"({"seed":2})", "{}"});
    EXPECT_EQ(CodeOf(other), kExitInternal);
    ASSERT_OK(db.SaveEvent({1, "promotion", "{}"}));
    ASSERT_OK(db.SaveEvent({0, "start", "{}"}));
    ASSERT_OK(db.SaveEvent({1, "promotion", "{}"}));
    EXPECT_EQ(CodeOf(db.SaveEvent({1, "migration", "{}"})), kExitInternal);
    EXPECT_FALSE(db.LoadResult("final")->has_value());
    ASSERT_OK(db.SaveResult("final", {"[1]", "{}"}));
    ASSERT_OK(db.SaveResult("final", {"[2]", R"({"wall_s":3})"}));
  }
  RunDb db = Open(OpenMode::kReadOnly);
  EXPECT_EQ((*db.LoadConfig())->json, R"({"seed":1})");
  EXPECT_EQ((*db.LoadConfig())->json_wall, R"({"host":"a"})");
  EXPECT_EQ((*db.LoadResult("final"))->json, "[2]");
  EXPECT_EQ((*db.LoadResult("final"))->json_wall, R"({"wall_s":3})");
  auto events = db.LoadEvents();
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[0].kind, "start");
  EXPECT_EQ((*events)[1].kind, "promotion");
  EXPECT_EQ(CodeOf(db.SaveEvent({2, "x", "{}"})), kExitIo);  // read-only
}

TEST_F(RunDbTest, CandidatesRoundTripToTheBit) {
  Proposal p = MakeProposal(7);
  p.note = "quotes ' \" and \n lines, \xc3\xa9";
  p.source = std::string("int x;\0y", 8);
  Evaluation quick = MakeEvaluation(7, 2), full = MakeEvaluation(7, 5);
  {
    RunDb db = Open(OpenMode::kCreate);
    ASSERT_OK(db.AppendProposal(p));
    EXPECT_FALSE(All(db)[0].outcome);
    ASSERT_OK(db.SaveEvaluation(7, quick, Stage::kQuick, Nanos::Millis(3)));
    ASSERT_OK(db.SaveEvaluation(7, full, Stage::kFull));
  }
  RunDb db = Open(OpenMode::kResume);
  auto c = db.LoadCandidate(7);
  ASSERT_OK(c);
  EXPECT_EQ(c->proposal.parents, p.parents);
  EXPECT_EQ(c->proposal.op, p.op);
  EXPECT_EQ(c->proposal.note, p.note);
  EXPECT_EQ(c->proposal.source, p.source);
  EXPECT_EQ(c->proposal.tunables, p.tunables);
  EXPECT_EQ(c->proposal.island, p.island);
  EXPECT_EQ(c->proposal.generation, p.generation);
  EXPECT_EQ(c->outcome, Outcome::kOk);
  EXPECT_EQ(c->outcome_stage, Stage::kFull);
  EXPECT_EQ(c->object_hash, "object7");
  ASSERT_TRUE(c->scores[0] && c->scores[1]);
  EXPECT_EQ(c->scores[0]->mean, quick.MeanScore());
  EXPECT_EQ(c->scores[0]->seeds, 2);
  EXPECT_EQ(c->scores[1]->mean, full.MeanScore());
  EXPECT_FALSE(c->scores[2]);
  ASSERT_EQ(c->seeds.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(c->seeds[i].result.seed, full.seeds[i].seed);  // descending: the order asked for
    EXPECT_EQ(c->seeds[i].result.score, full.seeds[i].score);
    EXPECT_EQ(c->seeds[i].result.metrics, full.seeds[i].metrics);
    EXPECT_EQ(c->seeds[i].stage, i < 2 ? Stage::kQuick : Stage::kFull);
  }
  EXPECT_TRUE(All(db, RunDb::With::kScores)[0].seeds[4].result.metrics.empty());
  EXPECT_EQ(CodeOf(db.LoadCandidate(8)), kExitNotFound);
}

TEST_F(RunDbTest, EveryOutcomeIsKept) {
  RunDb db = Open(OpenMode::kCreate);
  for (int o = 0; o <= static_cast<int>(Outcome::kInternal); ++o) {
    ASSERT_OK(db.AppendProposal(MakeProposal(o)));
    Evaluation e;
    e.outcome = static_cast<Outcome>(o);
    e.diagnosis = "line 3: no";
    ASSERT_OK(db.SaveEvaluation(o, e, Stage::kQuick));
    auto c = db.LoadCandidate(o);
    ASSERT_OK(c);
    EXPECT_EQ(c->outcome, e.outcome);
    EXPECT_EQ(c->diagnosis, e.diagnosis);
    EXPECT_FALSE(c->scores[0]);
  }
  auto counts = db.Count();
  ASSERT_OK(counts);
  const int outcomes = static_cast<int>(Outcome::kInternal) + 1;
  EXPECT_EQ(counts->candidates, outcomes);
  EXPECT_EQ(counts->evaluated, outcomes);
  EXPECT_EQ(counts->failed, outcomes - 1);
  EXPECT_EQ(counts->compile_failures, 1);
}

TEST_F(RunDbTest, ReplayIsSilentAndDivergenceIsNamed) {
  RunDb db = Open(OpenMode::kCreate);
  ASSERT_OK(db.AppendProposal(MakeProposal(1)));
  ASSERT_OK(db.SaveEvaluation(1, MakeEvaluation(1, 2), Stage::kQuick));
  ASSERT_OK(db.SaveEvaluation(1, MakeEvaluation(1, 4), Stage::kFull));
  std::string before = DumpOf(db);
  ASSERT_OK(db.AppendProposal(MakeProposal(1)));
  ASSERT_OK(db.SaveEvaluation(1, MakeEvaluation(1, 2), Stage::kQuick));
  ASSERT_OK(db.SaveEvaluation(1, MakeEvaluation(1, 4), Stage::kFull));
  Evaluation without_metrics = MakeEvaluation(1, 4, 0);
  ASSERT_OK(db.SaveEvaluation(1, without_metrics, Stage::kFull));

  Proposal other = MakeProposal(1);
  other.tunables["slice_us"] = 2;
  Status status = db.AppendProposal(other);
  ASSERT_EQ(CodeOf(status), kExitInternal);
  EXPECT_NE(status.error().message.find("proposal 1"), std::string::npos);
  Evaluation wrong = MakeEvaluation(1, 4);
  wrong.seeds[3].score += 1e-9;
  status = db.SaveEvaluation(1, wrong, Stage::kFull);
  ASSERT_EQ(CodeOf(status), kExitInternal);
  EXPECT_NE(status.error().message.find("candidate 1 on seed " + std::to_string(wrong.seeds[3].seed)), std::string::npos) << status.error().message;
  Evaluation crash;
  crash.outcome = Outcome::kCrash;
  EXPECT_EQ(CodeOf(db.SaveEvaluation(1, crash, Stage::kFull)), kExitInternal);
  EXPECT_EQ(CodeOf(db.SaveEvaluation(2, crash, Stage::kFull)), kExitInternal);  // never appended
  Evaluation nan = MakeEvaluation(1, 5);
  nan.seeds[4].score = 0.0 / 0.0;
  EXPECT_EQ(CodeOf(db.SaveEvaluation(1, nan, Stage::kFull)), kExitInternal);
  EXPECT_EQ(DumpOf(db), before);
}

TEST_F(RunDbTest, AFailureOfTheHostMayBeReplaced) {
  RunDb db = Open(OpenMode::kCreate);
  ASSERT_OK(db.AppendProposal(MakeProposal(1)));
  Evaluation host;
  host.outcome = Outcome::kInternal;
  ASSERT_OK(db.SaveEvaluation(1, host, Stage::kQuick));
  ASSERT_OK(db.SaveEvaluation(1, MakeEvaluation(1, 2), Stage::kQuick));
  EXPECT_EQ(db.LoadCandidate(1)->outcome, Outcome::kOk);
}

TEST_F(RunDbTest, SeedsOfAllFamiliesAndBasesFit) {
  RunDb db = Open(OpenMode::kCreate);
  ASSERT_OK(db.AppendProposal(MakeProposal(1)));
  Evaluation e;
  for (uint64_t seed : {MakeSeed(SeedFamily::kFinal, ~0ull, 3), MakeSeed(SeedFamily::kSearch, 0, 0), ~uint64_t{0}})
    e.seeds.push_back({.seed = seed, .metrics = {}, .score = 1});
  ASSERT_OK(db.SaveEvaluation(1, e, Stage::kFinal));
  auto c = db.LoadCandidate(1);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(c->seeds[i].result.seed, e.seeds[i].seed);
}

TEST_F(RunDbTest, BestCandidatesOrderTiesAndLaterFailures) {
  RunDb db = Open(OpenMode::kCreate);
  double scores[] = {5, 9, 7, 9, 8};
  for (int64_t id = 0; id < 5; ++id) {
    ASSERT_OK(db.AppendProposal(MakeProposal(id)));
    Evaluation e;
    e.seeds.push_back({.seed = 1, .metrics = {}, .score = scores[id]});
    ASSERT_OK(db.SaveEvaluation(id, e, Stage::kQuick));
  }
  Evaluation crash;
  crash.outcome = Outcome::kCrash;
  ASSERT_OK(db.SaveEvaluation(4, crash, Stage::kFull));
  auto best = db.BestCandidates(Stage::kQuick, 3);
  ASSERT_OK(best);
  ASSERT_EQ(best->size(), 3u);
  EXPECT_EQ((*best)[0].proposal.id, 1);
  EXPECT_EQ((*best)[1].proposal.id, 3);
  EXPECT_EQ((*best)[2].proposal.id, 2);
  EXPECT_TRUE(db.BestCandidates(Stage::kFull, 3)->empty());
  EXPECT_TRUE(db.BestCandidates(Stage::kQuick, 0)->empty());
}

TEST_F(RunDbTest, VisitStops) {
  RunDb db = Open(OpenMode::kCreate);
  for (int64_t id = 0; id < 5; ++id) ASSERT_OK(db.AppendProposal(MakeProposal(id)));
  int seen = 0;
  ASSERT_OK(db.ForEachCandidate(RunDb::With::kScores, [&](StoredCandidate) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  ASSERT_OK(db.AppendProposal(MakeProposal(5)));  // no cursor left open
}

// Two runs with the same content that arrived at other times, in another order.
TEST_F(RunDbTest, IdenticalRunsDumpIdentically) {
  auto fill = [&](RunDb& db, std::vector<int64_t> order, Nanos took) {
    ASSERT_OK(db.SaveConfig({"{}", "{\"t\":" + std::to_string(took.v) + "}"}));
    for (int64_t id : order) ASSERT_OK(db.AppendProposal(MakeProposal(id)));
    for (auto id = order.rbegin(); id != order.rend(); ++id)
      ASSERT_OK(db.SaveEvaluation(*id, MakeEvaluation(*id, 3), Stage::kFull, took));
    ASSERT_OK(db.SaveResult("final", {"{}", std::to_string(took.v)}));
  };
  RunDb a = Open(OpenMode::kCreate, "a.db"), b = Open(OpenMode::kCreate, "b.db");
  fill(a, {1, 2, 3, 4}, {1});
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  fill(b, {3, 1, 4, 2}, {2});
  std::string dump = DumpOf(a);
  EXPECT_EQ(dump, DumpOf(b));
  EXPECT_NE(dump.find("candidate id=1"), std::string::npos);
  EXPECT_NE(dump.find("score candidate=1 stage='full'"), std::string::npos);
  EXPECT_EQ(dump.find("wall"), std::string::npos);
}

TEST_F(RunDbTest, CreateDoesNotOverwriteARun) {
  { Open(OpenMode::kCreate); }
  {
    RunDb db = Open(OpenMode::kCreate);  // the first one never began
    ASSERT_OK(db.SaveConfig({}));
  }
  auto db = RunDb::Open(Path("run.db"), OpenMode::kCreate);
  ASSERT_EQ(CodeOf(db), kExitUsage);
  EXPECT_NE(db.error().message.find("--resume"), std::string::npos);
  EXPECT_FALSE(FileExists(Path("run.db.lock")));
}

TEST_F(RunDbTest, ResumeNeedsARun) {
  EXPECT_EQ(CodeOf(RunDb::Open(Path("run.db"), OpenMode::kResume)), kExitNotFound);
  EXPECT_EQ(CodeOf(RunDb::Open(Path("run.db"), OpenMode::kReadOnly)), kExitNotFound);
  EXPECT_FALSE(FileExists(Path("run.db.lock")));
  EXPECT_FALSE(FileExists(Path("run.db")));
}

TEST_F(RunDbTest, SecondWriterIsRefusedReadersAreNot) {
  RunDb db = Open(OpenMode::kCreate);
  ASSERT_OK(db.SaveConfig({}));
  ASSERT_OK(db.AppendProposal(MakeProposal(1)));
  auto begin = MonotonicNow();
  EXPECT_EQ(InChild([&] { return CodeOf(RunDb::Open(Path("run.db"), OpenMode::kResume)); }), kExitDatabaseBusy);
  EXPECT_LT((MonotonicNow() - begin).s(), 1);
  EXPECT_EQ(InChild([&] {
              auto reader = RunDb::Open(Path("run.db"), OpenMode::kReadOnly);
              return reader.ok() && reader->Count()->candidates == 1 ? 0 : 1;
            }),
            0);
  ASSERT_OK(db.AppendProposal(MakeProposal(2)));
}

TEST_F(RunDbTest, TruncatedAtAnyLengthIsNamedNotRead) {
  {
    RunDb db = Open(OpenMode::kCreate, "whole.db");
    ASSERT_OK(db.SaveConfig({}));
    for (int64_t id = 0; id < 50; ++id) {
      ASSERT_OK(db.AppendProposal(MakeProposal(id, 3000)));
      ASSERT_OK(db.SaveEvaluation(id, MakeEvaluation(id, 4), Stage::kFull));
    }
  }
  std::string whole = ReadFile(Path("whole.db")).value();
  for (size_t length : {1ul, 20ul, 99ul, 100ul, 512ul, 4095ul, 4096ul, 8192ul, whole.size() / 2, whole.size() - 1}) {
    WriteBytes(Path("cut.db"), whole.substr(0, length));
    auto db = RunDb::Open(Path("cut.db"), OpenMode::kResume);
    ASSERT_EQ(CodeOf(db), kExitDatabase) << length;
    EXPECT_NE(db.error().message.find("cut.db"), std::string::npos);
    EXPECT_NE(db.error().message.find(".recover"), std::string::npos) << db.error().message;
    EXPECT_EQ(ReadFile(Path("cut.db")).value(), whole.substr(0, length));
  }
}

TEST_F(RunDbTest, OverwrittenPagesAreFoundOnResume) {
  {
    RunDb db = Open(OpenMode::kCreate);
    for (int64_t id = 0; id < 50; ++id) ASSERT_OK(db.AppendProposal(MakeProposal(id, 3000)));
  }
  std::string bytes = ReadFile(Path("run.db")).value();
  std::fill(bytes.begin() + static_cast<long>(bytes.size() / 2), bytes.begin() + static_cast<long>(bytes.size() / 2 + 20000), '\x5a');
  WriteBytes(Path("run.db"), bytes);
  EXPECT_EQ(CodeOf(RunDb::Open(Path("run.db"), OpenMode::kResume)), kExitDatabase);
}

TEST_F(RunDbTest, NewerVersionNamesBoth) {
  { Open(OpenMode::kCreate); }
  ASSERT_TRUE(ExecSql(Path("run.db"), "PRAGMA user_version = 99"));
  auto db = RunDb::Open(Path("run.db"), OpenMode::kResume);
  ASSERT_EQ(CodeOf(db), kExitDatabaseNewer);
  EXPECT_NE(db.error().message.find("version 99"), std::string::npos);
  EXPECT_NE(db.error().message.find("up to " + std::to_string(RunDb::kSchemaVersion)), std::string::npos) << db.error().message;
}

TEST_F(RunDbTest, FinishedRunIsOneFileThatReadsFromAReadOnlyFolder) {
  std::string dir = Path("out");
  ASSERT_OK(MakeDirs(dir));
  {
    RunDb db = Open(OpenMode::kCreate, "out/run.db");
    ASSERT_OK(db.AppendProposal(MakeProposal(1)));
  }
  for (const char* suffix : {"-wal", "-shm", ".lock"}) EXPECT_FALSE(FileExists(dir + "/run.db" + suffix));
  ASSERT_EQ(chmod(Dirname(dir).c_str(), 0755), 0);
  ASSERT_EQ(chmod(dir.c_str(), 0555), 0);
  EXPECT_EQ(InUnprivilegedChild([&] {
              auto db = RunDb::Open(dir + "/run.db", OpenMode::kReadOnly);
              return db.ok() && db->Count()->candidates == 1 ? 0 : 1;
            }),
            0);
  EXPECT_EQ(InUnprivilegedChild([&] { return CodeOf(RunDb::Open(dir + "/run.db", OpenMode::kResume)); }), kExitIo);
  EXPECT_EQ(InUnprivilegedChild([&] { return CodeOf(RunDb::Open(dir + "/new.db", OpenMode::kCreate)); }), kExitIo);
  chmod(dir.c_str(), 0755);
}

TEST_F(RunDbTest, ThreadsShareOne) {
  RunDb db = Open(OpenMode::kCreate);
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int64_t id = t; id < 200; id += 4) {
        if (!db.AppendProposal(MakeProposal(id)).ok()) ++failures;
        if (!db.SaveEvaluation(id, MakeEvaluation(id, 2), Stage::kQuick).ok()) ++failures;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(All(db).size(), 200u);
}

}  // namespace
}  // namespace ose
