#include "mutate/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "core/exit_code.h"
#include "core/lexer.h"

namespace ose {
namespace {

using ast::Children;
using ast::Range;
using ast::Spelling;

std::string BareType(CXType type) {
  CXType t = clang_getCanonicalType(type);
  if (t.kind == CXType_LValueReference || t.kind == CXType_RValueReference)
    t = clang_getCanonicalType(clang_getPointeeType(t));
  return ast::TypeSpelling(clang_getUnqualifiedType(t));
}

bool IsValueType(std::string_view type) { return !ShortType(type).empty(); }

bool IsTaskType(std::string_view type) { return type.find("TaskRef<") != type.npos; }

// What the i-th argument of a service means.
Slot ArgumentSlot(std::string_view call, size_t i, Slot otherwise) {
  struct Row {
    std::string_view call;
    size_t index;
    Slot slot;
  };
  static constexpr Row rows[] = {{"insert", 0, Slot::kFixed},
                                 {"insert", 2, Slot::kFixed},
                                 {"insert_vtime", 0, Slot::kFixed},
                                 {"insert_vtime", 3, Slot::kFixed},
                                 {"dsq_move_to_local", 0, Slot::kFixed},
                                 {"dsq_nr_queued", 0, Slot::kFixed},
                                 {"dsq_peek", 0, Slot::kFixed},
                                 {"dsq_peek_vtime", 0, Slot::kFixed},
                                 {"pick_idle", 0, Slot::kFixed},
                                 {"kick_cpu", 0, Slot::kCpu},
                                 {"kick_cpu", 1, Slot::kFixed},
                                 {"pick_idle_in", 0, Slot::kCpu},
                                 {"pick_idle_in", 1, Slot::kFixed},
                                 {"pick_idle_in", 2, Slot::kFixed},
                                 {"select_dfl", 0, Slot::kCpu},
                                 {"select_dfl", 1, Slot::kFixed},
                                 {"claim_idle", 0, Slot::kCpu},
                                 {"is_idle", 0, Slot::kCpu},
                                 {"cpu_state", 0, Slot::kCpu},
                                 {"running_pid", 0, Slot::kCpu},
                                 {"llc_of", 0, Slot::kCpu},
                                 {"node_of", 0, Slot::kCpu},
                                 {"sibling_of", 0, Slot::kCpu},
                                 {"allowed", 0, Slot::kCpu},
                                 {"count", 0, Slot::kFixed}};
  for (const Row& r : rows)
    if (r.call == call && r.index == i) return r.slot;
  return otherwise;
}

// Calls that sched_ext allows in some hooks only, or once.
bool IsBound(std::string_view name) {
  return name == "insert" || name == "insert_vtime" || name == "dsq_move_to_local" ||
         name == "keep_running" || name == "select_dfl" || name == "dsq_create" || name == "timer_start";
}

}  // namespace

std::string ShortType(std::string_view t) {
  if (t == "unsigned long long") return "u64";
  if (t == "long long") return "s64";
  if (t == "unsigned int") return "u32";
  if (t == "int") return "s32";
  if (t == "unsigned char") return "u8";
  if (t == "bool") return "bool";
  return "";
}

std::string WithoutPolicyMacro(const std::string& source) {
  std::string out = source;
  std::vector<LexToken> tokens = Lex(source);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind != LexKind::kIdentifier || tokens[i].text != "OSEVOLVE_POLICY") continue;
    size_t k = i;
    while (k < tokens.size() && tokens[k].text != ")") ++k;
    if (k == tokens.size()) break;
    for (size_t p = tokens[i].begin; p < tokens[k].end; ++p)
      if (out[p] != '\n') out[p] = ' ';
    i = k;
  }
  return out;
}

// Walks the tree once and fills a Program.
class Collector {
 public:
  explicit Collector(Program& p) : p_(p), unit_(*p.unit_) {}

  void Run() {
    for (CXCursor c : Children(unit_.root()))
      if (auto r = unit_.RangeOf(c)) Declaration(c, *r);
    for (auto& [name, fields] : records_) {
      if (name == task_state_) p_.task_fields = fields;
      if (name == cpu_state_) p_.cpu_fields = fields;
    }
    for (ScopedName& n : p_.names) {
      if (!task_state_.empty() && n.type == task_state_) n.record = "task";
      if (!cpu_state_.empty() && n.type == cpu_state_) n.record = "cpu";
    }
  }

