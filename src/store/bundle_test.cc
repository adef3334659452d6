#include "store/bundle.h"

#include <functional>

#include "base/hash.h"
#include "base/json.h"
#include "core/exit_code.h"
#include "store/bundle_fields.h"
#include "store/testing.h"

namespace ose {
namespace {

using nlohmann::json;

PolicyRecord MakePolicy(const std::string& name, const std::string& parent = "") {
  const std::string source = "// " + name + "\n";
  return {.hash = Sha256Hex(source), .source = source, .name = name, .author = "meta/llama: 4", .parent = parent};
}

// Two policies, of which the second beat the first.
Bundle MakeBundle() {
  Bundle b;
  b.policies = {MakePolicy("fifo")};
  b.policies.push_back(MakePolicy("best-1", b.policies[0].hash));
  b.workloads = {{.hash = Sha256Hex("w"), .name = "hol", .text = "name = \"hol\"\n", .signature = {0.25, 1}, .signature_version = 1}};
  b.machines = {{.hash = Sha256Hex("m"), .name = "vm", .text = "m"}};
  for (const PolicyRecord& p : b.policies)
    b.evaluations.push_back({.policy = p.hash, .workload = b.workloads[0].hash, .machine = b.machines[0].hash, .host = "sim", .seeds = 64,
                             .seed_base = ~uint64_t{0}, .score = 12.5,
                             .metrics_json = R"({"hol.latency_p99":{"ci95":[1.5,null],"mean":null,"unit":"us"}})", .versions_json = R"({"osevolve":"0.1.0"})"});
  b.claims = {{.policy = b.policies[1].hash, .workload = b.workloads[0].hash, .machine = b.machines[0].hash, .incumbent = b.policies[0].hash,
               .gain_pct = {5, 0.1, 8}, .seeds = 64, .seed_base = 1, .score = 80, .pct_of_bound = 80}};
  return b;
}

std::string Text() { return FormatBundle(MakeBundle()); }

// A text after a change, with a checksum that fits: the work of somebody who knows the format.
std::string Resealed(const std::function<void(json&)>& change) {
  json whole = json::parse(Text());
  change(whole["contents"]);
  whole["sha256"] = Sha256Hex(whole["contents"].dump());
  return whole.dump();
}

// The message, without the file's name; "" for a text that is taken.
std::string WhyRefused(const std::string& text, int code = kExitDatabase) {
  auto b = ParseBundle(text, "b.json");
  if (b.ok()) return "";
  EXPECT_EQ(b.error().code, code) << b.error().message;
  EXPECT_TRUE(b.error().message.starts_with("b.json: ")) << b.error().message;
  for (char c : b.error().message) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20) << b.error().message;
  return b.error().message.substr(8);
}

TEST(BundleTest, ATextReadAndWrittenAgainIsTheSame) {
  const std::string text = Text();
  auto b = ParseBundle(text, "b.json");
  ASSERT_TRUE(b.ok()) << b.error().message;
  EXPECT_EQ(FormatBundle(*b), text);
  EXPECT_EQ(b->sha256, json::parse(text)["sha256"].get<std::string>());
  ASSERT_EQ(b->evaluations.size(), 2u);
  EXPECT_TRUE(b->evaluations[0].imported);
  EXPECT_EQ(b->evaluations[0].seed_base, ~uint64_t{0});
  EXPECT_EQ(b->evaluations[0].score, 12.5);
  EXPECT_EQ(b->claims[0].gain_pct.lo, 0.1);
  EXPECT_EQ(b->workloads[0].signature, (std::vector<double>{0.25, 1}));
  ASSERT_TRUE(ParseBundle(FormatBundle({}), "empty.json").ok());
}

TEST(BundleTest, TheOrderOfRecordsDoesNotMatter) {
  Bundle b = MakeBundle();
  std::swap(b.policies[0], b.policies[1]);
  std::swap(b.evaluations[0], b.evaluations[1]);
  EXPECT_EQ(FormatBundle(b), Text());
}

TEST(BundleTest, EveryChangedByteOfTheContentsIsNoticed) {
  const std::string text = Text();
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '7' ? '8' : '7';
    auto b = ParseBundle(changed, "b.json");
    // White space is 7s, too, which make another number or no JSON.
    EXPECT_FALSE(b.ok()) << i << ": " << changed.substr(i > 20 ? i - 20 : 0, 40);
  }
}

