#include "report/mechanism.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "core/lexer.h"
#include "core/statements.h"

namespace ose {
namespace {

using Arguments = std::vector<std::string>;

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void AddOnce(std::vector<std::string>* list, std::string text) {
  if (!text.empty() && std::find(list->begin(), list->end(), text) == list->end()) list->push_back(std::move(text));
}

std::string Join(const std::vector<std::string>& list, const char* separator) {
  std::string out;
  for (const std::string& s : list) out += (out.empty() ? "" : separator) + s;
  return out;
}

// The first of a list of actions; one that is like the one before it is told by what differs.
std::string Few(const std::vector<std::string>& list) {
  constexpr size_t kMost = 4;
  constexpr std::string_view kPuts = "puts the task ";
  std::string out;
  for (size_t i = 0; i < std::min(list.size(), kMost); ++i) {
    const bool again = i > 0 && list[i].starts_with(kPuts) && list[i - 1].starts_with(kPuts);
    out += (i > 0 ? again ? ", or " : "; " : "") + (again ? list[i].substr(kPuts.size()) : list[i]);
  }
  return out + (list.size() > kMost ? fmt::format("; and {} more", list.size() - kMost) : "");
}

// 1'250, 20'000'000ULL.
std::optional<double> Literal(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != '\'') digits += c;
  while (!digits.empty() && IsOneOf(std::string_view(&digits.back(), 1), {"u", "U", "l", "L"})) digits.pop_back();
  int64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<double>(value);
}

class Words {
 public:
  Words(const Tunables& tunables) : tunables_(tunables) {}

  std::string Duration(const std::string& code) const {
    if (const auto ns = Literal(code)) return *ns == 0 ? "what is left of the old one" : DurationText(*ns);
    if (auto it = tunables_.find(code); it != tunables_.end()) return fmt::format("{} ({})", code, DurationText(static_cast<double>(it->second)));
    if (code == "kSliceDefault") return "20 ms";
    return "`" + QuoteCode(code, 60) + "`";
  }

  // Of an insertion.
  std::string Queue(const std::string& code) const {
    if (code == "kDsqLocal") return "the local queue of its CPU";
    if (code == "kDsqGlobal") return "the global queue";
    if (code.starts_with("local_on")) return "the local queue of CPU `" + code.substr(std::min(code.size(), size_t{9}), code.size() - std::min(code.size(), size_t{10})) + "`";
    return "queue `" + QuoteCode(code, 40) + "`";
  }

  std::string Insert(const Arguments& a, bool vtime) const {
    if (a.size() < 2) return "puts the task into a queue";
    std::string text = "puts the task into " + Queue(a[0]);
    const std::string flags = a.size() > (vtime ? 3u : 2u) ? a.back() : "";
    if (vtime && a.size() > 2) text += " in the order of `" + QuoteCode(a[2], 40) + "`";
    if (flags.find("kEnqHead") != flags.npos) text += ", at its head,";
    if (flags.find("kEnqPreempt") != flags.npos) text += ", preempting what runs there,";
    text += a[1] == "kSliceInfinite" ? " without a time limit" : " with a slice of " + Duration(a[1]);
    return text;
  }

  // What a call of a service does; "" for one that only looks.
  std::string Action(std::string_view name, const Arguments& a) const {
    auto arg = [&](size_t i) { return a.size() > i ? "`" + QuoteCode(a[i], 40) + "`" : std::string(); };
    auto flag = [&](std::string_view word) { return !a.empty() && a.back().find(word) != std::string::npos; };
    if (name == "insert") return Insert(a, false);
    if (name == "insert_vtime") return Insert(a, true);
    if (name == "select_dfl") return "lets the kernel's default choose the CPU";
    if (name == "pick_idle") return flag("kPickIdleCore") ? "takes a core that is idle altogether" : "takes an idle CPU";
    if (name == "pick_idle_in")
      return std::string("takes an idle CPU ") + (a.size() < 2 ? "near by" : a[1] == "kSameCore" ? "of the same core" : a[1] == "kSameLlc" ? "of the same cache" : a[1] == "kSameNode" ? "of the same node" : "near by") + (a.empty() ? "" : " as " + arg(0));
    if (name == "claim_idle") return "takes CPU " + arg(0) + " when it is idle";
    if (name == "kick_cpu") return (flag("kKickPreempt") ? "preempts CPU " : flag("kKickIdle") ? "wakes CPU " : "makes CPU ") + arg(0) + (flag("kKick") ? flag("kKickIdle") ? " if it is idle" : "" : " choose again");
    if (name == "dsq_move_to_local") return "runs the next task of queue " + arg(0);
    if (name == "keep_running") return a.empty() ? "" : "lets the running task go on for " + Duration(a[0]);
    if (name == "set_slice") return a.empty() ? "" : Literal(a[0]) == 0.0 ? "ends the task's turn" : "sets the rest of the task's slice to " + Duration(a[0]);
    if (name == "set_vtime") return "sets the task's vtime to " + arg(0);
    if (name == "timer_start") return a.empty() ? "" : "starts the timer for " + Duration(a[0]);
    if (name == "random") return "draws a random number";
    return "";
  }

