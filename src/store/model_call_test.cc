#include <gtest/gtest.h>

#include "base/file.h"
#include "store/run_db.h"

namespace ose {
namespace {

ModelCall Call(int64_t id) {
  ModelCall c;
  c.id = id;
  c.arm = "fake:one";
  c.request = "edit/plain";
  c.provider = "fake";
  c.model = "one";
  c.system = "the rules";
  c.user = "prompt " + std::to_string(id);
  c.usd = 0.5;
  c.input = 1000;
  c.output = 4000;
  return c;
}

class ModelCallTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("calls");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(std::move(*dir));
    path_ = dir_->path() + "/run.db";
  }
  std::optional<TempDir> dir_;
  std::string path_;
};

TEST_F(ModelCallTest, AreKeptWithWhatTheyUsed) {
  auto db = RunDb::Open(path_, OpenMode::kCreate);
  ASSERT_TRUE(db.ok()) << db.error().message;
  ModelCall c = Call(0);
  ASSERT_TRUE(db->BeginModelCall(c).ok());
  c.reply = "SUMMARY: x";
  c.usd = 0.01;
  c.input = 900;
  c.output = 100;
  c.attempts = 2;
  c.patch_outcome = "ok";
  c.took = Nanos::Seconds(3);
  ASSERT_TRUE(db->FinishModelCall(c).ok());
  ASSERT_TRUE(db->LinkModelCall(0, 17).ok());
  ASSERT_TRUE(db->SaveNote({.sequence = 0, .text = "notes", .after_proposal = 17, .call = 0}).ok());
  auto calls = db->LoadModelCalls(true);
  ASSERT_TRUE(calls.ok()) << calls.error().message;
  ASSERT_EQ(calls->size(), 1u);
  const ModelCall& got = (*calls)[0];
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(got.proposal, 17);
  EXPECT_EQ(got.system, "the rules");
  EXPECT_EQ(got.user, "prompt 0");
  EXPECT_EQ(got.reply, "SUMMARY: x");
  EXPECT_EQ(got.attempts, 2);
  EXPECT_EQ(got.took.v, Nanos::Seconds(3).v);
  EXPECT_EQ(got.usd, 0.01);
  auto notes = db->LoadNotes();
  ASSERT_TRUE(notes.ok());
  EXPECT_EQ(notes->at(0).text, "notes");
  EXPECT_EQ(db->LoadModelCalls(false)->at(0).reply, "");
}

// What a killed process had in flight counts as spent; what was never sent does not.
TEST_F(ModelCallTest, TotalsCountWhatIsInFlightInFull) {
  {
    auto db = RunDb::Open(path_, OpenMode::kCreate);
    ASSERT_TRUE(db.ok());
    ASSERT_TRUE(db->BeginModelCall(Call(0)).ok());
    ASSERT_TRUE(db->BeginModelCall(Call(1)).ok());
    ModelCall done = Call(1);
    done.usd = 0.25;
    done.input = 10;
    done.output = 20;
    done.attempts = 1;
    ASSERT_TRUE(db->FinishModelCall(done).ok());
    ASSERT_TRUE(db->BeginModelCall(Call(2)).ok());
    ModelCall unsent = Call(2);
    unsent.attempts = 0;
    unsent.failure = "cancelled";
    ASSERT_TRUE(db->FinishModelCall(unsent).ok());
  }
  auto db = RunDb::Open(path_, OpenMode::kResume);
  ASSERT_TRUE(db.ok());
  auto totals = db->ModelTotalsSpent();
  ASSERT_TRUE(totals.ok());
  EXPECT_EQ(totals->calls, 2);
  EXPECT_DOUBLE_EQ(totals->usd, 0.75);
  EXPECT_EQ(totals->tokens, 5030);
}

TEST_F(ModelCallTest, FinishingWhatWasNeverBegunIsABug) {
  auto db = RunDb::Open(path_, OpenMode::kCreate);
  ASSERT_TRUE(db.ok());
  EXPECT_FALSE(db->FinishModelCall(Call(5)).ok());
  EXPECT_FALSE(db->LinkModelCall(5, 1).ok());
}

}  // namespace
}  // namespace ose
