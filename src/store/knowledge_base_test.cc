#include "store/knowledge_base.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>

#include <cmath>
#include <csignal>
#include <limits>

#include "base/hash.h"
#include "core/exit_code.h"
#include "store/testing.h"

namespace ose {
namespace {

double Euclid(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

class KnowledgeBaseTest : public StoreTest {
 protected:
  KnowledgeBase Open(OpenMode mode = OpenMode::kCreate) {
    auto base = KnowledgeBase::Open(Path("state/knowledge.db"), mode);
    if (!base.ok()) ADD_FAILURE() << base.error().message;
    return std::move(base).value();
  }
  static std::string Policy(KnowledgeBase& base, const std::string& name, const std::string& parent = "") {
    return base.UpsertPolicy({.source = "// " + name + "\n", .object_hash = "o-" + name, .name = name, .author = "human", .parent = parent}).value();
  }
  static std::string Workload(KnowledgeBase& base, const std::string& name, std::vector<double> signature, int version = 1) {
    return base.UpsertWorkload({.name = name, .text = "name = \"" + name + "\"", .signature = std::move(signature), .signature_version = version}).value();
  }
  static std::string Machine(KnowledgeBase& base, int cpus) {
    std::string name = "m" + std::to_string(cpus);
    return base.UpsertMachine({.name = name, .text = name, .cpus = cpus}).value();
  }
  static VeteranClaim Claim(const std::string& policy, const std::string& workload, const std::string& machine, const std::string& incumbent) {
    return {.policy = policy, .workload = workload, .machine = machine, .incumbent = incumbent,
            .gain_pct = {5, 2, 8}, .family = SeedFamily::kFinal, .seeds = 64, .seed_base = 1, .score = 80, .pct_of_bound = 80};
  }
};

TEST_F(KnowledgeBaseTest, UpsertsAreContentAddressedAndFillIn) {
  KnowledgeBase base = Open();
  std::string hash = base.UpsertPolicy({.source = "int x;", .name = "x"}).value();
  EXPECT_EQ(hash, Sha256Hex("int x;"));
  EXPECT_EQ(base.UpsertPolicy({.source = "int x;", .object_hash = "o", .name = "y", .author = "human", .parent = "p"}).value(), hash);
  ASSERT_TRUE(base.UpsertPolicy({.source = "int x;", .object_hash = "other", .author = "operators"}).ok());
  auto policy = base.LoadPolicy(hash);
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_EQ(policy->source, "int x;");
  EXPECT_EQ(policy->object_hash, "o");
  EXPECT_EQ(policy->name, "y");
  EXPECT_EQ(policy->author, "human");
  EXPECT_EQ(policy->parent, "p");
  EXPECT_EQ(policy->added_wall.size(), 24u);
  EXPECT_EQ(base.ListPolicies()->size(), 1u);

  EXPECT_EQ(base.UpsertWorkload({.hash = "abc", .name = "w", .text = "t", .signature = {0.5}, .signature_version = 2}).value(), "abc");
  ASSERT_TRUE(base.UpsertWorkload({.hash = "abc", .name = "w2", .text = "t", .signature = {0.1}, .signature_version = 1}).ok());
  auto workloads = base.ListWorkloads();
  ASSERT_EQ(workloads->size(), 1u);
  EXPECT_EQ((*workloads)[0].name, "w2");
  EXPECT_EQ((*workloads)[0].signature, std::vector<double>{0.5});  // the newer version stays
  EXPECT_EQ((*workloads)[0].signature_version, 2);
}

TEST_F(KnowledgeBaseTest, EvaluationsAreRecordedOnce) {
  KnowledgeBase base = Open();
  EvaluationRecord e = {.policy = Policy(base, "p"), .workload = Workload(base, "w", {0.1}), .machine = Machine(base, 2), .host = "h",
                        .seeds = 64, .seed_base = ~uint64_t{0}, .score = 1.0 / 3, .metrics_json = "{}", .versions_json = "{}", .imported = true};
  std::string id = base.RecordEvaluation(e).value();
  e.imported = false;
  EXPECT_EQ(base.RecordEvaluation(e).value(), id);
  e.imported = true;
  EXPECT_EQ(base.RecordEvaluation(e).value(), id);
  auto details = base.Show(e.policy);
  ASSERT_TRUE(details.ok());
  ASSERT_EQ(details->evaluations.size(), 1u);
  EXPECT_EQ(details->evaluations[0].score, 1.0 / 3);
  EXPECT_EQ(details->evaluations[0].seed_base, ~uint64_t{0});
  EXPECT_FALSE(details->evaluations[0].imported);
  e.seeds = 65;
  EXPECT_NE(base.RecordEvaluation(e).value(), id);
  e.workload = "unknown";
  EXPECT_EQ(CodeOf(base.RecordEvaluation(e)), kExitNotFound);
}

TEST_F(KnowledgeBaseTest, VeteransImproveMonotonically) {
  KnowledgeBase base = Open();
  std::string eevdf = Policy(base, "eevdf"), a = Policy(base, "a", eevdf), b = Policy(base, "b", a);
  std::string w = Workload(base, "w", {0.1}), m = Machine(base, 2);
  EXPECT_FALSE(base.CurrentVeteran(w, m)->has_value());

  auto first = base.PromoteVeteran(Claim(a, w, m, eevdf));
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_TRUE(first->promoted) << first->reason;
  EXPECT_EQ((*base.CurrentVeteran(w, m))->claim.policy, a);
  EXPECT_TRUE(base.PromoteVeteran(Claim(a, w, m, eevdf))->promoted);  // the same fact again
  EXPECT_EQ(base.ListVeterans(false)->size(), 1u);

  VeteranClaim claim = Claim(b, w, m, a);
  for (Interval gain : {Interval{5, 0, 8}, Interval{5, -1, 8}, Interval{-3, -5, -1}, Interval{5, std::nan(""), 8},
                        Interval{5, 2, std::numeric_limits<double>::infinity()}, Interval{1, 2, 8}}) {
    VeteranClaim weak = claim;
    weak.gain_pct = gain;
    auto refused = base.PromoteVeteran(weak);
    ASSERT_TRUE(refused.ok());
    EXPECT_FALSE(refused->promoted) << gain.lo;
    EXPECT_NE(refused->reason.find("not above zero"), std::string::npos) << refused->reason;
  }
  VeteranClaim wrong = claim;
  wrong.family = SeedFamily::kSelect;
  EXPECT_NE(base.PromoteVeteran(wrong)->reason.find("final seeds"), std::string::npos);
  wrong = claim;
  wrong.seeds = 1;
  EXPECT_FALSE(base.PromoteVeteran(wrong)->promoted);
  wrong = claim;
  wrong.incumbent = eevdf;  // not what is to be beaten any more
  EXPECT_NE(base.PromoteVeteran(wrong)->reason.find("the veteran is now a"), std::string::npos) << base.PromoteVeteran(wrong)->reason;
  wrong = claim;
  wrong.policy = a;
  EXPECT_FALSE(base.PromoteVeteran(wrong)->promoted);
  wrong = claim;
  wrong.incumbent = "unknown";
  EXPECT_EQ(CodeOf(base.PromoteVeteran(wrong)), kExitNotFound);
  EXPECT_EQ((*base.CurrentVeteran(w, m))->claim.policy, a);

  auto second = base.PromoteVeteran(claim);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->promoted) << second->reason;
  auto all = base.ListVeterans(false);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].claim.policy, b);
  EXPECT_EQ((*all)[1].superseded_by, second->veteran);
  EXPECT_EQ(base.ListVeterans()->size(), 1u);
  EXPECT_FALSE(base.PromoteVeteran(Claim(a, w, m, eevdf))->promoted);  // history does not repeat

