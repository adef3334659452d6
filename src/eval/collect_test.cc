#include "eval/collect.h"

#include <gtest/gtest.h>

#include "core/exit_code.h"

namespace ose {
namespace {

std::future<Evaluation> Ready(const char* diagnosis) {
  std::promise<Evaluation> promise;
  Evaluation e;
  e.diagnosis = diagnosis;
  promise.set_value(std::move(e));
  return promise.get_future();
}

TEST(CollectEvaluations, KeepsTheOrderAndTellsHowFarItIs) {
  std::vector<std::future<Evaluation>> futures;
  futures.push_back(Ready("a"));
  futures.push_back(Ready("b"));
  std::vector<int> done;
  CollectOptions options;
  options.on_progress = [&](int n, int total) {
    done.push_back(n);
    EXPECT_EQ(total, 2);
  };
  auto out = CollectEvaluations(std::move(futures), options);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ((*out)[0].diagnosis, "a");
  EXPECT_EQ((*out)[1].diagnosis, "b");
  EXPECT_EQ(done, (std::vector<int>{0, 1}));
}

TEST(CollectEvaluations, StopsWhenAsked) {
  std::promise<Evaluation> never;
  std::vector<std::future<Evaluation>> futures;
  futures.push_back(never.get_future());
  std::atomic<bool> stop = true;
  CollectOptions options;
  options.stop = &stop;
  options.interrupted = "not now";
  auto out = CollectEvaluations(std::move(futures), options);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().code, kExitInterrupted);
  EXPECT_EQ(out.error().message, "not now");
}

}  // namespace
}  // namespace ose