TEST(BundleTest, WhatIsCutIsNoBundle) {
  const std::string text = Text();
  for (size_t n = 0; n + 1 < text.size(); n += 7) EXPECT_NE(WhyRefused(text.substr(0, n)).find("cut short"), std::string::npos) << n;
}

TEST(BundleTest, SomethingElseIsNoBundle) {
  EXPECT_NE(WhyRefused("{}").find("is no bundle"), std::string::npos);
  EXPECT_NE(WhyRefused("[1]").find("is no bundle"), std::string::npos);
  EXPECT_NE(WhyRefused(std::string(1 << 20, '[')).find("nested deeper"), std::string::npos);
  EXPECT_NE(WhyRefused("[" + std::string(4'000'001, ',') + "]").find("more than 4000000 values"), std::string::npos);
  EXPECT_NE(WhyRefused(std::string(kMaxBundleBytes + 1, ' ')).find("more than 67108864 bytes"), std::string::npos);
}

TEST(BundleTest, ANewerFormatSaysWhatToDo) {
  json whole = json::parse(Text());
  whole["format"] = 2;
  whole["contents"] = "of another shape";
  EXPECT_NE(WhyRefused(whole.dump(), kExitDatabaseNewer).find("format 2, this one reads format 1; use that OS-Evolve"), std::string::npos);
  whole["format"] = -1;
  EXPECT_NE(WhyRefused(whole.dump()).find("no format"), std::string::npos);
}

TEST(BundleTest, AChangeWithoutTheChecksumIsRefused) {
  std::string text = Text();
  text.replace(text.find("\"score\": 80.0"), 13, "\"score\": 99.0");
  EXPECT_NE(WhyRefused(text).find("checksum"), std::string::npos);
}

