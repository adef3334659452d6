#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "llm/http.h"
#include "llm/providers.h"

namespace ose {
namespace {

// Holds every request until `release`, and knows how many there were at once.
class Holding : public HttpClient {
 public:
  HttpResponse Post(const HttpRequest&, const std::function<bool(std::string_view)>&, const std::atomic<bool>*) override {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++now_);
    ++all_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return released_; });
    --now_;
    return {.status = 400, .body = "{}"};
  }
  void Await(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return now_ == n; });
  }
  void Release() {
    std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  int most() const { return most_; }
  int all() const { return all_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int now_ = 0, most_ = 0, all_ = 0;
  bool released_ = false;
};

Environment Table(std::map<std::string, std::string> table) {
  return [table = std::move(table)](const std::string& name) -> std::optional<std::string> {
    auto it = table.find(name);
    return it == table.end() ? std::nullopt : std::optional(it->second);
  };
}

// Calls each model twice at once and waits until `expected` requests are on their way together.
void CallAll(const std::vector<std::string>& texts, const Environment& env, int expected) {
  std::vector<ModelSpec> specs;
  for (const std::string& text : texts) specs.push_back(*ParseModelSpec(text));
  auto http = std::make_shared<Holding>();
  auto models = MakeModels(specs, env, http, 1);
  ASSERT_TRUE(models.ok()) << models.error().message;
  std::vector<std::thread> threads;
  for (auto& model : *models)
    for (int i = 0; i < 2; ++i) threads.emplace_back([&model] { model->Complete({}, nullptr); });
  http->Await(expected);
  http->Release();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(http->most(), expected);
  EXPECT_EQ(http->all(), 2 * static_cast<int>(texts.size()));
}

TEST(MakeModels, OfOneAccountShareTheStrictestLimit) {
  CallAll({"openai:a,concurrency=3", "openai:b,concurrency=1"}, Table({{"OPENAI_API_KEY", "sk-1"}}), 1);
}

TEST(MakeModels, OtherKeysAndServersHaveLimitsOfTheirOwn) {
  CallAll({"openai:a,concurrency=1", "openai:a,concurrency=1,key_env=SECOND", "openai:a,concurrency=1,url=http://127.0.0.1:9/v1"},
          Table({{"OPENAI_API_KEY", "sk-1"}, {"SECOND", "sk-2"}}), 3);
}

TEST(MakeModels, OneThatCannotBeUsedIsNamed) {
  auto models = MakeModels({*ParseModelSpec("command:true"), *ParseModelSpec("anthropic:x")}, Table({}), std::make_shared<Holding>(), 1);
  ASSERT_FALSE(models.ok());
  EXPECT_THAT(models.error().message, testing::AllOf(testing::HasSubstr("--llm anthropic:x"), testing::HasSubstr("ANTHROPIC_API_KEY")));
}

}  // namespace
}  // namespace ose
