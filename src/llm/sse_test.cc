#include "llm/sse.h"

#include <vector>

#include <gtest/gtest.h>

namespace ose {
namespace {

using Events = std::vector<std::string>;

Events Parse(std::string_view stream, size_t cut, bool end = false) {
  SseParser parser;
  Events events;
  const auto take = [&](const SseEvent& e) { events.push_back(e.name + "=" + e.data); };
  parser.Feed(stream.substr(0, cut), take);
  parser.Feed(stream.substr(cut), take);
  if (end) parser.End(take);
  return events;
}

void ExpectEvents(std::string_view stream, const Events& events) {
  for (size_t cut = 0; cut <= stream.size(); ++cut) EXPECT_EQ(Parse(stream, cut), events) << "cut at " << cut;
}

TEST(Sse, AllLineEndings) {
  for (const std::string eol : {"\n", "\r", "\r\n"})
    ExpectEvents("event: a" + eol + "data: 1" + eol + eol + "data: 2" + eol + "data: 3" + eol + eol, {"a=1", "=2\n3"});
}

TEST(Sse, MixedLineEndings) { ExpectEvents("data: 1\r\ndata: 2\rdata: 3\n\r\ndata: 4\n\n", {"=1\n2\n3", "=4"}); }

TEST(Sse, CommentsUnknownFieldsAndMarksAreSkipped) {
  ExpectEvents("\xef\xbb\xbf: hello\nid: 7\nretry: 5\n: OPENROUTER PROCESSING\n\ndata: x\nfoo\n\n", {"=x"});
  ExpectEvents("\xef\xbb\xbf" "data: x\n\n", {"=x"});
}

TEST(Sse, OneBlankAfterTheColonIsNoData) { ExpectEvents("data:x\n\ndata:  y\n\ndata\n\n", {"=x", "= y", "="}); }

TEST(Sse, AnEventWithoutDataIsNone) { ExpectEvents("event: ping\n\ndata: x\n\n", {"=x"}); }

TEST(Sse, AnEventWithoutItsEmptyLineComesAtTheEnd) {
  EXPECT_EQ(Parse("data: x\n", 3), Events{});
  EXPECT_EQ(Parse("data: x\n", 3, true), Events{"=x"});
  EXPECT_EQ(Parse("data: x", 3, true), Events{"=x"});
}

TEST(Sse, ALongLineOrEventEndsIt) {
  for (const std::string& stream : {std::string(200, 'x'), "data: " + std::string(100, 'x') + "\n\n",
                                   "data: " + std::string(60, 'x') + "\ndata: " + std::string(60, 'x') + "\n\n"}) {
    SseParser parser(100);
    int events = 0;
    for (char c : stream) parser.Feed(std::string_view(&c, 1), [&](const SseEvent&) { ++events; });
    EXPECT_TRUE(parser.too_long());
    parser.Feed("\n\ndata: y\n\n", [&](const SseEvent&) { ++events; });
    parser.End([&](const SseEvent&) { ++events; });
    EXPECT_EQ(events, 0);
  }
}

}  // namespace
}  // namespace ose
