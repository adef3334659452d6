#include "cluster/job_files.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

EvalJob SomeJob() {
  return {.source = "source \xff", .file = "p.cc", .seeds = {UINT64_MAX, 1}, .skeleton_of = "parent", .quick_seeds = 1, .quick_score = 0.1, .max_events = 7, .workload = "other"};
}

TEST(JobFiles, SurviveTheTrip) {
  auto task = DecodeTask(EncodeTask({"problem", {SomeJob()}}));
  ASSERT_TRUE(task.ok()) << task.error().message;
  ASSERT_EQ(task->jobs.size(), 1u);
  const EvalJob& job = task->jobs[0];
  EXPECT_EQ(job.source, "source \xff");
  EXPECT_EQ(job.seeds, (std::vector<uint64_t>{UINT64_MAX, 1}));
  EXPECT_EQ(job.skeleton_of, "parent");
  EXPECT_EQ(job.quick_score, 0.1);
  EXPECT_EQ(job.max_events, 7u);
  EXPECT_EQ(JobKey("problem", job), JobKey("problem", SomeJob()));
  auto problem = DecodeProblem(EncodeProblem({"engine", "w\xff", "m"}));
  ASSERT_TRUE(problem.ok());
  EXPECT_EQ(problem->workload, "w\xff");

  Evaluation e;
  e.seeds = {{7, {{"throughput", 0.1 + 0.2}}, 42}};
  auto back = DecodeResult(EncodeResult("key", e), "key");
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->seeds[0].metrics.at("throughput"), 0.1 + 0.2);
  EXPECT_EQ(back->seeds[0].score, 0);
}

TEST(JobFiles, TheKeyIsOfEverythingThatMatters) {
  const std::string key = JobKey("problem", SomeJob());
  EXPECT_NE(key, JobKey("problem2", SomeJob()));
  EvalJob job = SomeJob();
  job.seeds.pop_back();
  EXPECT_NE(key, JobKey("problem", job));
  job = SomeJob();
  job.quick_score = 0.2;
  EXPECT_NE(key, JobKey("problem", job));
  job = SomeJob();
  job.skeleton_of.reset();
  EXPECT_NE(key, JobKey("problem", job));
}

TEST(JobFiles, ADamagedResultIsNone) {
  Evaluation e;
  e.diagnosis = "red \x1b[31m";
  e.outcome = Outcome::kGate;
  const std::string text = EncodeResult("key", e);
  EXPECT_EQ(DecodeResult(text, "key")->diagnosis, "red ?[31m");
  EXPECT_FALSE(DecodeResult(text, "other").ok());
  for (size_t n : {size_t{0}, size_t{1}, text.size() / 2, text.size() - 1}) EXPECT_FALSE(DecodeResult(text.substr(0, n), "key").ok()) << n;
  std::string changed = text;
  changed.replace(changed.find("gate"), 4, "ok\",");
  EXPECT_FALSE(DecodeResult(changed, "key").ok());
  changed = text;
  changed.replace(changed.find("\"gate\""), 6, "\"rule\"");
  EXPECT_FALSE(DecodeResult(changed, "key").ok());  // the checksum
  EXPECT_FALSE(DecodeResult("[]", "key").ok());
  EXPECT_FALSE(DecodeResult("{\"format\":2}", "key").ok());
}

}  // namespace
}  // namespace ose
