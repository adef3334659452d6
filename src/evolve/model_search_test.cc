// Searches in which a scripted model proposes: real gate, compiler and worker, no network.
#include "evolve/model_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/file.h"
#include "eval/local_evaluator.h"
#include "evolve/evolution.h"
#include "evolve/testing.h"

namespace ose {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// A FIFO with a slice that is far too long for the workload.
constexpr char kSeed[] = R"(#include <osevolve/policy.h>
using namespace osevolve;
TUNABLE(slice_ns, 50'000'000, 100'000, 1'000'000'000)
struct P : Policy<> {
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert(0, slice_ns, flags);
    // EVOLVE-BLOCK-END
  }
  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (!dsq_move_to_local(0)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }
};
OSEVOLVE_POLICY(P, "p")
)";

std::string Edit(const std::string& search, const std::string& replace, const std::string& summary = "an idea") {
  return "SUMMARY: " + summary + "\n\n<<<<<<< SEARCH\n" + search + "\n=======\n" + replace + "\n>>>>>>> REPLACE\n";
}

// Answers with what `script` returns for the prompt and the number of the call.
class FakeModel : public ChatModel {
 public:
  using Script = std::function<ChatReply(const ChatRequest&, int call)>;
  explicit FakeModel(Script script) : script_(std::move(script)) {}
  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>*) override {
    std::lock_guard lock(mutex_);
    prompts.push_back(request.user);
    ChatReply r = script_(request, static_cast<int>(prompts.size()) - 1);
    r.attempts = 1;
    return r;
  }
  std::vector<std::string> prompts;

 private:
  std::mutex mutex_;
  Script script_;
};

ChatReply Text(std::string text) {
  ChatReply r;
  r.text = std::move(text);
  r.usage = {.input = 1000, .output = 100, .reported = true};
  return r;
}

ChatReply Failed(CallFailure failure, std::string reason) {
  ChatReply r;
  r.failure = failure;
  r.reason = std::move(reason);
  return r;
}

class ModelSearchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("model-search");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(std::move(*dir));
    auto o = JobsProblem(OSE_SOURCE_DIR, OSE_BINARY_DIR);
    auto evaluator = LocalEvaluator::Create(std::move(o));
    ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
    evaluator_ = std::move(*evaluator);
    auto mutator = Mutator::Create(OSE_SOURCE_DIR "/include");
    ASSERT_TRUE(mutator.ok());
    mutator_ = std::move(*mutator);
    auto templates = PromptTemplates::Load(OSE_SOURCE_DIR "/prompts", "");
    ASSERT_TRUE(templates.ok());
    templates_ = std::make_shared<PromptTemplates>(std::move(*templates));
  }

  EvolutionOptions Options(std::shared_ptr<ChatModel> model, Budget budget = {}) {
    EvolutionOptions o;
    o.search_seeds = {1, 2};
    o.quick_seeds = 0;
    o.max_evaluations = 10;
    o.models.emplace();
    o.models->arms = {{.name = "fake:one", .provider = "fake", .model = "one", .chat = std::move(model), .price = Price{.input = 1, .cached_input = 1, .cache_write = 1, .output = 10},
                       .temperature = {}, .effort = {}, .max_output_tokens = 1000, .window = 100'000, .concurrency = 2}};
    o.models->templates = templates_;
    o.models->ledger = std::make_shared<Ledger>(budget);
    o.models->facts.workload = "the workload";
    o.models->share = 1;
    o.models->search_seeds = o.search_seeds;
    return o;
  }

  EvolutionResult RunSearch(const EvolutionOptions& options, OpenMode mode = OpenMode::kCreate) {
    auto db = RunDb::Open(dir_->path() + "/run.db", mode);
    EXPECT_TRUE(db.ok()) << db.error().message;
    Evolution evolution(options, {{"p", kSeed}}, *evaluator_, *mutator_, *db);
    log_.clear();
    evolution.on_commit = [&](const std::string& line) { log_.push_back(line); };
    auto result = evolution.Run();
    EXPECT_TRUE(result.ok()) << result.error().message;
    auto calls = db->LoadModelCalls(true);
    EXPECT_TRUE(calls.ok());
    calls_ = *calls;
    return *result;
  }

  std::optional<TempDir> dir_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Mutator> mutator_;
  std::shared_ptr<const PromptTemplates> templates_;
  std::vector<std::string> log_;
  std::vector<ModelCall> calls_;
};

TEST_F(ModelSearchTest, AModelsPatchBecomesTheBest) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest&, int call) {
    // A task that has not run yet takes the CPU at once: the short ones no longer wait for the long ones.
    return Text(Edit("t.insert(0, slice_ns, flags);", "t.insert(0, " + std::to_string(1'000'000 + call * 1000) + ", flags);\nif (t.run_total() == 0) kick_cpu(t.cpu(), kKickPreempt);", "newcomers first"));
  });
  EvolutionOptions o = Options(model);
  o.max_evaluations = 4;
  EvolutionResult r = RunSearch(o);
  EXPECT_EQ(r.evaluations, 4);
  ASSERT_FALSE(r.ranking.empty());
  EXPECT_GT(r.ranking[0].id, 0);
  EXPECT_EQ(r.ranking[0].author, "fake:one");
  EXPECT_THAT(r.ranking[0].op, HasSubstr("model/"));
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("[fake:one] newcomers first"), HasSubstr("parent 0"))));
  EXPECT_GE(r.models.candidates, 3);
  // The prompt showed the parent, its distance to the bound and its profile.
  EXPECT_THAT(model->prompts[0], AllOf(HasSubstr("the workload"), HasSubstr("t.insert(0, slice_ns, flags);"), HasSubstr("| short.latency_p95 [us] | less | 1 |"),
                                       HasSubstr("# Where the time goes")));
  // What was sent and what came is in the database, with the candidate that it became.
  ASSERT_GE(calls_.size(), 3u);
  EXPECT_EQ(calls_[0].arm, "fake:one");
  EXPECT_THAT(calls_[0].user, HasSubstr("# Your task"));
  EXPECT_THAT(calls_[0].reply, HasSubstr("newcomers first"));
  EXPECT_EQ(calls_[0].patch_outcome, PatchOutcomeName(PatchOutcome::kOk));
  EXPECT_TRUE(calls_[0].proposal.has_value());
  EXPECT_NEAR(calls_[0].usd, 1000e-6 + 100 * 10e-6, 1e-12);
}