 private:
  const Tunables& tunables_;
};

// What a call that only looks tells.
std::string Read(std::string_view name, const Arguments& a, bool of_task) {
  static const std::map<std::string_view, const char*> kOfTask = {
      {"run_total", "the CPU time that the task has used"}, {"wait_total", "the time that the task has waited"}, {"nr_wakeups", "how often the task woke up"},
      {"waker", "who woke the task"}, {"weight", "the task's weight"}, {"hint", "the application's hint"}, {"comm", "the program's name"},
      {"slice", "what is left of the task's slice"}, {"vtime", "the task's vtime"}, {"allowed", "where the task may run"}, {"nr_allowed", "on how many CPUs the task may run"},
      {"cpu", "the CPU that the task ran on"}, {"pid", "the task's pid"}, {"tgid", "the task's process"}};
  static const std::map<std::string_view, const char*> kOthers = {
      {"now", "the time"}, {"this_cpu", "the CPU that decides"}, {"is_idle", "which CPUs are idle"}, {"running_pid", "what runs on a CPU"}, {"dsq_peek", "who is first in a queue"},
      {"dsq_peek_vtime", "the vtime of the first in a queue"}, {"llc_of", "which CPUs share a cache"}, {"node_of", "which CPUs share a node"}, {"sibling_of", "which CPUs share a core"}};
  if (of_task) {
    auto it = kOfTask.find(name);
    return it == kOfTask.end() ? "" : it->second;
  }
  if (name == "dsq_nr_queued") return a.empty() ? "" : "how many wait in `" + QuoteCode(a[0], 40) + "`";
  auto it = kOthers.find(name);
  return it == kOthers.end() ? "" : it->second;
}

const std::map<std::string_view, const char*> kFlags = {{"kEnqWakeup", "whether the task just woke up"},
                                                        {"kEnqLast", "whether nothing else waits here"},
                                                        {"kWakeSync", "whether the waker is about to sleep"},
                                                        {"kWakeFork", "whether the task is new"}};

// The texts of a call's arguments; `i` is its opening bracket.
Arguments ArgumentsAt(std::string_view code, const std::vector<LexToken>& tokens, size_t i) {
  Arguments out;
  int depth = 0;
  size_t begin = i + 1;
  for (size_t k = i; k < tokens.size(); ++k) {
    const std::string_view word = tokens[k].text;
    if (IsOneOf(word, {"(", "[", "{"})) ++depth;
    if (IsOneOf(word, {")", "]", "}"})) --depth;
    if ((depth == 1 && word == ",") || depth == 0) {
      if (k > begin) out.emplace_back(code.substr(tokens[begin].begin, tokens[k - 1].end - tokens[begin].begin));
      begin = k + 1;
    }
    if (depth == 0) break;
  }
  return out;
}

// "if (a && b) {" -> "a && b".
std::string Condition(const std::string& head) {
  std::string text = QuoteCode(head);
  const size_t begin = text.find('('), end = text.rfind(')');
  return begin == text.npos || end == text.npos || end <= begin ? text : text.substr(begin + 1, end - begin - 1);
}

}  // namespace

std::string DurationText(double ns) {
  if (ns >= 1e9) return fmt::format("{:.4g} s", ns / 1e9);
  if (ns >= 1e6) return fmt::format("{:.4g} ms", ns / 1e6);
  if (ns >= 1e3) return fmt::format("{:.4g} us", ns / 1e3);
  return fmt::format("{:.4g} ns", ns);
}

std::string QuoteCode(std::string_view code, size_t width) {
  std::string out;
  size_t at = 0;
  for (const LexToken& t : Lex(code)) {
    if (t.kind == LexKind::kComment) continue;
    if (!out.empty() && t.begin > at) out += ' ';
    out += t.text;
    at = t.end;
  }
  return out.size() <= width ? out : out.substr(0, width - 3) + "...";
}