TEST(BundleTest, AChangeWithTheChecksumIsRefused) {
  using Change = std::function<void(json&)>;
  const std::string sha(64, 'a');
  const std::pair<const char*, Change> kChanges[] = {
      {"claims[0]: its hash is not that of its content", [](json& c) { c["claims"][0]["score"] = 99.0; }},
      {"claims[0].gain_pct is no finite number", [](json& c) { c["claims"][0]["gain_pct"] = "much"; }},
      {"claims[0].seeds is no whole number from 2 to 100000", [](json& c) { c["claims"][0]["seeds"] = 1e300; }},
      {"claims[0].seeds is no whole number from 2 to 100000", [](json& c) { c["claims"][0]["seeds"] = -3; }},
      {"claims[0].seed_base is no whole number", [](json& c) { c["claims"][0]["seed_base"] = -3; }},
      {"claims[0].family is no family", [](json& c) { c["claims"][0]["family"] = "lucky"; }},
      {"claims[0]: its gain is no interval above zero", [](json& c) { c["claims"][0]["gain_lo_pct"] = -1; }},
      {"claims[0].incumbent is not in the bundle", [&](json& c) { c["claims"][0]["incumbent"] = sha; }},
      {"evaluations[0]: its hash is not that of its content", [](json& c) { c["evaluations"][0]["metrics"] = json::object(); }},
      {"evaluations[0].policy is not in the bundle", [&](json& c) { c["evaluations"][0]["policy"] = sha; }},
      {"evaluations[0].workload is not in the bundle", [&](json& c) { c["evaluations"][0]["workload"] = sha; }},
      {"evaluations[0].machine is not in the bundle", [&](json& c) { c["evaluations"][0]["machine"] = sha; }},
      {"evaluations[0].metrics has an entry 'latency'", [](json& c) { c["evaluations"][0]["metrics"]["latency"] = "low"; }},
      {"evaluations[0].versions has an entry 'kernel'", [](json& c) { c["evaluations"][0]["versions"]["kernel"] = "\x1b[2J"; }},
      {"evaluations[0].score is missing", [](json& c) { c["evaluations"][0].erase("score"); }},
      {"evaluations[1] is there twice", [](json& c) { c["evaluations"][1] = c["evaluations"][0]; }},
      {"policies[0]: its hash is not that of its source", [](json& c) { c["policies"][0]["source"] = "// worse\n"; }},
      {"policies[0]: its hash is not that of its source", [&](json& c) { c["policies"][0]["hash"] = sha; }},
      {"policies[0].hash is no SHA-256", [](json& c) { c["policies"][0]["hash"] = "../../etc/passwd"; }},
      {"policies[0].name '../best' has a path separator", [](json& c) { c["policies"][0]["name"] = "../best"; }},
      {"policies[0].name 'a\\b' has a path separator", [](json& c) { c["policies"][0]["name"] = "a\\b"; }},
      {"policies[0].name '..' begins with '.'", [](json& c) { c["policies"][0]["name"] = ".."; }},
      {"policies[0].name '--force' begins with '-'", [](json& c) { c["policies"][0]["name"] = "--force"; }},
      {"policies[0].name '' is empty", [](json& c) { c["policies"][0]["name"] = ""; }},
      {"policies[0].name '[31mred' has control characters", [](json& c) { c["policies"][0]["name"] = "\x1b[31mred"; }},
      {"policies[0].name is longer than 128 bytes", [](json& c) { c["policies"][0]["name"] = std::string(129, 'x'); }},
      {"policies[0].author 'me you' has control characters", [](json& c) { c["policies"][0]["author"] = "me\nyou"; }},
      {"policies[0].parent is no SHA-256", [](json& c) { c["policies"][0]["parent"] = "fifo"; }},
      {"policies[0].source has 262145 bytes", [](json& c) { c["policies"][0]["source"] = std::string((256 << 10) + 1, ' '); }},
      {"policies[0].source has control characters", [](json& c) { c["policies"][0]["source"] = "// \x1b]0;title\x07\n"; }},
      {"policies[1] is there twice", [](json& c) { c["policies"][1] = c["policies"][0]; }},
      {"policies[0] has an unknown field 'run'", [](json& c) { c["policies"][0]["run"] = "me"; }},
      {"policies[0] is no object", [](json& c) { c["policies"][0] = 7; }},
      {"policies is no list", [](json& c) { c["policies"] = json::object(); }},
      {"policies has 10001 entries", [](json& c) { c["policies"] = json(std::vector<int>(10001)); }},
      {"machines[0]: its hash is not that of its text", [](json& c) { c["machines"][0]["text"] = "n"; }},
      {"workloads[0].name 'a/b' has a path separator", [](json& c) { c["workloads"][0]["name"] = "a/b"; }},
      {"workloads[0].signature has what is no finite number", [](json& c) { c["workloads"][0]["signature"][0] = "x"; }},
      {"is missing", [](json& c) { c.erase("claims"); }},
      {"unknown field 'more'", [](json& c) { c["more"] = 1; }},
  };
  ASSERT_EQ(WhyRefused(Resealed([](json&) {})), "");
  for (const auto& [what, change] : kChanges) {
    const std::string why = WhyRefused(Resealed(change));
    EXPECT_NE(why.find(what), std::string::npos) << "expected: " << what << "\nsaid: " << why;
  }
}