TEST_F(ModelSearchTest, AReplyThatDoesNotApplyIsRepairedOnce) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest& q, int) {
    if (q.user.find("could not be used") == std::string::npos) return Text(Edit("t.insert(1, slice_ns, flags);", "t.insert(0, 1'000'000, flags);"));
    return Text(Edit("t.insert(0, slice_ns, flags);", "t.insert(0, 1'000'000, flags);", "repaired"));
  });
  EvolutionOptions o = Options(model);
  o.models->arms[0].concurrency = 1;
  o.max_evaluations = 2;
  EvolutionResult r = RunSearch(o);
  EXPECT_EQ(r.models.calls, 2);
  EXPECT_THAT(log_, Contains(HasSubstr("repaired")));
  ASSERT_EQ(model->prompts.size(), 2u);
  EXPECT_THAT(model->prompts[1], AllOf(HasSubstr("t.insert(1, slice_ns, flags);"), HasSubstr("Why it failed")));
  EXPECT_EQ(calls_[1].purpose, "repair");
}

// The call was made and paid: it is in the log and counts against the model, though its repair could not be sent.
TEST_F(ModelSearchTest, AnUnusableReplyIsToldWhenNothingIsLeftForItsRepair) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest&, int) { return Text(Edit("t.insert(1, slice_ns, flags);", "t.insert(0, 1'000'000, flags);")); });
  EvolutionOptions o = Options(model, {.calls = 1});
  o.models->arms[0].concurrency = 1;
  EvolutionResult r = RunSearch(o);
  EXPECT_EQ(r.models.calls, 1);
  EXPECT_EQ(r.models.unusable, 1);
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("call 0 fake:one"), HasSubstr("this SEARCH text is not in the policy"))));
}

TEST_F(ModelSearchTest, AChildThatFailsIsRepairedOnceWithItsDiagnosis) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest& q, int) {
    if (q.user.find("could not be used") == std::string::npos) return Text(Edit("t.insert(0, slice_ns, flags);", "while (true) t.insert(0, slice_ns, flags);"));
    return Text(Edit("while (true) t.insert(0, slice_ns, flags);", "t.insert(0, 2'000'000, flags);", "no loop"));
  });
  EvolutionOptions o = Options(model);
  o.models->arms[0].concurrency = 1;
  o.max_evaluations = 30;  // a verdict comes some proposals later on a busy machine
  RunSearch(o);
  EXPECT_THAT(log_, Contains(HasSubstr("gate")));
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("model/repair"), HasSubstr("no loop"), HasSubstr("(repairs candidate "))));
  EXPECT_THAT(model->prompts, Contains(AllOf(HasSubstr("while"), HasSubstr("for_n"), HasSubstr("candidate-"))));
}

