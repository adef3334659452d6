#include "mutate/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ose {
namespace {

bool EndsWith(std::string_view s, std::string_view tail) { return s.ends_with(tail); }

bool LooksLikeTime(std::string_view name) {
  return EndsWith(name, "_ns") || name.find("time") != name.npos || name.find("runtime") != name.npos ||
         name.find("slice") != name.npos || name.find("ran") != name.npos || name.find("used") != name.npos;
}

}  // namespace

const std::vector<Operator>& Operators() {
  static const std::vector<Operator> operators = {
      {"tunable", MutateTunable},  {"constant", MutateConstant}, {"compare", MutateComparison},
      {"arith", MutateArithmetic}, {"negate", NegateCondition},  {"guard", GuardStatement},
      {"branch", BranchStatement}, {"delete", DeleteStatement},  {"copy", CopyStatement},
      {"move", MoveStatement},     {"swap", SwapStatements},     {"replace", ReplaceExpression},
      {"call", MutateCall},        {"cross_block", CrossBlock},  {"graft", GraftStatement},
      {"simplify", Simplify},
      {"priority", PriorityTerm, true}, {"slice", SliceRule, true}, {"place", PlacementRule, true},
      {"preempt", PreemptRule, true},   {"trial", TrialRule, true}, {"queue", QueueRule, true},
      {"hook", HookRule, true},
  };
  return operators;
}

std::string ApplyEdits(const std::string& source, std::vector<TextEdit> edits) {
  std::sort(edits.begin(), edits.end(),
            [](const TextEdit& a, const TextEdit& b) { return a.range.begin < b.range.begin; });
  std::string out;
  size_t pos = 0;
  for (const TextEdit& e : edits) {
    out.append(source, pos, e.range.begin - pos);
    out += e.text;
    pos = e.range.end;
  }
  out.append(source, pos, source.npos);
  return out;
}

std::string Converted(const std::string& text, const std::string& from, const std::string& to) {
  if (from == to) return text;
  return fmt::format("static_cast<{}>({})", ShortType(to), text);
}

std::string Operand(std::string_view text) {
  int depth = 0;
  for (char c : text) {
    depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
    if (depth == 0 && c == ' ') return "(" + std::string(text) + ")";
  }
  return std::string(text);
}

std::vector<Atom> AtomsAt(const Program& p, size_t offset, int function) {
  std::vector<Atom> atoms;
  auto fields = [&](const std::vector<Field>& from, const std::string& prefix) {
    for (const Field& f : from) atoms.push_back({prefix + f.name, f.type, LooksLikeTime(f.name)});
  };
  for (const ScopedName* n : p.NamesAt(offset)) {
    if (n->is_task) {
      const std::string t = n->name + ".";
      for (const char* getter : {"vtime()", "run_total()", "wait_total()", "nr_wakeups()", "slice()"})
        atoms.push_back({t + getter, "unsigned long long", std::string_view(getter) != "nr_wakeups()"});
      for (const char* getter : {"weight()", "hint()"}) atoms.push_back({t + getter, "unsigned int"});
      for (const char* getter : {"cpu()", "nr_allowed()"}) atoms.push_back({t + getter, "int"});
      fields(p.task_fields, n->name + "->");
    } else if (n->record == "task") {
      fields(p.task_fields, n->name + ".");
    } else if (n->record == "cpu") {
      fields(p.cpu_fields, n->name + ".");
    } else if (!ShortType(n->type).empty()) {
      atoms.push_back({n->name, n->type, LooksLikeTime(n->name)});
    }
  }
  bool has_this = function >= 0 && !p.functions[function].is_static;
  if (has_this) fields(p.self_fields, "");
  for (const TunableDecl& t : p.tunables) atoms.push_back({t.name, "long long", LooksLikeTime(t.name)});
  atoms.push_back({"now()", "unsigned long long", true});
  atoms.push_back({"nr_cpus()", "int"});
  return atoms;
}

std::string RandomCondition(const Program& p, size_t offset, int function, Rng& rng) {
  std::vector<Atom> atoms = AtomsAt(p, offset, function);
  // Conditions that the policy itself uses and that make sense here, half of the time.
  std::vector<std::string> known;
  for (const Expression& e : p.expressions)
    if (e.type == "bool" && !e.bound && !e.assigns && e.slot == Slot::kFree &&
        p.Offers(offset, function, e) && p.Text(e.range).find("[&]") == std::string_view::npos &&
        p.Text(e.range).find('\n') == std::string_view::npos && p.Text(e.range) != "true" &&
        p.Text(e.range) != "false")
      known.emplace_back(p.Text(e.range));
  if (!known.empty() && rng.Below(2) == 0) {
    std::string c = Pick(known, rng);
    return rng.Below(3) == 0 ? "!" + Operand(c) : c;
  }
  const Atom& a = Pick(atoms, rng);
  if (a.type == "bool") return rng.Below(2) ? a.text : "!" + a.text;
  const char* op = std::vector<const char*>{"<", ">", "<=", ">=", "==", "!="}[rng.Below(a.time ? 4 : 6)];
  // Compare with another value of the same kind, or with a number of its usual size.
  std::vector<const Atom*> others;
  for (const Atom& b : atoms)
    if (b.text != a.text && b.type != "bool" && b.time == a.time) others.push_back(&b);
  if (!others.empty() && rng.Below(3) != 0) {
    const Atom& b = *Pick(others, rng);
    return fmt::format("{} {} {}", a.text, op, Converted(b.text, b.type, a.type));
  }
  int64_t number;
  if (a.time) {
    int64_t unit = 1'000;
    for (uint64_t k = rng.Below(5); k > 0; --k) unit *= 10;
    number = unit * static_cast<int64_t>(1 + rng.Below(9));
  } else if (a.text.find("weight") != std::string::npos) {
    number = 100;
  } else {
    number = static_cast<int64_t>(rng.Below(5));
  }
  return fmt::format("{} {} {}", a.text, op, FormatNumber(number, number > 9999));
}

std::string Brief(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  if (out.size() > 60) out = out.substr(0, 57) + "...";
  return out;
}

std::string IndentAt(const Program& p, size_t offset) {
  size_t begin = offset == 0 ? 0 : p.source.rfind('\n', offset - 1) + 1;
  size_t end = p.source.find_first_not_of(" \t", begin);
  return p.source.substr(begin, std::min(end, offset) - begin);
}

std::string Reindent(std::string_view text, const std::string& indent) {
  size_t first = text.find_first_not_of(" \t");
  size_t old_indent = first == text.npos ? 0 : first;
  std::string out;
  while (!text.empty()) {
    size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    size_t lead = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(std::min(lead, old_indent));
    if (!line.empty()) out += indent + std::string(line);
    if (newline == text.npos) break;
    out += '\n';
    text.remove_prefix(newline + 1);
  }
  return out;
}

}  // namespace ose