TEST(BundleTest, OneClaimForAPlace) {
  Bundle b = MakeBundle();
  b.claims.push_back(b.claims[0]);
  std::swap(b.claims[1].policy, b.claims[1].incumbent);
  EXPECT_NE(WhyRefused(FormatBundle(b)).find("is a second one for its workload and machine"), std::string::npos);
}

TEST(BundleTest, WithoutAPolicyWhatRestsOnItGoes) {
  const Bundle b = MakeBundle();
  Bundle left = WithoutPolicies(b, {b.policies[1].hash});
  EXPECT_EQ(left.policies.size(), 1u);
  EXPECT_EQ(left.evaluations.size(), 1u);
  EXPECT_EQ(left.claims.size(), 0u);
  EXPECT_EQ(left.workloads.size(), 1u);
  left = WithoutPolicies(b, {b.policies[0].hash});  // the incumbent: the claim over it has no ground
  EXPECT_EQ(left.policies[0].parent, b.policies[0].hash);
  EXPECT_EQ(left.claims.size(), 0u);
  left = WithoutPolicies(b, {b.policies[0].hash, b.policies[1].hash});
  EXPECT_EQ(left.workloads.size() + left.machines.size() + left.evaluations.size(), 0u);
}

TEST(BundleTest, NamesThatDeceive) {
  for (const char* bad : {"\xc2\x9b" "31m", "a\xe2\x80\xae" "b", "a\xe2\x80\x8b", "a\xe2\x81\xa6", "\xef\xbb\xbf" "a", "a\x7f", "a\tb", "\xff", "a/b", "", ".", "-x"})
    EXPECT_NE(WhyNoName(bad), "") << bad;
  for (const char* good : {"hol", "hol-16 (2)", "größe", "日本", "€"}) EXPECT_EQ(WhyNoName(good), "") << good;
  EXPECT_EQ(WhyUnprintable("a\n\tb\r\n", true), "");
  EXPECT_EQ(Shown("a\xe2\x80\xae\xef\xbb\xbf \xc2\x9b\n größe", 60), "a?? größe");
  EXPECT_NE(WhyUnprintable(std::string_view("a\0b", 3), true), "");
}

class BaseBundleTest : public StoreTest {
 protected:
  KnowledgeBase Open(const std::string& name) { return KnowledgeBase::Open(Path(name + ".db"), OpenMode::kCreate).value(); }
  // A base with one veteran, which beat fifo, whose ancestor is known, too.
  std::string Fill(KnowledgeBase& base) {
    const Bundle b = MakeBundle();
    for (const PolicyRecord& p : b.policies) EXPECT_EQ(base.UpsertPolicy(p).value(), p.hash);
    EXPECT_TRUE(base.UpsertPolicy(MakePolicy("stranger")).ok());
    EXPECT_TRUE(base.UpsertWorkload(b.workloads[0]).ok());
    EXPECT_TRUE(base.UpsertMachine(b.machines[0]).ok());
    EXPECT_TRUE(base.UpsertMachine({.name = "other", .text = "other"}).ok());
    EvaluationRecord e = b.evaluations[1];
    EXPECT_TRUE(base.RecordEvaluation(e).ok());
    e.score = 99;
    e.imported = true;
    EXPECT_TRUE(base.RecordEvaluation(e).ok());
    e.imported = false;
    e.machine = Sha256Hex("other");
    EXPECT_TRUE(base.RecordEvaluation(e).ok());
    return base.PromoteVeteran(b.claims[0])->veteran;
  }
  Bundle Exported(KnowledgeBase& base, const std::string& id) {
    auto b = base.Export({id});
    EXPECT_TRUE(b.ok());
    auto parsed = ParseBundle(FormatBundle(*b), "b.json");
    if (!parsed.ok()) ADD_FAILURE() << parsed.error().message;
    return std::move(parsed).value();
  }
};

