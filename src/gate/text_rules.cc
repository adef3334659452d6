#include "gate/text_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>

#include "core/lexer.h"
#include "core/policy_source.h"

namespace ose {
namespace {

using Tokens = std::vector<LexToken>;

// --- Characters ---------------------------------------------------------------------------

// Code point at s[i] and its length; length 0 when it is not UTF-8.
struct CodePoint {
  uint32_t value = 0;
  int bytes = 0;
};

CodePoint Decode(std::string_view s, size_t i) {
  auto byte = [&](size_t k) { return k < s.size() ? static_cast<uint8_t>(s[k]) : 0u; };
  uint32_t b = byte(i);
  int n = b < 0x80                ? 1
          : b >= 0xC2 && b < 0xE0 ? 2
          : b >= 0xE0 && b < 0xF0 ? 3
          : b >= 0xF0 && b < 0xF5 ? 4
                                  : 0;
  if (n <= 1) return {b, n};
  uint32_t v = b & (0xFF >> (n + 1));
  for (int k = 1; k < n; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return {0, 0};
    v = v << 6 | (byte(i + k) & 0x3F);
  }
  bool overlong = (n == 3 && v < 0x800) || (n == 4 && v < 0x10000);
  if (overlong || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000)) return {0, 0};
  return {v, n};
}

// Characters that make text look different from what it is: bidirectional controls, zero-width
// characters, line separators.
bool IsInvisible(uint32_t c) {
  return c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0x80 && c < 0xA0) || c >= 0xE0000;
}

bool CheckCharacters(std::string_view source, Report& report) {
  if (source.size() > kMaxSourceBytes) {
    report.AddAt(0, 0, "size",
                 fmt::format("the source has {} bytes, more than the {} that a policy may have; "
                             "a scheduler needs a few thousand",
                             source.size(), kMaxSourceBytes));
    return false;
  }
  for (size_t i = 0; i < source.size();) {
    CodePoint c = Decode(source, i);
    bool control = c.value < 0x20 ? c.value != '\n' && c.value != '\t' : c.value == 0x7F;
    if (c.bytes == 0 || control || IsInvisible(c.value)) {
      report.Add(i, "encoding",
                 c.bytes == 0
                     ? "this byte is not UTF-8; a policy is plain text"
                     : fmt::format("the invisible character U+{:04X} can make code look like something "
                                   "else; use plain spaces and newlines",
                                   c.value));
      return false;
    }
    i += c.bytes;
  }
  return true;
}

// --- Directives ---------------------------------------------------------------------------

const std::set<std::string_view>& StandardHeaders() {
  static const std::set<std::string_view> headers = {
      "algorithm", "array",   "bit",         "bitset",   "cmath",       "cstddef",       "cstdint",
      "cstring",   "deque",   "functional",  "iterator", "limits",      "list",          "map",
      "memory",    "numeric", "optional",    "queue",    "random",      "set",           "span",
      "stack",     "string",  "string_view", "tuple",    "type_traits", "unordered_map", "unordered_set",
      "utility",   "variant", "vector"};
  return headers;
}

// The directive's line without spaces and without a trailing // comment.
std::string DirectiveText(std::string_view source, size_t begin) {
  std::string_view line = source.substr(begin, source.find('\n', begin) - begin);
  line = line.substr(0, line.find("//"));
  std::string out;
  for (char c : line)
    if (!std::isspace(static_cast<unsigned char>(c))) out += c;
  return out;
}

void CheckDirective(std::string_view source, const LexToken& hash, bool hosted, Report& report) {
  std::string text = DirectiveText(source, hash.begin);
  if (hash.first_on_line) {
    if (text == "#include<osevolve/policy.h>" || text == "#defineOSEVOLVE_HOSTED") return;
    if (text.starts_with("#include")) {
      std::string name = text.substr(8);
      if (hosted && name.size() > 2 && name.front() == '<' && name.back() == '>' &&
          StandardHeaders().contains(std::string_view(name).substr(1, name.size() - 2)))
        return;
      report.Add(
          hash.begin, "include",
          fmt::format(
              "#include {} is refused because a policy sees nothing but the policy API (the kernel has "
              "no libc); include <osevolve/policy.h> only",
              name));
      return;
    }
  }
  report.Add(
      hash.begin, "preprocessor",
      "a preprocessor directive other than #include <osevolve/policy.h> can hide code from the checks; write "
      "constexpr constants and inline functions instead");
}