 private:
  void Declaration(CXCursor c, Range range) {
    switch (clang_getCursorKind(c)) {
      case CXCursor_Namespace:
        for (CXCursor child : Children(c))
          if (auto r = unit_.RangeOf(child)) Declaration(child, *r);
        break;
      case CXCursor_StructDecl:
      case CXCursor_ClassDecl:
        Record(c);
        break;
      case CXCursor_FunctionDecl:
      case CXCursor_CXXMethod:
        FunctionBody(c, range);
        break;
      case CXCursor_VarDecl: {
        std::string type = BareType(clang_getCursorType(c));
        if (IsValueType(type) && !IsTunable(Spelling(c)) && !Spelling(c).starts_with("osv_"))
          p_.constants.push_back({Spelling(c), type});
        break;
      }
      default:
        break;
    }
  }

  void Record(CXCursor c) {
    bool policy = false;
    for (CXCursor base : Children(c)) {
      if (clang_getCursorKind(base) != CXCursor_CXXBaseSpecifier) continue;
      CXType type = clang_getCanonicalType(clang_getCursorType(base));
      if (Spelling(clang_getTypeDeclaration(type)) != "Policy") continue;
      policy = true;
      if (clang_Type_getNumTemplateArguments(type) == 2) {
        task_state_ = BareType(clang_Type_getTemplateArgumentAsType(type, 0));
        cpu_state_ = BareType(clang_Type_getTemplateArgumentAsType(type, 1));
      }
    }
    std::vector<Field> fields;
    for (CXCursor child : Children(c))
      if (clang_getCursorKind(child) == CXCursor_FieldDecl &&
          IsValueType(BareType(clang_getCursorType(child))))
        fields.push_back({Spelling(child), BareType(clang_getCursorType(child))});
    if (policy) p_.self_fields = fields;
    records_.emplace_back(BareType(clang_getCursorType(c)), std::move(fields));
    for (CXCursor child : Children(c))
      if (auto r = unit_.RangeOf(child)) Declaration(child, *r);
  }

  void FunctionBody(CXCursor c, Range range) {
    if (!clang_isCursorDefinition(c)) return;
    p_.functions.push_back(
        {Spelling(c), range,
         clang_getCursorKind(c) == CXCursor_CXXMethod && clang_CXXMethod_isStatic(c) != 0});
    function_ = static_cast<int>(p_.functions.size()) - 1;
    for (CXCursor child : Children(c)) {
      auto r = unit_.RangeOf(child);
      if (!r) continue;
      if (clang_getCursorKind(child) == CXCursor_ParmDecl) AddName(child, {r->end, range.end});
      if (clang_getCursorKind(child) == CXCursor_CompoundStmt) Compound(child, *r);
    }
    function_ = -1;
  }

  bool IsTunable(const std::string& name) const {
    return std::any_of(p_.tunables.begin(), p_.tunables.end(),
                       [&](const TunableDecl& t) { return t.name == name; });
  }

  void AddName(CXCursor decl, Range scope) {
    std::string name = Spelling(decl), type = BareType(clang_getCursorType(decl));
    if (name.empty()) return;
    ScopedName n;
    n.name = name;
    n.type = type;
    n.scope = scope;
    n.is_task = IsTaskType(type);
    p_.names.push_back(std::move(n));
  }

  // What a piece of code needs, and the calls that bind it to a hook.
  void Inspect(CXCursor c, Range range, Piece& piece) {
    piece.range = range;
    piece.block = p_.BlockOf(range);
    piece.function = function_;
    Needs(c, range, piece);
  }