  auto details = base.Show("b");
  ASSERT_TRUE(details.ok());
  ASSERT_EQ(details->ancestors.size(), 2u);
  EXPECT_EQ(details->ancestors[0].name, "a");
  EXPECT_EQ(details->ancestors[1].name, "eevdf");
  ASSERT_EQ(details->veterans.size(), 1u);
  EXPECT_EQ(details->veterans[0].claim.gain_pct.lo, 2);
}

TEST_F(KnowledgeBaseTest, WorkloadsAndMachinesHaveTheirOwnVeterans) {
  KnowledgeBase base = Open();
  std::string eevdf = Policy(base, "eevdf"), a = Policy(base, "a");
  std::string w = Workload(base, "w", {0.1}), v = Workload(base, "v", {0.2});
  for (int cpus : {2, 16})
    for (const std::string& workload : {w, v}) EXPECT_TRUE(base.PromoteVeteran(Claim(a, workload, Machine(base, cpus), eevdf))->promoted);
  EXPECT_EQ(base.ListVeterans()->size(), 4u);
}

TEST_F(KnowledgeBaseTest, ShowFindsByHashPrefixAndName) {
  KnowledgeBase base = Open();
  std::string hash = Policy(base, "fifo");
  EXPECT_EQ(base.Show(hash)->policy.name, "fifo");
  EXPECT_EQ(base.Show(hash.substr(0, 6))->policy.name, "fifo");
  EXPECT_EQ(base.Show("fifo")->policy.hash, hash);
  EXPECT_EQ(CodeOf(base.Show(hash.substr(0, 3))), kExitNotFound);
  EXPECT_EQ(CodeOf(base.Show("")), kExitNotFound);
  EXPECT_EQ(CodeOf(base.Show("lifo")), kExitNotFound);
  ASSERT_TRUE(base.UpsertPolicy({.source = "other", .name = "fifo"}).ok());
  auto ambiguous = base.Show("fifo");
  ASSERT_EQ(CodeOf(ambiguous), kExitUsage);
  EXPECT_NE(ambiguous.error().message.find(hash.substr(0, 12) + " (fifo)"), std::string::npos) << ambiguous.error().message;
}