TEST_F(BaseBundleTest, ExportTakesWhatTheVeteranRestsOn) {
  KnowledgeBase base = Open("a");
  const std::string id = Fill(base);
  const Bundle b = Exported(base, id);
  EXPECT_EQ(b.policies.size(), 2u);     // not the stranger
  EXPECT_EQ(b.evaluations.size(), 1u);  // neither the imported one nor that of another machine
  EXPECT_EQ(b.evaluations[0].score, 12.5);
  EXPECT_EQ(b.workloads.size(), 1u);
  EXPECT_EQ(b.machines.size(), 1u);
  ASSERT_EQ(b.claims.size(), 1u);
  EXPECT_EQ(FormatBundle(*base.Export({id})), FormatBundle(b));
  EXPECT_EQ(CodeOf(base.Export({std::string(64, 'a')})), kExitNotFound);
}

TEST_F(BaseBundleTest, AnImportedBundleCountsForNothing) {
  KnowledgeBase from = Open("a"), to = Open("b");
  const Bundle b = Exported(from, Fill(from));
  auto added = to.Import(b);
  ASSERT_TRUE(added.ok()) << added.error().message;
  EXPECT_EQ(added->policies, 2);
  EXPECT_EQ(added->workloads, 1);
  EXPECT_EQ(added->machines, 1);
  EXPECT_EQ(added->evaluations, 1);
  EXPECT_TRUE(to.ListVeterans(false)->empty());
  auto answer = to.Query({.signature = {0.25, 1}, .signature_version = 1, .cpus = 2, .threshold = 1, .distance = [](const auto&, const auto&) { return 0.0; }});
  EXPECT_TRUE(answer->matches.empty());
  EXPECT_FALSE(answer->nearest);
  const auto details = to.Show(b.claims[0].policy);
  ASSERT_EQ(details->evaluations.size(), 1u);
  EXPECT_TRUE(details->evaluations[0].imported);
  EXPECT_EQ(details->ancestors.size(), 1u);
  EXPECT_TRUE(to.Export({})->evaluations.empty());
  // The same once more, and the base's own into itself.
  added = to.Import(b);
  EXPECT_EQ(added->policies + added->workloads + added->machines + added->evaluations, 0);
  added = from.Import(b);
  EXPECT_EQ(added->policies + added->workloads + added->machines + added->evaluations, 0);
  EXPECT_FALSE(from.Show(b.claims[0].policy)->evaluations[0].imported && from.Show(b.claims[0].policy)->evaluations[1].imported);
  EXPECT_EQ(from.ListVeterans()->size(), 1u);
}

TEST_F(BaseBundleTest, ABundleRenamesNothing) {
  KnowledgeBase base = Open("a");
  const std::string id = Fill(base);
  Bundle b = Exported(base, id);
  for (PolicyRecord& p : b.policies) p.name = "evil", p.author = "evil", p.parent = "";
  b.workloads[0].name = b.machines[0].name = "evil";
  b.workloads[0].signature = {9, 9};
  b.workloads[0].signature_version = 9;
  ASSERT_TRUE(base.Import(b).ok());
  const Veteran v = (*base.ListVeterans())[0];
  EXPECT_EQ(v.policy_name, "best-1");
  EXPECT_EQ(v.workload_name, "hol");
  EXPECT_EQ(v.machine_name, "vm");
  EXPECT_EQ((*base.ListWorkloads())[0].signature_version, 1);
  EXPECT_EQ(base.LoadPolicy(b.claims[0].policy)->author, "meta/llama: 4");
}

TEST_F(BaseBundleTest, AllOrNothing) {
  KnowledgeBase from = Open("a"), to = Open("b");
  Bundle b = Exported(from, Fill(from));
  b.evaluations[0].machine = std::string(64, 'a');  // ParseBundle would have refused it
  EXPECT_EQ(CodeOf(to.Import(b)), kExitNotFound);
  EXPECT_TRUE(to.ListPolicies()->empty());
  EXPECT_TRUE(to.ListWorkloads()->empty());
}

}  // namespace
}  // namespace ose
