#include "validate/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/json.h"
#include "base/random.h"
#include "core/exit_code.h"
#include "validate/sample_path.h"

namespace ose {
namespace {

using testing::HasSubstr;
using testing::Not;

ValidationRow Contains(double reference, const Estimate& estimate, double limit = 0.01) {
  ValidationRow row{.group = "g", .name = "figure", .unit = "us", .reference = reference, .source = "by hand", .measured = {}, .limit = limit};
  SetMeasured(row, estimate);
  return row;
}

RowVerdict Only(ValidationRow row) {
  ValidationTable table{.name = "t", .title = "T", .rows = {std::move(row)}};
  Judge(table);
  return table.rows[0].verdict;
}

TEST(Validation, VerdictOfAnInterval) {
  EXPECT_EQ(Only(Contains(100, {.mean = 100.3, .error = 0.2, .freedom = 19})), RowVerdict::kOk);
  EXPECT_EQ(Only(Contains(100, {.mean = 101, .error = 0.2, .freedom = 19})), RowVerdict::kOff);
  EXPECT_EQ(Only(Contains(100, {.mean = 100.3, .error = 2, .freedom = 19})), RowVerdict::kUnresolved);  // too wide to tell
  EXPECT_EQ(Only(Contains(100, {.mean = 100, .error = 0, .freedom = 19})), RowVerdict::kOk);
  EXPECT_EQ(Only(Contains(100, {.mean = 100.1, .error = 0, .freedom = 19})), RowVerdict::kOff);
  EXPECT_EQ(Only({.group = "g", .name = "n", .reference = 1, .measured = {}}), RowVerdict::kUnresolved);
}

TEST(Validation, VerdictOfADistance) {
  ValidationRow row{.group = "g", .name = "n", .reference = 50, .measured = Interval{52, 40, 64}, .criterion = Criterion::kWithin, .limit = 0.05};
  EXPECT_EQ(Only(row), RowVerdict::kOk);
  row.measured->mean = 53;
  EXPECT_EQ(Only(row), RowVerdict::kUnresolved);  // 52.5 and less is in its interval
  row.measured = Interval{53, 52.4, 53.6};
  EXPECT_EQ(Only(row), RowVerdict::kUnresolved);
  row.measured = Interval{53, 52.6, 53.4};
  EXPECT_EQ(Only(row), RowVerdict::kOff);
  row.measured = Interval{47, 46.6, 47.4};
  EXPECT_EQ(Only(row), RowVerdict::kOff);
  row.measured = Interval{47, 46.6, 47.6};
  EXPECT_EQ(Only(row), RowVerdict::kUnresolved);
  row.measured->mean = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Only(row), RowVerdict::kUnresolved);
  ValidationRow rank{.group = "g", .name = "n", .measured = Interval{0.91, 0.91, 0.91}, .criterion = Criterion::kAtLeast, .limit = 0.9};
  EXPECT_EQ(Only(rank), RowVerdict::kOk);
  rank.measured->mean = 0.89;
  EXPECT_EQ(Only(rank), RowVerdict::kOff);
}

// One of 30 right rows that is outside its 95% interval by chance is no alarm; one that is far outside is.
TEST(Validation, ManyRowsAreJudgedTogether) {
  ValidationTable table{.name = "t", .title = "T", .rows = {}};
  for (int i = 0; i < 29; ++i) table.rows.push_back(Contains(100, {.mean = 100.1, .error = 0.2, .freedom = 19}));
  table.rows.push_back(Contains(100, {.mean = 100.5, .error = 0.2, .freedom = 19}));
  Judge(table);
  EXPECT_LT(*table.rows[29].p, 0.05);
  EXPECT_EQ(table.rows[29].verdict, RowVerdict::kOk);
  EXPECT_EQ(ValidationExitCode(table), kExitOk);
  EXPECT_THAT(ValidationText(table), HasSubstr("29 of 30 references are inside"));
  table.rows[29] = Contains(100, {.mean = 101, .error = 0.2, .freedom = 19});
  Judge(table);
  EXPECT_EQ(table.rows[29].verdict, RowVerdict::kOff);
  EXPECT_EQ(ValidationExitCode(table), kExitFailure);
}

TEST(Validation, NothingIsNotSuccess) {
  EXPECT_EQ(ValidationExitCode({.name = "t", .title = "T", .rows = {}}), kExitFailure);
}

TEST(Validation, Outputs) {
  ValidationTable table{.name = "t", .title = "Title", .rows = {Contains(100, {.mean = 100.3, .error = 0.2, .freedom = 19})}};
  table.rows[0].note = "a note";
  Judge(table);
  EXPECT_THAT(ValidationText(table), HasSubstr("Title"));
  EXPECT_THAT(ValidationText(table), HasSubstr("100.3 ±0.42"));
  EXPECT_THAT(ValidationMarkdown(table), HasSubstr("### g\n\n| what |"));
  EXPECT_THAT(ValidationMarkdown(table), HasSubstr("Reference: by hand."));
  EXPECT_THAT(ValidationMarkdown(table), HasSubstr("figure: a note"));
  const nlohmann::json j = ValidationJson(table);
  EXPECT_EQ(j["ok"], true);
  EXPECT_EQ(j["rows"][0]["verdict"], "ok");
  EXPECT_EQ(j["rows"][0]["measured"]["mean"], 100.3);
}

TEST(Validation, ReplaceSection) {
  const std::string document = "A\n<!-- begin t -->\nold\n<!-- end t -->\nB\n";
  auto replaced = ReplaceSection(document, "t", "new\n");
  ASSERT_TRUE(replaced.ok());
  EXPECT_THAT(*replaced, HasSubstr("new\n"));
  EXPECT_THAT(*replaced, Not(HasSubstr("old")));
  EXPECT_TRUE(replaced->starts_with("A\n<!-- begin t -->\n"));
  EXPECT_TRUE(replaced->ends_with("<!-- end t -->\nB\n"));
  EXPECT_EQ(*ReplaceSection(*replaced, "t", "new\n"), *replaced);
  EXPECT_FALSE(ReplaceSection(document, "u", "").ok());
  EXPECT_FALSE(ReplaceSection("<!-- end t -->\n<!-- begin t -->\n", "t", "").ok());
}

TEST(Estimate, PlainIsTheMeanInterval) {
  const std::vector<double> xs = {1, 4, 2, 8, 5};
  const Interval plain = MeanInterval(xs), ours = EstimateMean(xs).At(0.95);
  EXPECT_DOUBLE_EQ(ours.mean, plain.mean);
  EXPECT_NEAR(ours.lo, plain.lo, 1e-12);
  // The p-value is 5% at the interval's ends.
  EXPECT_NEAR(EstimateMean(xs).PValue(plain.hi), 0.05, 1e-9);
  EXPECT_NEAR(EstimateMean(xs).PValue(plain.mean), 1, 1e-9);
}

TEST(Estimate, ControlsTakeTheirShareOut) {
  // y = 7 + 3 a - 2 b + little; with a and b known to be 0 in the mean.
  Rng rng(5);
  std::vector<double> ys;
  std::vector<std::vector<double>> controls;
  for (int i = 0; i < 40; ++i) {
    const double a = rng.Unit() - 0.5, b = rng.Unit() - 0.5, c = 2 * a + b;  // c says nothing new
    controls.push_back({a, b, c});
    ys.push_back(7 + 3 * a - 2 * b + 1e-3 * (rng.Unit() - 0.5));
  }
  const Estimate plain = EstimateMean(ys), controlled = EstimateMean(ys, controls);
  EXPECT_GT(plain.error, 0.1);
  EXPECT_LT(controlled.error, 1e-4);
  EXPECT_NEAR(controlled.mean, 7, 3e-4);
  EXPECT_EQ(controlled.freedom, 37);
}

// Intervals with controls cover as often as they say: the controls are correlated with the noise and the
// relation is not linear.
TEST(Estimate, Coverage) {
  Rng rng(11);
  int inside = 0;
  constexpr int kTrials = 4000;
  for (int t = 0; t < kTrials; ++t) {
    std::vector<double> ys;
    std::vector<std::vector<double>> controls;
    for (int i = 0; i < 20; ++i) {
      const double a = rng.Unit() + rng.Unit() + rng.Unit() - 1.5, noise = rng.Unit() + rng.Unit() - 1;
      controls.push_back({a});
      ys.push_back(1 + a + 0.3 * (a * a - 0.25) + noise);  // E[a^2] = 3/12
    }
    const Interval i = EstimateMean(ys, controls).At(0.95);
    inside += i.lo <= 1 && 1 <= i.hi;
  }
  EXPECT_NEAR(inside / static_cast<double>(kTrials), 0.95, 0.012);
}

TEST(SamplePath, FcfsByHand) {
  // One server: 0-10, then 10-14 (came at 3), idle, 20-25.
  const std::vector<Job> jobs = {{0, 10}, {3, 4}, {20, 5}};
  EXPECT_DOUBLE_EQ(FcfsMeanResponse(jobs, 1, 0), (10 + 11 + 5) / 3.0);
  EXPECT_DOUBLE_EQ(FcfsMeanResponse(jobs, 2, 0), (10 + 4 + 5) / 3.0);
  EXPECT_DOUBLE_EQ(FcfsMeanResponse(jobs, 1, 3), (11 + 5) / 2.0);
}

TEST(SamplePath, ControlsHaveMeanZero) {
  Workload w;
  w.horizon = Nanos::Millis(20);
  w.warmup = Nanos::Millis(2);
  w.dists = {{.kind = Dist::Kind::kMix, .value = {1000, 19000}, .weight = {3, 1}}};
  Group g;
  g.name = "request";
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = 0.5};
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}};
  w.groups = {g};
  std::vector<double> of[3];
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const std::vector<double> c = ArrivalControls(w, 2, seed);
    for (size_t i = 0; i < 3; ++i) of[i].push_back(c[i]);
  }
  for (const std::vector<double>& xs : of) {
    const Interval i = MeanInterval(xs, 0.999);
    EXPECT_LT(i.lo, 0);
    EXPECT_GT(i.hi, 0);
    EXPECT_LT(i.hi - i.lo, 0.05);
  }
}

}  // namespace
}  // namespace ose