// --- Words --------------------------------------------------------------------------------

struct WordRule {
  std::string_view rule, message;
  bool hosted_too = false;
};

const std::map<std::string_view, WordRule>& WordRules() {
  constexpr std::string_view kLoop =
      "is refused because the verifier must see a bound on every loop; use for_n(n, [&](s32 i) { ... }) or "
      "for_each_cpu([&](s32 cpu) { ... }), and return false from the lambda to stop";
  constexpr std::string_view kHeap =
      "is refused because the kernel gives BPF programs no heap; keep data in TaskState, CpuState or the "
      "policy struct";
  constexpr std::string_view kException =
      "is refused because BPF cannot unwind; return a value that tells the failure";
  constexpr std::string_view kRtti =
      "is refused because BPF has no run-time type information; use an enum field";
  constexpr std::string_view kFloat =
      "is refused because the kernel has no floating point; use u64 arithmetic in ns, scaled by a power of "
      "two or 100";
  constexpr std::string_view kCast =
      "is refused because it defeats the type checks; use static_cast between integers";
  constexpr std::string_view kTemplate =
      "is refused because the checks need concrete types; write a plain function or a struct";
  constexpr std::string_view kAsm = "is refused because BPF has no inline assembly for policies; use C++";
  constexpr std::string_view kModule =
      "is refused because a policy is one file; include <osevolve/policy.h> only";
  static const std::map<std::string_view, WordRule> rules = {
      {"for", {"loop", kLoop}},
      {"while", {"loop", kLoop}},
      {"do", {"loop", kLoop}},
      {"goto", {"loop", kLoop}},
      {"new", {"heap", kHeap}},
      {"delete", {"heap", kHeap}},
      {"try", {"exception", kException}},
      {"catch", {"exception", kException}},
      {"throw", {"exception", kException}},
      {"typeid", {"rtti", kRtti}},
      {"dynamic_cast", {"rtti", kRtti}},
      {"virtual",
       {"virtual",
        "is refused because the verifier rejects calls through tables; call the function itself or "
        "switch over an enum"}},
      {"asm", {"asm", kAsm, true}},
      {"float", {"floating-point", kFloat}},
      {"double", {"floating-point", kFloat}},
      {"reinterpret_cast", {"cast", kCast}},
      {"const_cast", {"cast", kCast}},
      {"template", {"template", kTemplate}},
      {"concept", {"template", kTemplate}},
      {"operator",
       {"operator", "is refused because calls must be visible to the checks; write a named function"}},
      {"union", {"union", "is refused because it reinterprets memory; write a struct"}},
      {"extern",
       {"linkage", "is refused because a policy has no other translation unit; define what you need here"}},
      {"thread_local", {"global", "is refused because BPF has no threads' storage; use CpuState"}},
      {"nullptr",
       {"pointer", "is refused because policies use no pointers; use a reference, or -1 for 'no CPU'"}},
      {"co_await", {"coroutine", "is refused because BPF has no coroutines; write a plain function"}},
      {"co_yield", {"coroutine", "is refused because BPF has no coroutines; write a plain function"}},
      {"co_return", {"coroutine", "is refused because BPF has no coroutines; write a plain function"}},
      {"import", {"preprocessor", kModule, true}},
      {"module", {"preprocessor", kModule, true}},
      {"export", {"preprocessor", kModule, true}},
  };
  return rules;
}

