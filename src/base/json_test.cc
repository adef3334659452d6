#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ose {
namespace {

using nlohmann::json;

template <typename T>
std::optional<T> Read(const char* text) {
  return WholeNumber<T>(json::parse(text));
}

TEST(Json, AWholeNumberIsReadOnlyWhereItFits) {
  EXPECT_EQ(Read<int>("2147483647"), 2147483647);
  EXPECT_EQ(Read<int>("-2147483648"), -2147483648);
  EXPECT_EQ(Read<int>("2147483648"), std::nullopt);
  EXPECT_EQ(Read<int>("-2147483649"), std::nullopt);
  EXPECT_EQ(Read<int64_t>("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(Read<int64_t>("9223372036854775808"), std::nullopt);
  EXPECT_EQ(Read<uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(Read<uint64_t>("-1"), std::nullopt);
  EXPECT_EQ(Read<uint8_t>("256"), std::nullopt);
}

TEST(Json, AFractionOrAHugeNumberIsNoWholeNumber) {
  EXPECT_EQ(Read<int>("5.0"), 5);
  EXPECT_EQ(Read<int>("5e2"), 500);
  EXPECT_EQ(Read<int>("5.5"), std::nullopt);
  EXPECT_EQ(Read<int>("2.44444e68"), std::nullopt);
  EXPECT_EQ(Read<int>("-2.44444e68"), std::nullopt);
  EXPECT_EQ(Read<int64_t>("9223372036854775808.0"), std::nullopt);
  EXPECT_EQ(Read<int64_t>("-9223372036854775808.0"), INT64_MIN);
  EXPECT_EQ(Read<uint64_t>("-0.0"), uint64_t{0});
  EXPECT_EQ(Read<uint64_t>("18446744073709551616.0"), std::nullopt);
  EXPECT_EQ(WholeNumber<int>(json(std::nan(""))), std::nullopt);
}

TEST(Json, NothingElseIsANumber) {
  for (const char* text : {"true", "null", "\"5\"", "[5]", "{}"}) EXPECT_EQ(Read<int>(text), std::nullopt) << text;
}

// Each of the library's ways to convert goes through the check.
TEST(Json, EveryConversionIsChecked) {
  const json j = json::parse(R"({"huge": 1e300, "wide": 4294967296, "text": "5", "list": [1, 1e300], "map": {"a": 1e300}})");
  EXPECT_THROW((void)j.at("huge").get<int>(), json::out_of_range);
  EXPECT_THROW((void)j.at("wide").get<int>(), json::out_of_range);
  EXPECT_THROW((void)j.at("text").get<int>(), json::type_error);
  EXPECT_THROW((void)j.value("huge", 0), json::out_of_range);
  EXPECT_THROW((void)j.at("list").get<std::vector<int64_t>>(), json::out_of_range);
  EXPECT_THROW((void)(j.at("map").get<std::map<std::string, int64_t>>()), json::out_of_range);
  EXPECT_THROW([&] { const int64_t n = j.at("huge"); return n; }(), json::out_of_range);
  int n = 0;
  EXPECT_THROW(j.at("wide").get_to(n), json::out_of_range);
  EXPECT_EQ(j.at("wide").get<int64_t>(), int64_t{1} << 32);
}

TEST(Json, NumbersAreWrittenAsTheyWere) {
  EXPECT_EQ((json{{"i", -3}, {"u", UINT64_MAX}, {"v", std::vector<int64_t>{1, -2}}, {"b", true}}.dump()),
            R"({"b":true,"i":-3,"u":18446744073709551615,"v":[1,-2]})");
}

}  // namespace
}  // namespace ose
