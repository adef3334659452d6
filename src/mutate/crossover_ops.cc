// Crossover: material of another policy. Names that the parent lacks are put in terms of what it
// has: another policy's tunable becomes the parent's of the same meaning (or its default, as a
// number), its only queue becomes the parent's only queue.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/lexer.h"
#include "mutate/operators.h"

namespace ose {
namespace {

const TunableDecl* FindTunable(const Program& p, std::string_view name) {
  for (const TunableDecl& t : p.tunables)
    if (t.name == name) return &t;
  return nullptr;
}

bool HasConstant(const Program& p, std::string_view name) {
  return std::any_of(p.constants.begin(), p.constants.end(),
                     [&](const LocalName& c) { return c.name == name; });
}

// The parent's tunable that stands for a mate's of another name: one of the same unit whose range
// holds the mate's default.
const TunableDecl* Equivalent(const Program& p, const TunableDecl& theirs, Rng& rng) {
  bool time = theirs.name.ends_with("_ns");
  std::vector<const TunableDecl*> fit;
  for (const TunableDecl& t : p.tunables)
    if (t.name.ends_with("_ns") == time && t.min <= theirs.default_value && theirs.default_value <= t.max)
      fit.push_back(&t);
  return fit.empty() ? nullptr : Pick(fit, rng);
}

// Text of a mate in the parent's terms.
std::string Translate(const Program& p, const Program& mate, std::string_view text, Rng& rng) {
  std::string out;
  size_t pos = 0;
  std::vector<LexToken> tokens = Lex(text);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const LexToken& t = tokens[i];
    if (t.kind != LexKind::kIdentifier) continue;
    bool member = i > 0 && (tokens[i - 1].text == "." || tokens[i - 1].text == ">");
    std::string name;
    const TunableDecl* tunable = FindTunable(mate, t.text);
    if (!member && tunable && !FindTunable(p, t.text)) {
      const TunableDecl* ours = rng.Below(3) != 0 ? Equivalent(p, *tunable, rng) : nullptr;
      name = ours ? ours->name : FormatNumber(tunable->default_value, true) + "LL";
    } else if (!member && HasConstant(mate, t.text) && !HasConstant(p, t.text) && p.constants.size() == 1) {
      name = p.constants[0].name;
    } else {
      continue;
    }
    out.append(text, pos, t.begin - pos);
    out += name;
    pos = t.end;
  }
  out.append(text, pos, text.npos);
  return out;
}

// Whether the parent knows every member, function and type that the text names. Locals are checked
// by Offers; this is about the rest, so that few children fail to parse.
std::set<std::string_view> Words(const Program& p) {
  std::set<std::string_view> words;
  for (const LexToken& t : Lex(p.source))
    if (t.kind == LexKind::kIdentifier) words.insert(t.text);
  return words;
}

bool Knows(const std::set<std::string_view>& words, const std::string& text) {
  // Names of the API are known to everybody.
  static const std::set<std::string_view> api = {"now",
                                                 "this_cpu",
                                                 "nr_cpus",
                                                 "random",
                                                 "llc_of",
                                                 "node_of",
                                                 "sibling_of",
                                                 "running_pid",
                                                 "is_idle",
                                                 "dsq_move_to_local",
                                                 "dsq_nr_queued",
                                                 "dsq_peek",
                                                 "dsq_peek_vtime",
                                                 "claim_idle",
                                                 "kick_cpu",
                                                 "timer_start",
                                                 "count",
                                                 "udiv",
                                                 "umod",
                                                 "sdiv",
                                                 "smod",
                                                 "min",
                                                 "max",
                                                 "clamp",
                                                 "before",
                                                 "atomic_add",
                                                 "for_n",
                                                 "for_each_cpu",
                                                 "pid",
                                                 "tgid",
                                                 "comm",
                                                 "weight",
                                                 "hint",
                                                 "cpu",
                                                 "allowed",
                                                 "nr_allowed",
                                                 "slice",
                                                 "set_slice",
                                                 "vtime",
                                                 "set_vtime",
                                                 "run_total",
                                                 "wait_total",
                                                 "nr_wakeups",
                                                 "waker",
                                                 "insert",
                                                 "insert_vtime",
                                                 "pick_idle",
                                                 "pick_idle_in",
                                                 "select_dfl",
                                                 "cpu_state",
                                                 "this_cpu_state",
                                                 "keep_running",
                                                 "kDsqGlobal",
                                                 "kDsqLocal",
                                                 "kDsqLocalOn",
                                                 "local_on",
                                                 "kSliceDefault",
                                                 "kSliceInfinite",
                                                 "kEnqWakeup",
                                                 "kEnqHead",
                                                 "kEnqPreempt",
                                                 "kEnqLast",
                                                 "kWakeTtwu",
                                                 "kWakeFork",
                                                 "kWakeSync",
                                                 "kKickIdle",
                                                 "kKickPreempt",
                                                 "kPickIdleCore",
                                                 "kSameCore",
                                                 "kSameLlc",
                                                 "kSameNode",
                                                 "kAnywhere",
                                                 "u64",
                                                 "s64",
                                                 "u32",
                                                 "s32",
                                                 "u8",
                                                 "bool",
                                                 "DsqId",
                                                 "Task",
                                                 "if",
                                                 "else",
                                                 "return",
                                                 "const",
                                                 "constexpr",
                                                 "static_cast",
                                                 "true",
                                                 "false",
                                                 "switch",
                                                 "case",
                                                 "default",
                                                 "break",
                                                 "auto"};
  std::set<std::string> declared;
  std::string previous;
  for (const LexToken& t : Lex(text)) {
    if (t.kind == LexKind::kComment) continue;
    if (t.kind == LexKind::kIdentifier && !api.contains(t.text) && !words.contains(t.text)) {
      // A name after a type is declared here.
      bool type = previous == "u64" || previous == "s64" || previous == "u32" || previous == "s32" ||
                  previous == "u8" || previous == "bool" || previous == "auto" || previous == "&" ||
                  previous == "Task" || previous == "DsqId";
      if (!type && !declared.contains(std::string(t.text))) return false;
      declared.insert(std::string(t.text));
    }
    previous = t.text;
  }
  return true;
}

}  // namespace