void CheckReservedWord(const LexToken& t, Report& report) {
  std::string_view w = t.text;
  auto refuse = [&](std::string_view rule, std::string_view why) {
    report.Add(t.begin, rule, fmt::format("'{}' {}", w, why));
  };
  if (w == "OSV_INLINE") return;
  if (w.starts_with("osv_") || w.starts_with("Osv") || w.starts_with("OSV_") || w == "MakePolicy" ||
      w == "kAbiVersion")
    return refuse("internal-name",
                  "belongs to the host side of the API; use the services and types documented in "
                  "<osevolve/policy.h>");
  if (w == "_Pragma") return refuse("preprocessor", "is a directive in disguise; leave it out");
  if (w.starts_with("__asm"))
    return refuse("asm", "is inline assembly, which BPF policies cannot use; use C++");
  if (w.starts_with("__int128") || w.starts_with("__uint128") || w == "_BitInt")
    return refuse(
        "int128",
        "is refused because BPF has no 128-bit arithmetic (__multi3); scale the operands down, as in "
        "(a >> 10) * b");
  if (w.starts_with("__builtin") || w.starts_with("__sync") || w.starts_with("__atomic"))
    return refuse("builtin",
                  "is refused because a compiler builtin may become a libc call; use the services of "
                  "<osevolve/policy.h>");
  if (w.find("__") != w.npos ||
      (w.size() > 1 && w[0] == '_' && std::isupper(static_cast<unsigned char>(w[1]))))
    return refuse("identifier", "is a name reserved for the compiler; choose one without double underscore");
  if (std::any_of(w.begin(), w.end(), [](char c) { return (c & 0x80) != 0; }))
    return refuse("encoding", "has letters beyond ASCII, which can look like others; use a-z, 0-9 and _");
}

void CheckNumber(const LexToken& t, Report& report) {
  bool hex = t.text.starts_with("0x") || t.text.starts_with("0X");
  if (t.text.find('.') != t.text.npos || t.text.find_first_of(hex ? "pP" : "eE") != t.text.npos)
    report.Add(
        t.begin, "floating-point",
        fmt::format(
            "the floating-point number {} is refused because the kernel has no floating point; write an "
            "integer, scaled if need be",
            t.text));
}

// [[...]] starts at tokens[i].
void CheckAttribute(const Tokens& tokens, size_t i, Report& report) {
  static const std::set<std::string_view> allowed = {"maybe_unused", "nodiscard", "likely", "unlikely",
                                                     "fallthrough"};
  for (size_t k = i + 2; k < tokens.size() && tokens[k].text != "]"; ++k) {
    if (tokens[k].text == "," || allowed.contains(tokens[k].text)) continue;
    report.Add(
        tokens[i].begin, "attribute",
        fmt::format(
            "the attribute '{}' can change what the compiler emits; only maybe_unused, nodiscard, likely, "
            "unlikely and fallthrough are allowed",
            tokens[k].text));
    return;
  }
}

bool IsDigraph(const LexToken& a, const LexToken& b) {
  if (a.end != b.begin || a.kind != LexKind::kPunct || b.kind != LexKind::kPunct) return false;
  char x = a.text[0], y = b.text[0];
  return (x == '<' && (y == ':' || y == '%')) || (x == ':' && y == '>') ||
         (x == '%' && (y == '>' || y == ':'));
}

// --- Macros of the API --------------------------------------------------------------------

// Offset after the ')' that matches the '(' at tokens[i].
size_t EndOfCall(const Tokens& tokens, size_t i) {
  int depth = 0;
  for (; i < tokens.size(); ++i) {
    if (tokens[i].text == "(") ++depth;
    if (tokens[i].text == ")" && --depth == 0) return tokens[i].end;
  }
  return tokens.empty() ? 0 : tokens.back().end;
}

