#include "gate/gate_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"

namespace ose {
namespace {

using ::testing::HasSubstr;

const ast::Parser& SharedParser() {
  static Result<std::unique_ptr<ast::Parser>> parser = ast::Parser::Create(OSE_SOURCE_DIR "/include");
  return **parser;
}

// A policy with `top` at line 4 and `body` in enqueue() at line 8.
std::string Source(const std::string& top, const std::string& body) {
  return "#include <osevolve/policy.h>\nusing namespace osevolve;\nTUNABLE(slice_ns, 20'000, 1'000, "
         "90'000)\n" +
         top +
         "\nstruct S { u64 v; u32 level; };\nstruct P : Policy<S, S> {\n  void enqueue(Task t, u64 "
         "enq_flags) {\n" +
         body + "\n  }\n  u64 total;\n  u32 counts[8];\n};\nOSEVOLVE_POLICY(P, \"p\")\n";
}

struct Case {
  const char* rule;
  const char* top;
  const char* body;
};

std::string Show(const std::vector<GateViolation>& vs) { return GateResponse{false, vs}.Text("p.cc", 20); }

TEST(GateTest, ShippedPoliciesPass) {
  const std::string dir = OSE_SOURCE_DIR "/policies";
  const std::vector<std::string> names = *ListFiles(dir, ".cc");
  for (const std::string& name : names) {
    auto violations = CheckPolicy(SharedParser(), *ReadFile(JoinPath(dir, name)), {});
    EXPECT_TRUE(violations.empty()) << name << "\n" << Show(violations);
  }
}

TEST(GateTest, GoodShapesPass) {
  const char* bodies[] = {
      "t.insert(kDsqGlobal, slice_ns, enq_flags);",
      "for_n(8, [&](s32 i) { counts[i] = 0; });",
      "for_n(3, [&](s32 i) { counts[i * 2 + 1] += 1; return i < 2; });",
      "for_each_cpu([&](s32 i) { cpu_state(i).v = 0; });",
      "counts[t->level & 7] += 1;",
      "counts[umod(now(), 8)] += 1;",
      "counts[clamp(t.cpu(), 0, 7)] += 1;",
      "counts[min(t->level, 7u)] += 1;",
      "counts[now() >> 61] += 1;",
      "const u32 k = t->level % 8; counts[k] /= 2;",
      "u32 k = t->level; if (k < 8 && total > 3) counts[k] += 1;",
      "s32 c = t.cpu(); u32 n = c >= 0 && c < 8 ? counts[c] : 0; count(1, n);",
      "auto& c = cpu_state(t.cpu()); c.v += udiv(t->v, t->level); c.v = c.v / 3;",
      "switch (t->level) { case 0: total += 1; break; default: total = 0; }",
      "if (t.comm() == comm_hash(\"redis\")) [[likely]] { total += 1; }",
      "constexpr u64 kTable[4] = {1, 2, 3, 4}; total += kTable[t->level & 3];",
      "Task u = t; u->v = static_cast<u64>(slice_ns);",
      "S s{}; s.v = 1; total = s.v + sizeof(S);",
  };
  for (const char* body : bodies) {
    auto violations = CheckPolicy(SharedParser(), Source("namespace { constexpr s32 kX = 3; }", body), {});
    EXPECT_TRUE(violations.empty()) << body << "\n" << Show(violations);
  }
}

TEST(GateTest, EachRuleHasABadSnippet) {
  const Case cases[] = {
      {"encoding", "", "\x01"},
      {"encoding", "", "// \xE2\x80\xAE bidi"},
      {"encoding", "", "// \xC3"},
      {"encoding", "constexpr u64 \xC3\xA9 = 1;", ""},
      {"preprocessor", "#define X 1", ""},
      {"preprocessor", "#pragma once", ""},
      {"preprocessor", "", "#if 1"},
      {"preprocessor", "%:define X 1", ""},
      {"preprocessor", "", "// comment \\\n total = 1;"},
      {"preprocessor", "", "_Pragma(\"once\")"},
      {"preprocessor", "", "u64 a<:2:> = {};"},
      {"include", "#include <vector>", ""},
      {"include", "#include \"/etc/passwd\"", ""},
      {"hosted", "#define OSEVOLVE_HOSTED", ""},
      {"identifier", "", "u64 a__b = 1;"},
      {"identifier", "", "u64 _Big = 1;"},
      {"internal-name", "", "osv_count(1, 2);"},
      {"internal-name", "", "total += osv_tun_slice_ns;"},
      {"internal-name", "", "total += t.s->v;"},
      {"internal-name", "", "Range r(0, 3);"},
      {"builtin", "", "total = __builtin_popcountll(total);"},
      {"attribute", "[[gnu::constructor]] void F() {}", ""},
      {"tunable", "TUNABLE(x, 5, 0, 3)", ""},
      {"tunable", "", "TUNABLE(x, 1, 0, 3)"},
      {"policy-macro", "OSEVOLVE_POLICY(P, \"q\")", ""},
      {"evolve-block", "// EVOLVE-BLOCK-START x", ""},
      {"compile", "", "nonsense();"},
      {"compile", "u64 F() { }", ""},
      {"compile", "", "u64 a = a + 1;"},
      {"asm", "", "asm(\"nop\");"},
      {"asm", "", "__asm__(\"nop\");"},
      {"loop", "", "for (s32 i = 0; i < 3; ++i) {}"},
      {"loop", "", "while (total) total -= 1;"},
      {"loop", "", "do { } while (0);"},
      {"loop", "", "x: goto x;"},
      {"loop-bound", "", "for_n(65537, [&](s32 i) { total += 1; });"},
      {"division", "", "total = total / t.weight();"},
      {"division", "", "total %= slice_ns;"},
      {"bounds", "", "counts[t->level] = 1;"},
      {"bounds", "", "counts[t.cpu()] = 1;"},
      {"bounds", "", "counts[t->level % 9] = 1;"},
      {"bounds", "", "for_n(9, [&](s32 i) { counts[i] = 1; });"},
      {"bounds", "", "for_n(8, [&](s32 i) { i += 1; counts[i] = 1; });"},
      {"bounds", "", "u32 k = t->level; if (k < 8) { k += 1; counts[k] = 1; }"},
      {"bounds", "", "s32 k = t.cpu(); if (k < 8) counts[k] = 1;"},
      {"floating-point", "", "float f = 1;"},
      {"floating-point", "", "total = static_cast<u64>(total * 1.5);"},
      {"floating-point", "", "total += static_cast<u64>(1e3);"},
      {"int128", "", "unsigned __int128 x = 1;"},
      {"heap", "", "u64& x = *new u64(3);"},
      {"exception", "", "throw 1;"},
      {"rtti", "", "typeid(total);"},
      {"virtual", "struct V { virtual void F() {} };", ""},
      {"coroutine", "", "co_return;"},
      {"template", "template <class T> T F(T t) { return t; }", ""},
      {"template", "", "for_n(3, [&](auto i) { total += 1; });"},
      {"operator", "struct A { u64 v; }; bool operator<(A a, A b) { return a.v < b.v; }", ""},
      {"union", "union U { u64 a; u32 b; };", ""},
      {"linkage", "extern u64 x;", ""},
      {"namespace", "namespace osevolve { constexpr u32 kMine = 1; }", ""},
      {"constructor", "struct A { A() {} u64 v; };", ""},
      {"constructor", "struct A { ~A() {} u64 v; };", ""},
      {"default-init", "struct A { u64 v = 3; };", ""},
      {"global", "u64 g;", ""},
      {"global", "const u64 g = now();", ""},
      {"global", "struct A { inline static u64 g; };", ""},
      {"static-local", "", "static u64 g = 0; g += 1;"},
      {"uninitialized", "", "u64 x; x = 1;"},
      {"uninitialized", "", "S s; s.v = 1;"},
      {"pointer", "", "S& s = t.state(); auto x = &s;"},
      {"pointer", "u64 F(u64* p) { return 1; }", ""},
      {"pointer", "", "t.insert(kDsqGlobal, 0, nullptr == nullptr);"},
      {"pointer", "struct A { u64& r; };", ""},
      {"function-pointer", "", "auto& f = now; total = f();"},
      {"function-pointer", "", "total = (total ? now : now)();"},
      {"cast", "", "total = reinterpret_cast<u64>(total);"},
      {"cast", "", "(volatile s64&)slice_ns = 3;"},
      {"cast", "", "static_cast<u64&>(total) = 3;"},
      {"lambda", "", "auto f = [&] { total = 1; }; f();"},
      {"lambda", "", "[&] { total = 1; }();"},
      {"function", "void F(s32 n, ...) {}", ""},
      {"construct", "", "total = ({ total; });"},
      {"stack", "u64 F(u64 i) { u64 big[64] = {}; return big[i & 63]; }", ""},
      {"task", "", "Task u{}; total = u.vtime();"},
      {"task-in-state", "struct A { TaskRef<NoState> t; };", ""},
      {"recursion", "u64 F(u64 n) { return n ? F(n - 1) : 0; }", ""},
      {"recursion", "u64 G(u64 n); u64 F(u64 n) { return n ? G(n - 1) : 0; } u64 G(u64 n) { return F(n); }",
       ""},
      {"context", "", "dsq_create(3);"},
      {"context", "u64 F() { return dsq_move_to_local(3); }", "total = F();"},
  };
  std::set<std::string> covered = {"size", "skeleton", "type"};
  for (const Case& c : cases) {
    std::string source = Source(c.top, c.body);
    auto violations = CheckPolicy(SharedParser(), source, {});
    int line = *c.top ? 4 : 8;
    bool found = false;
    for (const GateViolation& v : violations) found |= v.rule == c.rule && (v.line == line || v.line == 0);
    EXPECT_TRUE(found || (std::string(c.rule) == "policy-macro" && !violations.empty()))
        << c.rule << ": " << c.top << c.body << "\n"
        << Show(violations);
    covered.insert(c.rule);
  }
  for (const GateRule& rule : GateRules()) EXPECT_TRUE(covered.contains(std::string(rule.name))) << rule.name;
}

TEST(GateTest, FormattedMessage) {
  auto v = CheckPolicy(SharedParser(), Source("", "    counts[t->level] = 1;"), {});
  ASSERT_EQ(v.size(), 1u);
  EXPECT_EQ(v[0].column, 5);
  EXPECT_EQ(v[0].message,
            "the index 't->level' is not provably below 8, and the verifier refuses unbounded memory access; "
            "write [(t->level) & 7]");
}

TEST(GateTest, Skeleton) {
  const char* open = "    // EVOLVE-BLOCK-START a\n    total += 1;\n    // EVOLVE-BLOCK-END";
  const char* changed =
      "    // EVOLVE-BLOCK-START a\n    total += 2;\n    total += 3;\n    // EVOLVE-BLOCK-END";
  GateOptions options;
  options.skeleton_of = Source("", open);
  EXPECT_TRUE(CheckPolicy(SharedParser(), Source("", changed), options).empty());
  std::string outside = Source("", changed);
  outside.replace(outside.find("u64 total"), 9, "u32 total");
  auto v = CheckPolicy(SharedParser(), outside, options);
  ASSERT_EQ(v.size(), 1u);
  EXPECT_EQ(v[0].rule, "skeleton");
  EXPECT_EQ(v[0].line, 13);
}

TEST(GateTest, SizeAndMissingParts) {
  auto v = CheckPolicy(SharedParser(), std::string(kMaxSourceBytes + 1, ' '), {});
  ASSERT_EQ(v.size(), 1u);
  EXPECT_EQ(v[0].rule, "size");
  v = CheckPolicy(SharedParser(), "", {});
  EXPECT_THAT(Show(v), HasSubstr("policy-macro: no OSEVOLVE_POLICY"));
  EXPECT_THAT(Show(v), HasSubstr("include: the policy API is not included"));
}

TEST(GateTest, HostedSourcesMayUseTheStandardLibrary) {
  std::string source =
      Source("#define OSEVOLVE_HOSTED\n#include <vector>",
             "std::vector<int> v; for (int i : v) total += i; double d = 1.5; total += (u64)d;");
  GateOptions options;
  EXPECT_FALSE(CheckPolicy(SharedParser(), source, options).empty());
  options.allow_hosted = true;
  auto v = CheckPolicy(SharedParser(), source, options);
  EXPECT_TRUE(v.empty()) << Show(v);
  v = CheckPolicy(SharedParser(), Source("#define OSEVOLVE_HOSTED\n#include <fstream>", "asm(\"nop\");"),
                  options);
  EXPECT_THAT(Show(v), HasSubstr("asm: 'asm'"));
  EXPECT_THAT(Show(v), HasSubstr("include: #include <fstream>"));
}

}  // namespace
}  // namespace ose