std::optional<TreeChange> CrossBlock(const Program& p, const Mates& mates, Rng& rng) {
  struct Option {
    const Program* mate;
    size_t ours, theirs;
  };
  std::set<std::string_view> words = Words(p);
  std::vector<Option> options;
  auto content = [](const Program& q, size_t i) {
    return std::string(q.Text({q.blocks[i].begin, q.blocks[i].end}));
  };
  for (const Program* mate : mates)
    for (size_t i = 0; i < p.blocks.size(); ++i)
      for (size_t k = 0; k < mate->blocks.size(); ++k) {
        if (p.blocks[i].name != mate->blocks[k].name || content(p, i) == content(*mate, k)) continue;
        Rng trial(1);  // what is known does not depend on how names are translated
        if (Knows(words, Translate(p, *mate, content(*mate, k), trial))) options.push_back({mate, i, k});
      }
  if (options.empty()) return std::nullopt;
  const Option& o = Pick(options, rng);
  const EvolveBlock& block = p.blocks[o.ours];
  std::string text = Translate(p, *o.mate, content(*o.mate, o.theirs), rng);
  // The indentation of the parent's block, whatever the mate's.
  std::string indent = IndentAt(p, p.source.find_first_not_of(" \t", block.end));
  return TreeChange{{{{block.begin, block.end}, Reindent(text, indent)}},
                fmt::format("block {} of the mate", block.name)};
}

std::optional<TreeChange> GraftStatement(const Program& p, const Mates& mates, Rng& rng) {
  struct Option {
    const Program* mate;
    const Statement *theirs, *at;
  };
  std::set<std::string_view> words = Words(p);
  std::vector<Option> options;
  for (const Program* mate : mates)
    for (const Statement& s : mate->statements) {
      if (s.declares || s.bound || s.returns || s.lines == s.range) continue;
      Rng trial(1);
      std::string text = Translate(p, *mate, mate->Text(s.range), trial);
      if (!Knows(words, text) || p.source.find(text) != std::string::npos) continue;
      for (const Statement& at : p.statements)
        if (!(at.lines == at.range) && p.functions[at.function].name == mate->functions[s.function].name &&
            p.Offers(at.lines.begin, at.function, s))
          options.push_back({mate, &s, &at});
    }
  if (options.empty()) return std::nullopt;
  const Option& o = Pick(options, rng);
  std::string text = Translate(p, *o.mate, o.mate->Text(o.theirs->range), rng);
  std::string indent = IndentAt(p, o.at->range.begin);
  text = Reindent(IndentAt(*o.mate, o.theirs->range.begin) + text, indent) + "\n";
  return TreeChange{{{{o.at->lines.begin, o.at->lines.begin}, text}},
                fmt::format("{}: '{}' of the mate before '{}'", p.blocks[o.at->block].name,
                            Brief(o.mate->Text(o.theirs->range)), Brief(p.Text(o.at->range)))};
}

}  // namespace ose
