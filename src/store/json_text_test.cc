#include "store/json_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ose {
namespace {

TEST(JsonText, MetricsKeepEveryBit) {
  Metrics metrics = {{"a", 0.1}, {"b", 1e-300}, {"c", 12345678901234567.0}, {"d", -0.0}, {"g.x", 1.0 / 3}};
  auto back = ParseMetrics(ToJson(metrics));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, metrics);
  EXPECT_TRUE(std::signbit(back->at("d")));
}

TEST(JsonText, NotFiniteBecomesNullAndReadsBackAsNan) {
  Metrics metrics = {{"a", std::numeric_limits<double>::quiet_NaN()}, {"b", std::numeric_limits<double>::infinity()}};
  EXPECT_EQ(ToJson(metrics), R"({"a":null,"b":null})");
  auto back = ParseMetrics(ToJson(metrics));
  ASSERT_TRUE(back);
  EXPECT_TRUE(std::isnan(back->at("a")));
  EXPECT_TRUE(std::isnan(back->at("b")));
}

TEST(JsonText, NamesThatAreNotUtf8DoNotThrow) { EXPECT_TRUE(ParseMetrics(ToJson(Metrics{{"a\xff", 1.0}}))); }

TEST(JsonText, TunablesAndListsRoundTrip) {
  Tunables tunables = {{"slice_us", std::numeric_limits<int64_t>::min()}, {"x", std::numeric_limits<int64_t>::max()}};
  EXPECT_EQ(ParseTunables(ToJson(tunables)), tunables);
  EXPECT_EQ(ToJson(Tunables{}), "{}");
  std::vector<int64_t> ids = {3, 1, 2};
  EXPECT_EQ(ToJson(ids), "[3,1,2]");
  EXPECT_EQ(ParseIds("[3,1,2]"), ids);
  std::vector<double> values = {0.1, 1};
  EXPECT_EQ(ParseDoubles(ToJson(values)), values);
}

TEST(JsonText, OtherFormsAreRefused) {
  for (const char* text : {"", "{", "[1", "7", "{\"a\":\"x\"}", "[\"x\"]"}) {
    EXPECT_FALSE(ParseMetrics(text)) << text;
    EXPECT_FALSE(ParseTunables(text)) << text;
    EXPECT_FALSE(ParseIds(text)) << text;
    EXPECT_FALSE(ParseDoubles(text)) << text;
  }
  EXPECT_FALSE(ParseTunables("{\"a\":1.5}"));
  EXPECT_FALSE(ParseIds("[1.5]"));
}

}  // namespace
}  // namespace ose
