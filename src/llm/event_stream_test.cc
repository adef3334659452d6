#include "llm/event_stream.h"

#include <vector>

#include <gtest/gtest.h>

#include "llm/event_stream_testing.h"

namespace ose {
namespace {

std::vector<std::string> Parse(std::string_view bytes, size_t cut, const char** damage = nullptr) {
  EventStreamParser parser;
  std::vector<std::string> frames;
  const auto take = [&](const EventFrame& f) { frames.push_back(std::string(f.Header(":event-type")) + "=" + std::string(f.payload)); };
  parser.Feed(bytes.substr(0, cut), take);
  parser.Feed(bytes.substr(cut), take);
  if (damage) *damage = parser.damage();
  return frames;
}

TEST(EventStream, ChecksumIsTheStandardOne) {
  EXPECT_EQ(Crc32(""), 0u);
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926u);
}

// The vectors that the AWS SDKs share: an empty message, and one without headers.
TEST(EventStream, KnownMessages) {
  const std::string empty("\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff", 16);
  EXPECT_EQ(Parse(empty, 5), std::vector<std::string>{"="});
  const std::string payload("\0\0\0\x1d\0\0\0\0\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36", 29);
  EXPECT_EQ(Parse(payload, 20), std::vector<std::string>{"={'foo':'bar'}"});
  EXPECT_EQ(BinaryFrame({}, "{'foo':'bar'}"), payload);
}

TEST(EventStream, CutAnywhere) {
  const std::string stream = BinaryFrame({{":event-type", "a"}}, "1") + BinaryFrame({{":event-type", "b"}}, std::string(300, 'x'));
  for (size_t cut = 0; cut <= stream.size(); ++cut)
    EXPECT_EQ(Parse(stream, cut), (std::vector<std::string>{"a=1", "b=" + std::string(300, 'x')}));
}

TEST(EventStream, HeadersOfEveryTypeAreSkippedRight) {
  using namespace std::string_literals;
  const std::string headers = "\1t\0"s + "\1f\1"s + "\1b\2x"s + "\1s\3xx"s + "\1i\4xxxx"s + "\1l\5xxxxxxxx"s + "\1y\6\0\3abc"s +
                              "\1d\x08xxxxxxxx"s + "\1u\x09xxxxxxxxxxxxxxxx"s + "\1n\7\0\2ok"s;
  std::string found;
  EventStreamParser parser;
  EXPECT_TRUE(parser.Feed(BinaryFrameOf(headers, ""), [&](const EventFrame& f) { found = f.Header("n"); }));
  EXPECT_EQ(found, "ok");
  for (const std::string& bad : {"\1n\7\0\3ok"s, "\1n\x0a"s, "\5n"s, "\1"s, "\1n"s})
    EXPECT_FALSE(EventStreamParser().Feed(BinaryFrameOf(bad, ""), [](const EventFrame&) {})) << bad;
}

TEST(EventStream, EveryFlippedBitIsNoticed) {
  const std::string good = BinaryFrame({{":event-type", "a"}}, "payload");
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const char* damage = nullptr;
    EXPECT_TRUE(Parse(bad, 7, &damage).empty()) << bit;
    EXPECT_NE(damage, nullptr) << bit;
  }
}

TEST(EventStream, ImpossibleLengthsAreRefused) {
  for (const auto& [total, headers] : std::vector<std::pair<uint32_t, uint32_t>>{{15, 0}, {0, 0}, {100, 90}, {0xffffffff, 0}, {16, 0xffffffff}}) {
    std::string prelude = BigEndian(total) + BigEndian(headers);
    prelude += BigEndian(Crc32(prelude));
    const char* damage = nullptr;
    Parse(prelude, 3, &damage);
    EXPECT_STREQ(damage, "the lengths of a frame are impossible");
  }
}

TEST(EventStream, NothingAfterDamage) {
  const std::string good = BinaryFrame({{":event-type", "a"}}, "1");
  std::string bad = good;
  bad.back() ^= 1;
  EXPECT_EQ(Parse(good + bad + good, 4), std::vector<std::string>{"a=1"});
}

}  // namespace
}  // namespace ose