Mechanism MechanismOf(std::string_view code, const Tunables& tunables) {
  const Words words(tunables);
  std::vector<LexToken> tokens;
  for (const LexToken& t : Lex(code))
    if (t.kind != LexKind::kComment) tokens.push_back(t);
  std::set<std::string_view> locals;
  Mechanism m;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind != LexKind::kIdentifier) continue;
    const std::string_view word = tokens[i].text;
    auto at = [&](size_t k) { return k < tokens.size() ? tokens[k].text : std::string_view(); };
    const std::string_view previous = i > 0 ? tokens[i - 1].text : std::string_view();
    if (auto flag = kFlags.find(word); flag != kFlags.end()) AddOnce(&m.reads, flag->second);
    if (at(i + 1) == "(") {
      const Arguments a = ArgumentsAt(code, tokens, i + 1);
      const std::string action = words.Action(word, a);
      AddOnce(&m.actions, action);
      if (action.empty()) AddOnce(&m.reads, Read(word, a, previous == "."));
      continue;
    }
    // A declaration: two names in a row.
    if (i > 0 && (tokens[i - 1].kind == LexKind::kIdentifier || previous == "&" || previous == "*" || previous == ">") && IsOneOf(at(i + 1), {"=", ";", "{", ",", ")"}) &&
        !IsOneOf(previous, {"return", "else"})) {
      locals.insert(word);
      continue;
    }
    // A write: name =, name += ...; also t->x = and cpu_state(c).x =.
    const bool plain = at(i + 1) == "=" && at(i + 2) != "=";
    const bool compound = IsOneOf(at(i + 1), {"+", "-", "*", "|", "&", "^"}) && at(i + 2) == "=";
    if (compound && !locals.contains(word)) AddOnce(&m.actions, "changes `" + std::string(word) + "`");
    if (!plain || locals.contains(word)) continue;
    size_t end = i + 2;
    for (int depth = 0; end < tokens.size() && !(depth == 0 && IsOneOf(tokens[end].text, {";", ")"})); ++end)
      depth += IsOneOf(tokens[end].text, {"(", "[", "{"}) ? 1 : IsOneOf(tokens[end].text, {")", "]", "}"}) ? -1 : 0;
    if (end > i + 2) AddOnce(&m.actions, "sets `" + std::string(word) + "` to `" + QuoteCode(code.substr(tokens[i + 2].begin, tokens[end - 1].end - tokens[i + 2].begin), 48) + "`");
  }
  return m;
}

std::string DescribeChanges(const std::vector<ExplainedChange>& changes, const Tunables& tunables) {
  std::string hook;
  Mechanism before, after;
  std::vector<std::string> others;  // said as they are
  std::set<std::string> hooks;
  for (const ExplainedChange& c : changes) {
    if (!c.function.empty() && hooks.insert(c.function).second) hook += (hook.empty() ? "" : ", ") + c.function;
    if (c.kind == "tunable") {
      auto value = [&](const std::string& text) {
        const auto number = Literal(QuoteCode(text));
        return number && c.context.ends_with("_ns") ? DurationText(*number) : QuoteCode(text);
      };
      others.push_back(fmt::format("{} {} -> {}", c.context, value(c.before), value(c.after)));
      continue;
    }
    if (c.kind == "guard") {
      const std::string under = "`" + Condition(c.context) + "`";
      const std::string branch = c.context_before.empty() ? "" : Few(MechanismOf(c.context_before, tunables).actions);
      others.push_back(c.context.empty() ? "`" + QuoteCode(c.after) + "`" : c.context_before.empty() ? "only under " + under : fmt::format("a branch of its own under {}{}{}", under, branch.empty() ? "" : ": ", branch));
      continue;
    }
    const bool inside = !c.context_before.empty();
    auto add = [&](std::string_view code, Mechanism* m) {
      Mechanism one = MechanismOf(code, tunables);
      for (std::string& a : one.actions) AddOnce(&m->actions, std::move(a));
      for (std::string& r : one.reads) AddOnce(&m->reads, std::move(r));
    };
    add(inside ? c.context_before : c.before, &before);
    add(inside ? c.context : c.after, &after);
    if (inside && c.after.find('{') != c.after.npos)  // a head
      others.push_back(fmt::format("`{}` in place of `{}`", QuoteCode(c.after), QuoteCode(c.before)));
  }
  auto minus = [](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::vector<std::string> out;
    for (const std::string& x : a)
      if (std::find(b.begin(), b.end(), x) == b.end()) out.push_back(x);
    return out;
  };
  const std::vector<std::string> added = minus(after.actions, before.actions), gone = minus(before.actions, after.actions);
  const std::vector<std::string> reads = minus(after.reads, before.reads), unread = minus(before.reads, after.reads);
  std::vector<std::string> text;
  if (!added.empty()) text.push_back(Few(added) + (gone.empty() ? "" : " (before: " + Few(gone) + ")"));
  else if (!gone.empty()) text.push_back("no longer " + Few(gone));
  for (std::string& o : others) text.push_back(std::move(o));
  // Without an action the code itself tells more than what it looks at.
  if (text.empty())
    for (const ExplainedChange& c : changes) {
      const std::string code = QuoteCode(c.context.empty() ? c.after : c.context), old = QuoteCode(c.context_before.empty() ? c.before : c.context_before);
      text.push_back(code.empty() ? "no longer `" + old + "`" : old.empty() ? "`" + code + "`" : fmt::format("`{}` in place of `{}`", code, old));
      if (text.size() == 3 && changes.size() > 3) {
        text.push_back("...");
        break;
      }
    }
  if (!reads.empty()) text.push_back("looks at " + Join(reads, ", "));
  if (!unread.empty()) text.push_back("no longer looks at " + Join(unread, ", "));
  return (hook.empty() ? "" : hook + ": ") + Join(text, "; ");
}

}  // namespace ose