bool IsPolicyMacro(const Tokens& t, size_t i) {
  if (i + 5 >= t.size() || t[i + 1].text != "(" || t[i + 2].kind != LexKind::kIdentifier ||
      t[i + 3].text != "," || t[i + 4].kind != LexKind::kString || t[i + 5].text != ")")
    return false;
  std::string_view name = t[i + 4].text;
  return name.size() > 2 && name.size() <= 66 &&
         std::all_of(name.begin() + 1, name.end() - 1,
                     [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
}

void CheckMacros(const Tokens& tokens, TextFacts& facts, Report& report) {
  int depth = 0, policies = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const LexToken& t = tokens[i];
    if (t.kind == LexKind::kPunct) depth += t.text == "{" ? 1 : t.text == "}" ? -1 : 0;
    if (t.kind != LexKind::kIdentifier || (t.text != "TUNABLE" && t.text != "OSEVOLVE_POLICY")) continue;
    if (i + 1 < tokens.size() && tokens[i + 1].text == "(")
      facts.macros.push_back({t.begin, EndOfCall(tokens, i + 1)});
    if (t.text == "TUNABLE") {
      if (depth != 0)
        report.Add(t.begin, "tunable",
                   "a TUNABLE inside braces cannot be found by the loader; declare it at the top of "
                   "the file");
    } else if (!IsPolicyMacro(tokens, i) || depth != 0) {
      report.Add(t.begin, "policy-macro",
                 "this OSEVOLVE_POLICY is malformed; end the file with OSEVOLVE_POLICY(Class, "
                 "\"name\"), the name of letters, digits, '_', '-' and '.'");
      ++policies;
    } else if (++policies == 2) {
      report.Add(t.begin, "policy-macro", "a second OSEVOLVE_POLICY would define the policy twice; keep one");
    }
  }
  if (policies == 0)
    report.AddAt(0, 0, "policy-macro",
                 "no OSEVOLVE_POLICY, so nothing is exported to the host; end the file with "
                 "OSEVOLVE_POLICY(Class, \"name\")");
}

// --- Structure ----------------------------------------------------------------------------

// core/policy_source.h starts its messages with "line N: ".
void AddSourceError(std::string_view rule, const std::string& message, Report& report) {
  int line = 0;
  size_t colon = message.find(": ");
  if (message.starts_with("line ") && colon != message.npos) line = std::atoi(message.c_str() + 5);
  report.AddAt(line, line ? 1 : 0, rule, line ? message.substr(colon + 2) : message);
}

std::vector<std::string_view> SplitLines(std::string_view s) {
  std::vector<std::string_view> out;
  while (!s.empty()) {
    size_t n = s.find('\n');
    out.push_back(s.substr(0, n));
    s.remove_prefix(n == s.npos ? s.size() : n + 1);
  }
  return out;
}

void CheckSkeleton(std::string_view source, const std::string& parent, Report& report) {
  Result<std::string> mine = Skeleton(source), theirs = Skeleton(parent);
  if (!mine.ok()) return;  // reported by CheckStructure
  if (!theirs.ok())
    return report.AddAt(0, 0, "skeleton", "the parent has no valid skeleton: " + theirs.error().message);
  if (*mine == *theirs) return;
  std::vector<std::string_view> a = SplitLines(*mine), b = SplitLines(*theirs);
  size_t k = 0;
  while (k < a.size() && k < b.size() && a[k] == b[k]) ++k;
  // Line k of the skeleton is a line of the source outside its blocks.
  Result<std::vector<EvolveBlock>> blocks = ParseEvolveBlocks(source);
  int line = 0;
  size_t seen = 0, offset = 0;
  for (std::string_view text : SplitLines(source)) {
    ++line;
    bool inside = std::any_of(blocks->begin(), blocks->end(), [&](const EvolveBlock& block) {
      return block.begin <= offset && offset < block.end;
    });
    offset += text.size() + 1;
    if (!inside && seen++ == k) break;
  }
  report.AddAt(line, 1, "skeleton",
               "code outside the evolve blocks differs from the parent's; change only what lies between "
               "EVOLVE-BLOCK-START and EVOLVE-BLOCK-END, and the defaults of TUNABLEs");
}

void CheckStructure(std::string_view source, const GateOptions& options, Report& report) {
  Result<std::vector<TunableDecl>> tunables = ParseTunables(source);
  if (!tunables.ok()) AddSourceError("tunable", tunables.error().message, report);
  Result<std::vector<EvolveBlock>> blocks = ParseEvolveBlocks(source);
  if (!blocks.ok()) AddSourceError("evolve-block", blocks.error().message, report);
  if (options.skeleton_of && tunables.ok() && blocks.ok())
    CheckSkeleton(source, *options.skeleton_of, report);
}

void CheckSplices(std::string_view source, Report& report) {
  for (size_t i = source.find('\\'); i != source.npos; i = source.find('\\', i + 1)) {
    size_t k = i + 1;
    while (k < source.size() && (source[k] == ' ' || source[k] == '\t')) ++k;
    if (k >= source.size() || source[k] == '\n')
      report.Add(i, "preprocessor",
                 "a backslash at the end of a line joins it with the next, which can hide code; write the "
                 "line as one");
  }
  for (size_t i = source.find("??"); i != source.npos; i = source.find("??", i + 1))
    if (i + 2 < source.size() && std::string_view("=/'()!<>-").find(source[i + 2]) != std::string_view::npos)
      report.Add(i, "preprocessor", "a trigraph can hide code; write the character itself");
}

}  // namespace