TEST_F(KnowledgeBaseTest, QueryFindsTheNearestAndSaysWhenNothingIsNear) {
  KnowledgeBase base = Open();
  VeteranQuery q = {.signature = {0.5, 0.5}, .signature_version = 1, .cpus = 4, .k = 2, .threshold = 0.4, .distance = Euclid};
  auto answer = base.Query(q);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->matches.empty());
  EXPECT_FALSE(answer->nearest);
  EXPECT_NE(answer->note.find("no veteran yet"), std::string::npos);

  std::string eevdf = Policy(base, "eevdf"), a = Policy(base, "a");
  auto veteran = [&](const std::string& name, std::vector<double> signature, int cpus, int version = 1) {
    EXPECT_TRUE(base.PromoteVeteran(Claim(a, Workload(base, name, signature, version), Machine(base, cpus), eevdf))->promoted);
  };
  veteran("old", {0.5, 0.5}, 4, 0);
  answer = base.Query(q);
  EXPECT_EQ(answer->other_versions, 1);
  EXPECT_NE(answer->note.find("another version"), std::string::npos);

  veteran("far", {0.9, 0.9}, 4);
  answer = base.Query(q);
  EXPECT_TRUE(answer->matches.empty());
  ASSERT_TRUE(answer->nearest);
  EXPECT_EQ(answer->nearest->veteran.workload_name, "far");
  EXPECT_EQ(answer->nearest->confidence, 0);
  EXPECT_NE(answer->note.find("nothing near is known: the nearest workload with a veteran is far at distance 0.566, farther than 0.400"), std::string::npos) << answer->note;

  veteran("near", {0.5, 0.7}, 8);
  veteran("near", {0.5, 0.7}, 4);
  veteran("same", {0.5, 0.5}, 64);
  q.k = 10;
  answer = base.Query(q);
  ASSERT_EQ(answer->matches.size(), 3u);
  EXPECT_EQ(answer->matches[0].veteran.workload_name, "same");
  EXPECT_EQ(answer->matches[0].distance, 0);
  EXPECT_DOUBLE_EQ(answer->matches[0].confidence, 4.0 / 64);
  EXPECT_DOUBLE_EQ(answer->matches[0].expected_gain_pct.mean, 5 * 4.0 / 64);
  EXPECT_EQ(answer->matches[1].veteran.cpus, 4);  // as near, but more alike
  EXPECT_NEAR(answer->matches[1].confidence, 0.5, 1e-12);
  EXPECT_NEAR(answer->matches[1].expected_gain_pct.lo, 1, 1e-12);
  EXPECT_EQ(answer->matches[2].veteran.cpus, 8);
  EXPECT_TRUE(answer->note.empty());
  q.k = 1;
  EXPECT_EQ(base.Query(q)->matches.size(), 1u);
  q.distance = nullptr;
  EXPECT_EQ(CodeOf(base.Query(q)), kExitInternal);
}

TEST_F(KnowledgeBaseTest, ReadOnlyDoesNotMakeOne) {
  auto base = KnowledgeBase::Open(Path("state/knowledge.db"), OpenMode::kReadOnly);
  ASSERT_EQ(CodeOf(base), kExitNotFound);
  EXPECT_NE(base.error().message.find("osevolve evolve"), std::string::npos);
  { Open(); }
  KnowledgeBase reader = Open(OpenMode::kReadOnly);
  EXPECT_EQ(CodeOf(reader.UpsertPolicy({.source = "x"})), kExitIo);
}