TEST_F(ModelSearchTest, EveryReplyWithoutACandidateHasAReason) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest&, int call) {
    switch (call % 3) {
      case 0: return Text("I would rather talk about it.");
      case 1: return Failed(CallFailure::kServer, "status 503");
      default: return Text(Edit("s32 init() { return dsq_create(0); }", "s32 init() { return dsq_create(1); }"));
    }
  });
  EvolutionOptions o = Options(model, {.calls = 12});
  EvolutionResult r = RunSearch(o);
  EXPECT_EQ(r.models.calls, 12);
  EXPECT_EQ(r.models.candidates, 0);
  EXPECT_EQ(r.evaluations, 1);  // models were to make all proposals, and the budget ends the search
  EXPECT_THAT(log_, Contains(HasSubstr("server error: status 503")));
  for (const ModelCall& c : calls_) EXPECT_NE(c.reason, "") << c.id;
}

TEST_F(ModelSearchTest, LimitsAreHardWithCallsInFlight) {
  std::atomic<int> sent{0};
  auto model = std::make_shared<FakeModel>([&](const ChatRequest&, int call) {
    ++sent;
    return Text(Edit("t.insert(0, slice_ns, flags);", "t.insert(0, slice_ns + " + std::to_string(call) + ", flags);"));
  });
  EvolutionOptions o = Options(model, {.calls = 3});
  o.models->share = 0.5;
  o.models->arms[0].concurrency = 8;
  EvolutionResult r = RunSearch(o);
  EXPECT_EQ(sent, 3);
  EXPECT_EQ(r.evaluations, 10);  // operators go on
  EXPECT_EQ(r.models.calls, 3);
}

TEST_F(ModelSearchTest, AWrongKeyEndsTheModelNotTheRun) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest&, int) { return Failed(CallFailure::kAuth, "the key is wrong"); });
  EvolutionOptions o = Options(model);
  o.models->share = 0.5;
  o.models->arms[0].concurrency = 1;
  EvolutionResult r = RunSearch(o);
  EXPECT_EQ(r.evaluations, 10);
  EXPECT_EQ(model->prompts.size(), 1u);
  EXPECT_THAT(log_, Contains(HasSubstr("fake:one is given up: not authorised: the key is wrong")));
}

TEST_F(ModelSearchTest, AModelThatNeverGivesACandidateIsGivenUp) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest&, int) { return Text("I would rather talk about the weather."); });
  EvolutionOptions o = Options(model);
  RunSearch(o);  // without a limit of calls: it would go on for ever
  EXPECT_THAT(log_, Contains(HasSubstr("is given up: 20 replies in a row gave no candidate")));
}

TEST_F(ModelSearchTest, NotesAreWrittenAndFedBack) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest& q, int call) {
    if (q.user.find("Write the notes anew") != std::string::npos) return Text("- short slices help");
    return Text(Edit("t.insert(0, slice_ns, flags);", "t.insert(0, slice_ns + " + std::to_string(call) + ", flags);"));
  });
  EvolutionOptions o = Options(model);
  o.models->notes_interval = 2;
  o.models->arms[0].concurrency = 1;
  o.models->arms[0].window = 200'000;
  RunSearch(o);
  EXPECT_THAT(log_, Contains(HasSubstr("notes:")));
  EXPECT_THAT(model->prompts, Contains(HasSubstr("# Notes of this search\n\n- short slices help")));
}

TEST_F(ModelSearchTest, AResumedRunRepeatsNoCall) {
  auto model = std::make_shared<FakeModel>([](const ChatRequest&, int call) {
    return Text(Edit("t.insert(0, slice_ns, flags);", "t.insert(0, slice_ns + " + std::to_string(call) + ", flags);"));
  });
  EvolutionOptions o = Options(model, {.calls = 4});
  o.models->share = 0.5;
  o.max_evaluations = 6;
  EvolutionResult first = RunSearch(o);
  const std::vector<std::string> log = log_;
  const size_t sent = model->prompts.size();
  EvolutionResult again = RunSearch(o, OpenMode::kResume);
  EXPECT_EQ(model->prompts.size(), sent);
  EXPECT_EQ(again.resumed, 6);
  EXPECT_EQ(again.models.calls, first.models.calls);
  EXPECT_EQ(again.ranking[0].source, first.ranking[0].source);
  for (const std::string& line : log)
    if (line.find("island") != std::string::npos) EXPECT_THAT(log_, Contains(line));
}

}  // namespace
}  // namespace ose