  void Needs(CXCursor c, Range range, Piece& piece) {
    CXCursorKind kind = clang_getCursorKind(c);
    CXCursor target = clang_getCursorReferenced(c);
    if (kind == CXCursor_DeclRefExpr && !clang_Cursor_isNull(target)) {
      CXCursorKind t = clang_getCursorKind(target);
      auto declared = unit_.RangeOf(target);
      CXCursorKind scope = clang_getCursorKind(clang_getCursorSemanticParent(target));
      bool local = t == CXCursor_ParmDecl || (t == CXCursor_VarDecl && scope != CXCursor_TranslationUnit &&
                                              scope != CXCursor_Namespace && scope != CXCursor_StructDecl &&
                                              scope != CXCursor_ClassDecl);
      if (local && declared && !range.Contains(*declared)) {
        LocalName need{Spelling(target), BareType(clang_getCursorType(target))};
        if (std::find(piece.needs.begin(), piece.needs.end(), need) == piece.needs.end())
          piece.needs.push_back(need);
      }
    }
    if (kind == CXCursor_CXXThisExpr) piece.uses_this = true;
    if (kind == CXCursor_MemberRefExpr && Children(c).empty()) piece.uses_this = true;  // implicit this
    if (kind == CXCursor_CallExpr) {
      std::string name = Spelling(c);
      piece.inserts |= name == "insert" || name == "insert_vtime";
      piece.moves |= name == "dsq_move_to_local" || name == "keep_running";
      piece.bound |= IsBound(name);
    }
    for (CXCursor child : Children(c)) Needs(child, range, piece);
  }

  void Compound(CXCursor c, Range scope) {
    int list = next_list_++;
    for (CXCursor child : Children(c)) {
      auto r = unit_.RangeOf(child);
      if (!r) continue;
      AddStatement(child, *r, list);
      Visit(child, c, {}, scope);
    }
  }

  void AddStatement(CXCursor c, Range range, int list) {
    CXCursorKind kind = clang_getCursorKind(c);
    if (kind == CXCursor_CaseStmt || kind == CXCursor_DefaultStmt || kind == CXCursor_BreakStmt ||
        kind == CXCursor_NullStmt)
      return;
    size_t k = range.end;
    while (k < p_.source.size() && std::isspace(static_cast<unsigned char>(p_.source[k]))) ++k;
    if (p_.source[range.end - 1] != ';' && k < p_.source.size() && p_.source[k] == ';' &&
        kind != CXCursor_CompoundStmt)
      range.end = k + 1;
    Statement s;
    Inspect(c, range, s);
    if (s.block < 0) return;
    s.kind = kind;
    s.list = list;
    s.declares = kind == CXCursor_DeclStmt;
    s.returns = HasReturn(c);
    s.lines = WholeLines(range, s.block);
    p_.statements.push_back(std::move(s));
  }

  static bool HasReturn(CXCursor c) {
    if (clang_getCursorKind(c) == CXCursor_ReturnStmt) return true;
    if (clang_getCursorKind(c) == CXCursor_LambdaExpr) return false;
    for (CXCursor child : Children(c))
      if (HasReturn(child)) return true;
    return false;
  }

  // The lines of a statement, its trailing comment and the comments above it; the bare range when
  // other code shares its lines.
  Range WholeLines(Range r, int block) const {
    const std::string& s = p_.source;
    size_t begin = r.begin, end = r.end;
    while (begin > 0 && (s[begin - 1] == ' ' || s[begin - 1] == '\t')) --begin;
    if (begin > 0 && s[begin - 1] != '\n') return r;
    while (end < s.size() && (s[end] == ' ' || s[end] == '\t')) ++end;
    if (s.compare(end, 2, "//") == 0) end = std::min(s.find('\n', end), s.size());
    if (end < s.size() && s[end] != '\n') return r;
    end = std::min(end + 1, s.size());
    while (begin > p_.blocks[block].begin) {
      size_t previous = begin < 2 ? 0 : s.rfind('\n', begin - 2) + 1;
      size_t text = s.find_first_not_of(" \t", previous);
      if (previous < p_.blocks[block].begin || s.compare(text, 2, "//") != 0) break;
      begin = previous;
    }
    return {begin, end};
  }

  // What an expression is to the one around it.
  struct Context {
    Slot slot = Slot::kFree;
    bool condition = false;  // it decides an if or ?:
    bool nested = false;     // it is an operand
  };