TEST_F(KnowledgeBaseTest, ReadOnlyFolder) {
  { KnowledgeBase base = Open(); Policy(base, "fifo"); }
  std::string dir = Path("state");
  ASSERT_EQ(chmod(Dirname(dir).c_str(), 0755), 0);
  ASSERT_EQ(chmod(dir.c_str(), 0555), 0);
  std::string path = dir + "/knowledge.db";
  EXPECT_EQ(InUnprivilegedChild([&] { return CodeOf(KnowledgeBase::Open(path, OpenMode::kCreate)); }), kExitIo);
  EXPECT_EQ(InUnprivilegedChild([&] {
              auto base = KnowledgeBase::Open(path, OpenMode::kReadOnly);
              return base.ok() && base->ListPolicies()->size() == 1 ? 0 : 1;
            }),
            0);
  chmod(dir.c_str(), 0755);
}

TEST_F(KnowledgeBaseTest, GarbageAndNewer) {
  ASSERT_TRUE(MakeDirs(Path("state")).ok());
  WriteBytes(Path("state/knowledge.db"), std::string(5000, '?'));
  EXPECT_EQ(CodeOf(KnowledgeBase::Open(Path("state/knowledge.db"), OpenMode::kCreate)), kExitDatabase);
  WriteBytes(Path("state/knowledge.db"), "");
  { Open(); }
  ASSERT_TRUE(ExecSql(Path("state/knowledge.db"), "PRAGMA user_version = 7"));
  EXPECT_EQ(CodeOf(KnowledgeBase::Open(Path("state/knowledge.db"), OpenMode::kCreate)), kExitDatabaseNewer);
}

// Writers and readers in several processes, one of them killed: nothing acknowledged is lost.
TEST_F(KnowledgeBaseTest, ProcessesShareOne) {
  std::string path = Path("state/knowledge.db");
  constexpr int kWriters = 3, kRows = 150;
  std::vector<pid_t> children;
  for (int c = 0; c < kWriters; ++c)
    children.push_back(StartChild([&] {
      auto base = KnowledgeBase::Open(path, OpenMode::kCreate);
      if (!base.ok()) return 1;
      for (int i = 0; i < kRows; ++i)
        if (!base->UpsertPolicy({.source = std::to_string(c) + "/" + std::to_string(i), .name = "n"}).ok()) return 2;
      return 0;
    }));
  pid_t victim = StartChild([&] {
    auto base = KnowledgeBase::Open(path, OpenMode::kCreate);
    if (!base.ok()) return 1;
    for (int i = 0;; ++i)
      if (!base->UpsertPolicy({.source = "victim" + std::to_string(i), .name = "victim"}).ok()) return 2;
  });
  usleep(30'000);
  kill(victim, SIGKILL);
  for (pid_t pid : children) EXPECT_EQ(WaitFor(pid), 0);
  EXPECT_EQ(WaitFor(victim), -SIGKILL);
  KnowledgeBase base = Open(OpenMode::kReadOnly);
  size_t kept = 0;
  auto policies = base.ListPolicies();
  ASSERT_TRUE(policies.ok());
  for (const PolicyRecord& p : *policies) kept += p.name == "n";
  EXPECT_EQ(kept, static_cast<size_t>(kWriters * kRows));
  SQLite::Database raw(path, SQLite::OPEN_READONLY);
  EXPECT_EQ(raw.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

// Two runs that both beat the same incumbent: the first to come is promoted, the other is told.
TEST_F(KnowledgeBaseTest, RacingPromotionsHaveOneWinner) {
  std::string eevdf, w, m;
  std::vector<std::string> rivals;
  {
    KnowledgeBase base = Open();
    eevdf = Policy(base, "eevdf"), w = Workload(base, "w", {0.1}), m = Machine(base, 2);
    for (int i = 0; i < 4; ++i) rivals.push_back(Policy(base, "rival" + std::to_string(i)));
  }
  std::vector<pid_t> children;
  for (const std::string& rival : rivals)
    children.push_back(StartChild([&] {
      auto base = KnowledgeBase::Open(Path("state/knowledge.db"), OpenMode::kCreate);
      if (!base.ok()) return 100;
      auto promotion = base->PromoteVeteran(Claim(rival, w, m, eevdf));
      return !promotion.ok() ? 101 : promotion->promoted ? 1 : 0;
    }));
  int winners = 0;
  for (pid_t pid : children) winners += WaitFor(pid);
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(Open().ListVeterans(false)->size(), 1u);
}

}  // namespace
}  // namespace ose