TextFacts CheckText(std::string_view source, const GateOptions& options, Report& report) {
  TextFacts facts;
  if (!CheckCharacters(source, report)) return facts;
  CheckSplices(source, report);
  Tokens tokens = Lex(source);
  std::erase_if(tokens, [](const LexToken& t) { return t.kind == LexKind::kComment; });

  bool includes_api = false;
  for (const LexToken& t : tokens) {
    if (t.text != "#" || !t.first_on_line) continue;
    std::string directive = DirectiveText(source, t.begin);
    facts.hosted |= directive == "#defineOSEVOLVE_HOSTED";
    includes_api |= directive == "#include<osevolve/policy.h>";
  }
  if (!includes_api)
    report.AddAt(0, 0, "include",
                 "the policy API is not included; begin the file with #include <osevolve/policy.h>");
  if (facts.hosted && !options.allow_hosted)
    report.AddAt(0, 0, "hosted",
                 "the policy declares OSEVOLVE_HOSTED, but this host takes portable policies only; remove "
                 "the declaration and keep to <osevolve/policy.h>");

  size_t directive_end = 0;  // the words of an accepted directive are not code
  for (size_t i = 0; i < tokens.size(); ++i) {
    const LexToken& t = tokens[i];
    if (t.begin < directive_end) continue;
    if (i + 1 < tokens.size() && IsDigraph(t, tokens[i + 1]))
      report.Add(t.begin, "preprocessor",
                 "a digraph is another spelling of a bracket or '#'; write the character itself");
    if (t.kind == LexKind::kPunct) {
      if (t.text == "#") {
        CheckDirective(source, t, facts.hosted, report);
        directive_end = std::min(source.find('\n', t.begin), source.size());
      } else if (t.text == "\\") {
        report.Add(t.begin, "preprocessor", "a backslash outside a string can hide code; leave it out");
      } else if (t.text == "[" && i + 1 < tokens.size() && tokens[i + 1].text == "[") {
        CheckAttribute(tokens, i, report);
      }
    } else if (t.kind == LexKind::kNumber) {
      if (!facts.hosted) CheckNumber(t, report);
    } else if (t.kind == LexKind::kIdentifier) {
      auto word = WordRules().find(t.text);
      if (word != WordRules().end() && (!facts.hosted || word->second.hosted_too))
        report.Add(t.begin, word->second.rule, fmt::format("'{}' {}", t.text, word->second.message));
      else
        CheckReservedWord(t, report);
    }
  }
  CheckMacros(tokens, facts, report);
  CheckStructure(source, options, report);
  return facts;
}

}  // namespace ose