  // Visits an expression or statement.
  void Visit(CXCursor c, CXCursor parent, Context context, Range scope) {
    auto range = unit_.RangeOf(c);
    if (!range || range->size() == 0) return;
    CXCursorKind kind = clang_getCursorKind(c);
    switch (kind) {
      case CXCursor_CompoundStmt:
        return Compound(c, *range);
      case CXCursor_DeclStmt:
        for (CXCursor child : Children(c)) {
          auto r = unit_.RangeOf(child);
          if (!r || clang_getCursorKind(child) != CXCursor_VarDecl) continue;
          Context inner;
          if (p_.Text(*r).find("constexpr") != std::string_view::npos) inner.slot = Slot::kConstexpr;
          VisitChildren(child, inner, scope);
          AddName(child, {r->end, scope.end});
        }
        return;
      case CXCursor_LambdaExpr:
        for (CXCursor child : Children(c)) {
          auto r = unit_.RangeOf(child);
          if (!r) continue;
          if (clang_getCursorKind(child) == CXCursor_ParmDecl) AddName(child, {r->end, range->end});
          if (clang_getCursorKind(child) == CXCursor_CompoundStmt) Compound(child, *r);
        }
        return;
      default:
        break;
    }
    if (clang_isExpression(kind) && kind != CXCursor_UnexposedExpr && kind != CXCursor_ParenExpr)
      AddExpression(c, parent, *range, context);
    if (kind == CXCursor_CallExpr) AddCall(c, *range);
    VisitChildren(c, context, scope);
  }

  void VisitChildren(CXCursor c, Context context, Range scope) {
    std::vector<CXCursor> children = Children(c);
    CXCursorKind kind = clang_getCursorKind(c);
    CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(c);
    bool divides = op == CXBinaryOperator_Div || op == CXBinaryOperator_Rem ||
                   op == CXBinaryOperator_DivAssign || op == CXBinaryOperator_RemAssign;
    std::string call = kind == CXCursor_CallExpr ? Spelling(c) : "";
    bool picks_cpu =
        kind == CXCursor_ReturnStmt && function_ >= 0 && p_.functions[function_].name == "select_cpu";
    bool wrapper = kind == CXCursor_UnexposedExpr;
    bool operand = (kind == CXCursor_BinaryOperator && op != CXBinaryOperator_Assign) ||
                   kind == CXCursor_UnaryOperator || kind == CXCursor_ConditionalOperator ||
                   kind == CXCursor_CStyleCastExpr;
    for (size_t i = 0; i < children.size(); ++i) {
      Context inner{context.slot, false, wrapper ? context.nested : operand};
      if (kind == CXCursor_ArraySubscriptExpr && i == 1) inner.slot = Slot::kIndex;
      if (divides && i == 1) inner.slot = Slot::kDivisor;
      if (call == "for_n" && i == 1) inner.slot = Slot::kLoopBound;
      if (!call.empty() && i > 0) inner.slot = ArgumentSlot(call, i - 1, inner.slot);
      if (picks_cpu) inner.slot = Slot::kCpu;
      if (kind == CXCursor_CaseStmt && i == 0) inner.slot = Slot::kCaseLabel;
      inner.condition = kind == CXCursor_IfStmt || kind == CXCursor_ConditionalOperator
                            ? i == 0
                            : context.condition && (wrapper || kind == CXCursor_ParenExpr);
      Visit(children[i], c, inner, scope);
    }
  }

  void AddExpression(CXCursor c, CXCursor parent, Range range, Context context) {
    Expression e;
    e.kind = clang_getCursorKind(c);
    e.type = BareType(clang_getCursorType(c));
    if (!IsValueType(e.type)) return;
    CXCursorKind up = clang_getCursorKind(parent);
    // A name, member or element is read exactly when a conversion to its value stands around it.
    bool names = e.kind == CXCursor_DeclRefExpr || e.kind == CXCursor_MemberRefExpr ||
                 e.kind == CXCursor_ArraySubscriptExpr;
    bool constant = names && clang_getCursorKind(clang_getCursorReferenced(c)) == CXCursor_EnumConstantDecl;
    if (names && up != CXCursor_UnexposedExpr && !constant) return;
    e.assigns = e.kind == CXCursor_CompoundAssignOperator;
    if (e.kind == CXCursor_BinaryOperator || e.assigns) {
      e.op = clang_getCursorBinaryOperatorKind(c);
      std::vector<CXCursor> sides = Children(c);
      if (sides.size() != 2) return;
      auto a = unit_.RangeOf(sides[0]), b = unit_.RangeOf(sides[1]);
      if (!a || !b || a->end > b->begin) return;
      e.op_range = OperatorIn({a->end, b->begin});
      if (e.op == CXBinaryOperator_Assign) e.assigns = true;
    }
    if (e.kind == CXCursor_UnaryOperator) {
      CXUnaryOperatorKind op = clang_getCursorUnaryOperatorKind(c);
      e.assigns = op == CXUnaryOperator_PreInc || op == CXUnaryOperator_PreDec ||
                  op == CXUnaryOperator_PostInc || op == CXUnaryOperator_PostDec;
    }
    Inspect(c, range, e);
    e.slot = context.slot;
    e.condition = context.condition;
    e.nested = context.nested;
    if (e.kind == CXCursor_IntegerLiteral) {
      if (CXEvalResult v = clang_Cursor_Evaluate(c)) {
        e.literal = clang_EvalResult_getAsLongLong(v);
        clang_EvalResult_dispose(v);
      }
    }
    p_.expressions.push_back(std::move(e));
  }

