#include "llm/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/file.h"

namespace ose {
namespace {

using testing::HasSubstr;

TEST(Cost, CountsCachedTokensOnce) {
  // 600 fresh x 2 + 300 cached x 0.5 + 100 written x 3 + 50 out x 10, per million.
  EXPECT_DOUBLE_EQ(Cost({.input = 2, .cached_input = 0.5, .cache_write = 3, .output = 10}, {.input = 1000, .cached_input = 300, .cache_write = 100, .output = 50}), 2150e-6);
}

TEST(Ledger, ReservationsCount) {
  Ledger l({.usd = 1.0});
  auto a = l.Reserve(0.6, 100);
  ASSERT_TRUE(a);
  EXPECT_FALSE(l.Reserve(0.6, 100));
  EXPECT_THAT(l.Exhausted(), HasSubstr("might exceed"));
  l.Settle(*a, 0.1, 20, 1);
  EXPECT_EQ(l.Exhausted(), "");
  EXPECT_TRUE(l.Reserve(0.6, 100));
  EXPECT_DOUBLE_EQ(l.spent().usd, 0.1);
  EXPECT_DOUBLE_EQ(l.committed().usd, 0.7);
}

TEST(Ledger, RestoredSpendingCounts) {
  Ledger l({.calls = 5});
  l.Restore({.usd = 0, .calls = 4, .tokens = 0});
  EXPECT_TRUE(l.Reserve(0, 0));
  EXPECT_FALSE(l.Reserve(0, 0));
  EXPECT_THAT(l.Exhausted(), HasSubstr("--budget-calls 5 is used up"));
}

TEST(Ledger, NoLimitIsExceededFromManyThreads) {
  Ledger l({.usd = 10, .calls = 1000, .tokens = 5000});
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto ticket = l.Reserve(0.05, 10);
        const Ledger::Totals now = l.committed();
        if (now.usd > 10 + 1e-9 || now.calls > 1000 || now.tokens > 5000) exceeded = true;
        if (ticket) l.Settle(*ticket, 0.04, 9, 1);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_FALSE(exceeded);
  EXPECT_LE(l.spent().usd, 10);
  EXPECT_GT(l.spent().usd, 9.9);
}

TEST(PriceList, ExactNameThenDatedSnapshotThenUnknown) {
  auto p = PriceList::Parse("as_of = \"2026-01-02\"\n[[price]]\nprovider = \"openai\"\nmodel = \"gpt-5\"\ninput = 1\noutput = 10\n"
                            "[[price]]\nprovider = \"openai\"\nmodel = \"gpt-5-mini\"\ninput = 0.2\ncached_input = 0.02\noutput = 2\n", "p.toml");
  ASSERT_TRUE(p.ok()) << p.error().message;
  EXPECT_EQ(p->as_of(), "2026-01-02");
  EXPECT_EQ(p->Find("openai", "gpt-5")->input, 1);
  EXPECT_EQ(p->Find("openai", "gpt-5")->cached_input, 1);
  EXPECT_EQ(p->Find("openai", "gpt-5-2026-01-01")->output, 10);
  EXPECT_EQ(p->Find("openai", "gpt-5-mini-2026-01-01")->output, 2);
  EXPECT_FALSE(p->Find("openai", "gpt-5-nano"));
  EXPECT_FALSE(p->Find("openai", "gpt-50"));
  EXPECT_FALSE(p->Find("anthropic", "gpt-5"));
  EXPECT_EQ(p->Find("ollama", "anything")->output, 0);
  auto own = PriceList::Parse("as_of = \"2026-01-03\"\n[[price]]\nprovider = \"ollama\"\nmodel = \"x\"\ninput = 5\noutput = 5\n", "own.toml");
  ASSERT_TRUE(own.ok());
  p->Override(*own);
  EXPECT_EQ(p->Find("ollama", "x")->input, 5);
}

TEST(PriceList, ErrorsNameTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"as_of = \"2026-01-02\"\n[[price]]\nprovidr = \"x\"\n", "p.toml:3: unknown key 'providr' in [[price]]; did you mean 'provider'?"},
      {"as_of = \"2026-01-02\"\n[[price]]\nprovider = \"x\"\nmodel = \"y\"\ninput = -1\noutput = 1\n", "p.toml:5: 'input' must be dollars"},
      {"as_of = \"2026-01-02\"\n[[price]]\nprovider = \"x\"\nmodel = \"y\"\ninput = 1\n", "needs provider, model, input and output"},
      {"as_of = \"soon\"\n", "p.toml:1: 'as_of' must be a date"},
      {"", "prices need a date"},
      {"as_of = \n", "p.toml:1"},
      {"price = 3\nas_of = \"2026-01-02\"\n", "[[price]]"},
  };
  for (auto& [text, want] : cases) {
    auto p = PriceList::Parse(text, "p.toml");
    ASSERT_FALSE(p.ok()) << text;
    EXPECT_THAT(p.error().message, HasSubstr(want));
  }
}

TEST(PriceList, TheShippedListParses) {
  auto text = ReadFile(OSE_SOURCE_DIR "/data/prices.toml");
  ASSERT_TRUE(text.ok()) << text.error().message;
  auto p = PriceList::Parse(*text, "prices.toml");
  ASSERT_TRUE(p.ok()) << p.error().message;
  EXPECT_TRUE(p->Find("anthropic", "claude-sonnet-5"));
}

}  // namespace
}  // namespace ose
