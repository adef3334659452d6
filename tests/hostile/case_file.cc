#include "hostile/case_file.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "hostile/walls.h"

namespace ose::hostile {
namespace {

// All six arguments: mmap, for one, refuses an offset that happens to be in the register of the last.
constexpr char kSystemCall[] =
    "static long SystemCall(long nr, long a, long b = 0, long c = 0, long d = 0) {\n"
    "  long result;\n"
    "  register long r10 asm(\"r10\") = d;\n"
    "  register long r8 asm(\"r8\") = 0;\n"
    "  register long r9 asm(\"r9\") = 0;\n"
    "  asm volatile(\"syscall\" : \"=a\"(result) : \"a\"(nr), \"D\"(a), \"S\"(b), \"d\"(c), \"r\"(r10), \"r\"(r8), \"r\"(r9)\n"
    "               : \"rcx\", \"r11\", \"memory\");\n"
    "  return result;\n"
    "}\n"
    "static long Address(const void* p) { return (long)p; }";

void Replace(std::string* text, std::string_view what, const std::string& with) {
  for (size_t at = 0; (at = text->find(what, at)) != std::string::npos; at += with.size()) text->replace(at, what.size(), with);
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// "worker sandbox, made a" or "compile not found" or "escapes".
Result<Verdict> ParseVerdict(const std::string& key, const std::string& value) {
  Verdict v;
  if (key == "escapes") {
    v.where = Verdict::Where::kEscapes;
  } else if (key == "compile") {
    v.where = Verdict::Where::kCompile;
    v.text = value;
  } else if (key == "worker") {
    const size_t comma = value.find(", ");
    v.outcome = value.substr(0, comma);
    if (comma != std::string::npos) v.text = value.substr(comma + 2);
  } else {
    return Error{2, "'" + key + "' is none of worker, compile, escapes"};
  }
  return v;
}

}  // namespace

Result<Case> ParseCase(const std::string& path) {
  OSE_ASSIGN(std::string text, ReadFile(path, 1 << 20));
  Case c;
  c.name = Stem(path);
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line) && line.starts_with("// ")) {
    if (line.ends_with(':')) line += ' ';
    const size_t colon = line.find(": ");
    auto bad = [&](const std::string& why) { return Error{2, path + ": '" + line + "': " + why}; };
    if (colon == std::string::npos) return bad("no 'key: value'");
    const std::string key = line.substr(3, colon - 3), value = line.substr(colon + 2);
    if (key == "attack") {
      c.attack = value;
    } else if (key == "gate") {
      c.gate = value;
    } else if (key == "variants") {
      c.variants = Words(value);
    } else if (key == "compile" || key == "worker") {
      auto verdict = ParseVerdict(key, value);
      if (!verdict.ok()) return bad(verdict.error().message);
      c.behind.push_back(std::move(*verdict));
    } else if (key.starts_with("without ")) {
      Ablation a;
      a.walls = Words(key.substr(8));
      for (const std::string& wall : a.walls)
        if (std::find(WallNames().begin(), WallNames().end(), wall) == WallNames().end() || wall == "gate") return bad("no wall '" + wall + "'");
      const size_t space = value.find(' ');
      auto verdict = ParseVerdict(value.substr(0, space), space == std::string::npos ? "" : value.substr(space + 1));
      if (!verdict.ok()) return bad(verdict.error().message);
      a.verdict = std::move(*verdict);
      c.without.push_back(std::move(a));
    } else {
      return bad("unknown key");
    }
  }
  if (c.attack.empty() || c.gate.empty()) return Error{2, path + ": needs 'attack' and 'gate'"};
  if (c.behind.size() > 1 || (c.behind.empty() && (!c.without.empty() || c.gate == "accepts")))
    return Error{2, path + ": needs one 'compile' or 'worker'"};
  c.source = std::move(text);
  return c;
}

std::string Expand(const Case& c, const std::string& variant, const std::string& canary, int port) {
  std::string text = c.source;
  Replace(&text, "@SYSCALL@", kSystemCall);
  Replace(&text, "@CANARY@", canary);
  Replace(&text, "@PORT@", std::to_string(port));
  Replace(&text, "@VARIANT@", variant);
  // For what an editor or a reader of this folder must not meet raw.
  Replace(&text, "@ESC@", "\x1b");
  Replace(&text, "@RLO@", "\xe2\x80\xae");
  return text;
}

}  // namespace ose::hostile