  // The operator's characters in the gap between two operands.
  Range OperatorIn(Range gap) const {
    for (const LexToken& t : Lex(p_.Text(gap))) {
      if (t.kind != LexKind::kPunct || t.text == ")" || t.text == "(") continue;
      size_t begin = gap.begin + t.begin, end = begin;
      while (end < gap.end && std::string_view("+-*/%&|^<>=!").find(p_.source[end]) != std::string_view::npos)
        ++end;
      return {begin, std::max(end, begin + 1)};
    }
    return gap;
  }

  void AddCall(CXCursor c, Range range) {
    Call call;
    call.name = Spelling(c);
    if (call.name.empty() || call.name == "operator->" || call.name == "TaskRef") return;
    Inspect(c, range, call);
    int n = clang_Cursor_getNumArguments(c);
    for (int i = 0; i < n; ++i) {
      auto r = unit_.RangeOf(clang_Cursor_getArgument(c, static_cast<unsigned>(i)));
      if (r && r->size() > 0 && range.Contains(*r)) call.args.push_back(*r);
    }
    p_.calls.push_back(std::move(call));
  }

  Program& p_;
  const ast::Unit& unit_;
  int function_ = -1, next_list_ = 0;
  std::string task_state_, cpu_state_;
  std::vector<std::pair<std::string, std::vector<Field>>> records_;
};

Result<std::unique_ptr<Program>> Program::Parse(const ast::Parser& parser, const std::string& source) {
  auto p = std::make_unique<Program>();
  p->source = source;
  OSE_ASSIGN(p->blocks, ParseEvolveBlocks(source));
  OSE_ASSIGN(p->tunables, ParseTunables(source));
  OSE_ASSIGN(p->unit_, parser.Parse(WithoutPolicyMacro(source)));
  if (!p->unit_->errors().empty()) {
    const ast::Diagnostic& d = p->unit_->errors()[0];
    return Error{kExitCompile, fmt::format("line {}:{}: {}", d.line, d.column, d.message)};
  }
  Collector(*p).Run();
  return p;
}

int Program::BlockOf(ast::Range r) const {
  for (size_t i = 0; i < blocks.size(); ++i)
    if (blocks[i].begin <= r.begin && r.end <= blocks[i].end) return static_cast<int>(i);
  return -1;
}

std::vector<const ScopedName*> Program::NamesAt(size_t offset) const {
  std::vector<const ScopedName*> out;
  for (const ScopedName& n : names)
    if (n.scope.begin <= offset && offset < n.scope.end) out.push_back(&n);
  return out;
}

bool Program::Offers(size_t offset, int function, const Piece& piece) const {
  if (piece.uses_this && function >= 0 && functions[function].is_static) return false;
  std::vector<const ScopedName*> here = NamesAt(offset);
  return std::all_of(piece.needs.begin(), piece.needs.end(), [&](const LocalName& need) {
    return std::any_of(here.begin(), here.end(), [&](const ScopedName* n) {
      // TaskRefs of two policies differ in their state type only.
      return n->name == need.name && (n->type == need.type || (n->is_task && IsTaskType(need.type)));
    });
  });
}

}  // namespace ose
