#include "workload/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "workload/toml_reader.h"

namespace ose {

namespace {

enum class Operand : uint8_t { kNone, kNs, kLock, kSemaphore, kBarrier, kQueue, kGroup, kCondition, kTimer, kCount };

struct TokenKind {
  char letter;
  OpKind op;
  Operand operand;
};

constexpr TokenKind kTokens[] = {
    {'r', OpKind::kRun, Operand::kNs},           {'s', OpKind::kSleep, Operand::kNs},
    {'t', OpKind::kTimer, Operand::kNs},         {'l', OpKind::kLock, Operand::kLock},
    {'u', OpKind::kUnlock, Operand::kLock},      {'w', OpKind::kWait, Operand::kSemaphore},
    {'k', OpKind::kSignal, Operand::kSemaphore}, {'m', OpKind::kBarrier, Operand::kBarrier},
    {'y', OpKind::kYield, Operand::kNone},       {'f', OpKind::kFork, Operand::kGroup},
    {'p', OpKind::kPut, Operand::kQueue},        {'g', OpKind::kTake, Operand::kQueue},
    {'b', OpKind::kBegin, Operand::kNone},       {'e', OpKind::kEnd, Operand::kNone},
    {'[', OpKind::kLoop, Operand::kCount},       {']', OpKind::kEndLoop, Operand::kNone},
    {'a', OpKind::kSpin, Operand::kNs},          {'d', OpKind::kPeriod, Operand::kTimer},
    {'c', OpKind::kCondWait, Operand::kCondition},
    {'n', OpKind::kCondSignal, Operand::kCondition},
    {'o', OpKind::kCondBroadcast, Operand::kCondition},
};

const TokenKind* FindToken(char letter) {
  for (const TokenKind& t : kTokens)
    if (t.letter == letter) return &t;
  return nullptr;
}

char LetterOf(OpKind op) {
  for (const TokenKind& t : kTokens)
    if (t.op == op) return t.letter;
  return '?';
}

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Digits at *p, at most 19 of them, which fit 64 bits; false when there is none or too many.
bool ParseDigits(const char** p, const char* end, uint64_t* out) {
  const char* s = *p;
  uint64_t v = 0;
  while (s < end && static_cast<unsigned char>(*s - '0') < 10) v = v * 10 + static_cast<uint64_t>(*s++ - '0');
  bool ok = s > *p && s - *p <= 19;
  *p = s;
  *out = v;
  return ok;
}

// The operand's list, for the limit and for errors.
struct List {
  uint64_t size;
  const char *what, *fix;
};
List ListOf(Operand operand, const ScriptLists& lists) {
  switch (operand) {
    case Operand::kLock:
      return {lists.locks, "lock", "raise the file's 'locks'"};
    case Operand::kSemaphore:
      return {lists.semaphores, "semaphore", "raise the file's 'semaphores'"};
    case Operand::kBarrier:
      return {lists.barriers, "barrier", "add a [[barrier]]"};
    case Operand::kQueue:
      return {lists.queues, "queue", "add a [[queue]]"};
    case Operand::kCondition:
      return {lists.conditions, "condition", "raise the file's 'conditions'"};
    case Operand::kTimer:
      return {lists.timers, "timer", "add a [[timer]]"};
    default:
      return {lists.groups, "group", "add a [[group]]"};
  }
}

}  // namespace

std::optional<ScriptError> ParseScript(std::string_view text, const ScriptLists& lists,
                                       std::vector<Op>* out) {
  const TokenKind* by_letter[256] = {};
  for (const TokenKind& t : kTokens) by_letter[static_cast<unsigned char>(t.letter)] = &t;

  // Growing would copy what can be hundreds of megabytes; a space separates two tokens.
  out->reserve(out->size() + static_cast<size_t>(std::count_if(text.begin(), text.end(), IsSpace)) + 1);

  const char *p = text.data(), *end = p + text.size();
  const char* token = p;
  int line = 0;
  auto fail = [&](const std::string& why) {
    const char* stop = token;
    while (stop < end && !IsSpace(*stop) && stop - token < 30) ++stop;
    return ScriptError{line, fmt::format("script token {}: {}", TomlString({token, stop}), why)};
  };

  for (;;) {
    while (p < end && IsSpace(*p)) line += *p++ == '\n';
    if (p == end) return std::nullopt;
    token = p;
    const TokenKind* kind = by_letter[static_cast<unsigned char>(*p++)];
    if (!kind) return fail("no such operation; the letters are a b c d e f g k l m n o p r s t u w y [ ]");
    Op op;
    op.kind = kind->op;
    if (kind->operand != Operand::kNone) {
      uint64_t v;
      if (!ParseDigits(&p, end, &v)) return fail("a number from 0 must follow the letter");
      if (kind->operand == Operand::kNs) {
        if (v > static_cast<uint64_t>(kMaxFileNs)) return fail(fmt::format("give at most {} ns", kMaxFileNs));
        op.ns = static_cast<int64_t>(v);
      } else if (kind->operand == Operand::kCount) {
        if (v < 1 || v > kMaxCount) return fail(fmt::format("a loop runs 1 to {} times", kMaxCount));
        op.count = static_cast<uint32_t>(v);
      } else {
        List list = ListOf(kind->operand, lists);
        if (v >= list.size)
          return fail(
              fmt::format("there is no {} {}, the file has {}; {}", list.what, v, list.size, list.fix));
        op.object = static_cast<uint32_t>(v);
      }
      if (op.kind == OpKind::kSignal && p < end && *p == 'x') {
        ++p;
        if (!ParseDigits(&p, end, &v) || v < 1 || v > kMaxCount)
          return fail(fmt::format("signal 1 to {} times", kMaxCount));
        op.count = static_cast<uint32_t>(v);
      }
      if (op.kind == OpKind::kPeriod) {
        const bool times = p < end && *p == 'x';
        if (times) ++p;
        if (!times || !ParseDigits(&p, end, &v) || v > static_cast<uint64_t>(kMaxFileNs))
          return fail(fmt::format("write d<timer>x<ns>, with at most {} ns", kMaxFileNs));
        op.ns = static_cast<int64_t>(v);
      }
      if (op.kind == OpKind::kCondWait) {
        op.count = 0;
        if (p < end && *p == 'x') {
          ++p;
          if (!ParseDigits(&p, end, &v) || v >= lists.locks)
            return fail(fmt::format("a lock from 0 must follow the x, the file has {}; raise the file's 'locks'", lists.locks));
          op.count = static_cast<uint32_t>(v) + 1;
        }
      }
    }
    if (p < end && !IsSpace(*p)) return fail("white space must separate tokens");
    out->push_back(op);
  }
}

LiftedScripts LiftScripts(std::string_view text) {
  constexpr std::string_view kOpen = "\nscript = \"\"\"\n", kClose = "\"\"\"\n";
  LiftedScripts lifted;
  bool literals = text.find("'''") != text.npos;
  int line = 1;
  size_t done = 0;
  for (size_t at; !literals && (at = text.find(kOpen, done)) != text.npos;) {
    size_t body = at + kOpen.size(), end = text.find('"', body);
    if (end == text.npos || text.substr(end, kClose.size()) != kClose) break;
    line += static_cast<int>(std::count(text.data() + done, text.data() + body, '\n'));
    lifted.text.append(text, done, body - done);
    int newlines = 0;
    bool script = true;
    for (char c : text.substr(body, end - body)) {
      newlines += c == '\n';
      script &= (c >= 'a' && c <= 'z') | (c >= '0' && c <= '9') | (c == ' ') | (c == '\n') | (c == '[') |
                (c == ']');
    }
    if (!script) {
      done = body;
      continue;
    }
    lifted.bodies[line] = text.substr(body, end - body);
    lifted.text.append(static_cast<size_t>(newlines), '\n');
    line += newlines;
    done = end;
  }
  lifted.text.append(text, done);
  return lifted;
}

int ScriptLine(std::string_view text, size_t n) {
  int line = 0;
  bool in_token = false;
  size_t tokens = 0;
  for (char c : text) {
    if (!IsSpace(c) && !in_token && tokens++ == n) break;
    in_token = !IsSpace(c);
    line += c == '\n';
  }
  return line;
}

std::string FormatScript(const std::vector<Op>& program) {
  constexpr size_t kColumns = 100;
  std::string out;
  size_t line_start = 0;
  char token[64];
  for (const Op& op : program) {
    char* p = token;
    char* end = token + sizeof(token);
    *p++ = LetterOf(op.kind);
    switch (FindToken(token[0])->operand) {
      case Operand::kNone:
        break;
      case Operand::kNs:
        p = std::to_chars(p, end, op.ns).ptr;
        break;
      case Operand::kCount:
        p = std::to_chars(p, end, op.count).ptr;
        break;
      default:
        p = std::to_chars(p, end, op.object).ptr;
        break;
    }
    if (op.kind == OpKind::kSignal && op.count != 1) {
      *p++ = 'x';
      p = std::to_chars(p, end, op.count).ptr;
    }
    if (op.kind == OpKind::kPeriod) {
      *p++ = 'x';
      p = std::to_chars(p, end, op.ns).ptr;
    }
    if (op.kind == OpKind::kCondWait && op.count > 0) {
      *p++ = 'x';
      p = std::to_chars(p, end, op.count - 1).ptr;
    }
    size_t length = static_cast<size_t>(p - token);
    if (out.size() > line_start) {
      if (out.size() - line_start + 1 + length > kColumns) {
        out += '\n';
        line_start = out.size();
      } else {
        out += ' ';
      }
    }
    out.append(token, length);
  }
  if (!out.empty()) out += '\n';
  return out;
}

}  // namespace ose
