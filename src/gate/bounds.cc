#include "gate/bounds.h"

#include <algorithm>

namespace ose {
namespace {

using ast::Children;
using ast::Unwrap;

constexpr int kMaxDepth = 24;  // of nested expressions and initializers that are followed

bool IsUnsigned(CXType t) {
  switch (clang_getCanonicalType(t).kind) {
    case CXType_Bool:
    case CXType_UChar:
    case CXType_UShort:
    case CXType_UInt:
    case CXType_ULong:
    case CXType_ULongLong:
      return true;
    default:
      return false;
  }
}

bool IsWrite(CXCursor parent, size_t child_index) {
  CXCursorKind kind = clang_getCursorKind(parent);
  if (kind == CXCursor_UnexposedExpr) return false;  // a conversion: the value is read
  if (kind == CXCursor_MemberRefExpr) return false;  // a member of it, which is no integer variable
  bool assigned_from = kind == CXCursor_BinaryOperator && child_index == 1 &&
                       clang_getCursorBinaryOperatorKind(parent) == CXBinaryOperator_Assign;
  return !assigned_from;  // bound to a reference, incremented, ...
}

std::optional<Interval64> Intersect(std::optional<Interval64> a, std::optional<Interval64> b) {
  if (!a) return b;
  if (!b) return a;
  return Interval64{std::max(a->lo, b->lo), std::min(a->hi, b->hi)};
}

// A result that does not fit the type may have wrapped.
std::optional<Interval64> FitOr(std::optional<Interval64> range, CXType type) {
  std::optional<Interval64> limits = TypeRange(type);
  if (range && limits && range->lo >= limits->lo && range->hi <= limits->hi) return range;
  if (range && !limits && range->lo >= 0) return range;  // u64
  return limits;
}

}  // namespace

std::optional<Interval64> TypeRange(CXType type) {
  CXType t = clang_getCanonicalType(type);
  auto bits = [&](int n, bool is_unsigned) -> Interval64 {
    if (is_unsigned) return {0, (int64_t{1} << n) - 1};
    return {-(int64_t{1} << (n - 1)), (int64_t{1} << (n - 1)) - 1};
  };
  switch (t.kind) {
    case CXType_Bool:
      return Interval64{0, 1};
    case CXType_UChar:
      return bits(8, true);
    case CXType_UShort:
      return bits(16, true);
    case CXType_UInt:
      return bits(32, true);
    case CXType_Char_S:
    case CXType_SChar:
      return bits(8, false);
    case CXType_Short:
      return bits(16, false);
    case CXType_Int:
      return bits(32, false);
    case CXType_Long:
    case CXType_LongLong:
      return Interval64{INT64_MIN, INT64_MAX};
    default:
      return std::nullopt;
  }
}

bool IsHeaderCall(const ast::Unit& unit, CXCursor call, std::string_view name) {
  if (clang_getCursorKind(call) != CXCursor_CallExpr || ast::Spelling(call) != name) return false;
  CXCursor callee = clang_getCursorReferenced(call);
  return !clang_Cursor_isNull(callee) && !unit.RangeOf(callee);
}

Bounds::Bounds(const ast::Unit& unit) : unit_(unit) { Collect(unit.root()); }

void Bounds::Collect(CXCursor c) {
  std::vector<CXCursor> children = Children(c);
  for (size_t i = 0; i < children.size(); ++i) {
    CXCursor child = children[i];
    if (!unit_.RangeOf(child)) continue;
    CXCursorKind kind = clang_getCursorKind(child);
    if (kind == CXCursor_DeclRefExpr && IsWrite(c, i)) {
      CXCursor decl = clang_getCursorReferenced(child);
      std::vector<Variable>& bucket = variables_[clang_hashCursor(decl)];
      auto it = std::find_if(bucket.begin(), bucket.end(),
                             [&](const Variable& v) { return clang_equalCursors(v.decl, decl); });
      if (it == bucket.end()) it = bucket.insert(bucket.end(), Variable{decl, false, {}});
      it->written = true;
    }
    if (IsHeaderCall(unit_, child, "for_n")) {
      std::vector<CXCursor> args = Children(child);
      if (args.size() == 3) {
        std::optional<int64_t> n = Constant(args[1]);
        CXCursor lambda = Unwrap(args[2]);
        if (n && clang_getCursorKind(lambda) == CXCursor_LambdaExpr)
          for (CXCursor parameter : Children(lambda))
            if (clang_getCursorKind(parameter) == CXCursor_ParmDecl)
              variables_[clang_hashCursor(parameter)].push_back(
                  {parameter, false, Interval64{0, std::max<int64_t>(*n, 1) - 1}});
      }
    }
    Collect(child);
  }
}

const Bounds::Variable* Bounds::Find(CXCursor decl) const {
  auto bucket = variables_.find(clang_hashCursor(decl));
  if (bucket == variables_.end()) return nullptr;
  for (const Variable& v : bucket->second)
    if (clang_equalCursors(v.decl, decl)) return &v;
  return nullptr;
}

std::optional<int64_t> Bounds::Constant(CXCursor expr) {
  CXEvalResult result = clang_Cursor_Evaluate(expr);
  if (!result) return std::nullopt;
  std::optional<int64_t> value;
  if (clang_EvalResult_getKind(result) == CXEval_Int) value = clang_EvalResult_getAsLongLong(result);
  clang_EvalResult_dispose(result);
  return value;
}

std::optional<Interval64> Bounds::Call(CXCursor call, const std::vector<CXCursor>& ancestors,
                                       int depth) const {
  std::vector<CXCursor> args = Children(call);
  auto arg = [&](size_t i) { return Eval(args[i], ancestors, depth + 1); };
  if (args.size() == 3 && IsHeaderCall(unit_, call, "umod")) {
    std::optional<int64_t> n = Constant(args[2]);
    if (n && *n > 0) return Interval64{0, *n - 1};
  } else if (args.size() == 4 && IsHeaderCall(unit_, call, "clamp")) {
    auto lo = arg(2), hi = arg(3);
    if (lo && hi && lo->hi <= hi->lo) return Interval64{lo->lo, hi->hi};
  } else if (args.size() == 3 && IsHeaderCall(unit_, call, "min")) {
    auto a = arg(1), b = arg(2);
    if (a && b) return Interval64{std::min(a->lo, b->lo), std::min(a->hi, b->hi)};
    // One side u64 of unknown size: never negative, at most the other.
    if ((a || b) && IsUnsigned(clang_getCursorType(call))) return Interval64{0, a ? a->hi : b->hi};
  } else if (args.size() == 3 && IsHeaderCall(unit_, call, "max")) {
    auto a = arg(1), b = arg(2);
    if (a && b) return Interval64{std::max(a->lo, b->lo), std::max(a->hi, b->hi)};
  } else if (args.size() == 3 && IsHeaderCall(unit_, call, "udiv")) {
    auto a = arg(1);
    std::optional<int64_t> n = Constant(args[2]);
    if (a && n && a->lo >= 0 && *n > 0) return Interval64{a->lo / *n, a->hi / *n};
  }
  return std::nullopt;
}

std::optional<Interval64> Bounds::Binary(CXCursor expr, const std::vector<CXCursor>& ancestors,
                                         int depth) const {
  std::vector<CXCursor> sides = Children(expr);
  if (sides.size() != 2) return std::nullopt;
  auto a = Eval(sides[0], ancestors, depth + 1), b = Eval(sides[1], ancestors, depth + 1);
  std::optional<int64_t> n = Constant(sides[1]), m = Constant(sides[0]);
  CXType type = clang_getCursorType(expr);
  Interval64 r;
  switch (clang_getCursorBinaryOperatorKind(expr)) {
    case CXBinaryOperator_And:  // a mask bounds whatever it is applied to
      if (n && *n >= 0) return Interval64{0, a && a->lo >= 0 ? std::min(*n, a->hi) : *n};
      if (m && *m >= 0) return Interval64{0, b && b->lo >= 0 ? std::min(*m, b->hi) : *m};
      return std::nullopt;
    case CXBinaryOperator_Rem:
      if (!n || *n <= 0) return std::nullopt;
      if (IsUnsigned(clang_getCursorType(sides[0])) || (a && a->lo >= 0)) return Interval64{0, *n - 1};
      return Interval64{1 - *n, *n - 1};
    case CXBinaryOperator_Div:
      if (!n || *n <= 0 || !a || a->lo < 0) return std::nullopt;
      return Interval64{a->lo / *n, a->hi / *n};
    case CXBinaryOperator_Shr:
      if (!n || *n < 0 || *n > 63) return std::nullopt;
      if (a && a->lo >= 0) return Interval64{a->lo >> *n, a->hi >> *n};
      if (*n > 0 && IsUnsigned(clang_getCursorType(sides[0])))
        return Interval64{0, static_cast<int64_t>(~0ULL >> *n)};
      return std::nullopt;
    case CXBinaryOperator_Shl:
      if (!n || *n < 0 || *n > 31 || !a || a->lo < 0 || a->hi > (int64_t{1} << 31)) return std::nullopt;
      return FitOr(Interval64{a->lo << *n, a->hi << *n}, type);
    case CXBinaryOperator_Add:
      if (!a || !b || __builtin_add_overflow(a->lo, b->lo, &r.lo) ||
          __builtin_add_overflow(a->hi, b->hi, &r.hi))
        return std::nullopt;
      return FitOr(r, type);
    case CXBinaryOperator_Sub:
      if (!a || !b || __builtin_sub_overflow(a->lo, b->hi, &r.lo) ||
          __builtin_sub_overflow(a->hi, b->lo, &r.hi))
        return std::nullopt;
      return FitOr(r, type);
    case CXBinaryOperator_Mul:
      if (!a || !b || a->lo < 0 || b->lo < 0 || __builtin_mul_overflow(a->lo, b->lo, &r.lo) ||
          __builtin_mul_overflow(a->hi, b->hi, &r.hi))
        return std::nullopt;
      return FitOr(r, type);
    case CXBinaryOperator_LT:
    case CXBinaryOperator_GT:
    case CXBinaryOperator_LE:
    case CXBinaryOperator_GE:
    case CXBinaryOperator_EQ:
    case CXBinaryOperator_NE:
    case CXBinaryOperator_LAnd:
    case CXBinaryOperator_LOr:
      return Interval64{0, 1};
    default:
      return std::nullopt;
  }
}

std::optional<Interval64> Bounds::Eval(CXCursor expr, const std::vector<CXCursor>& ancestors,
                                       int depth) const {
  if (depth > kMaxDepth) return std::nullopt;
  std::optional<Interval64> range;
  CXType type = clang_getCursorType(expr);
  if (std::optional<int64_t> value = Constant(expr)) {
    if (*value < 0 && IsUnsigned(type)) return std::nullopt;  // above INT64_MAX
    return Interval64{*value, *value};
  }
  std::vector<CXCursor> children = Children(expr);
  switch (clang_getCursorKind(expr)) {
    case CXCursor_ParenExpr:
      return children.size() == 1 ? Eval(children[0], ancestors, depth + 1) : std::nullopt;
    case CXCursor_UnexposedExpr:
    case CXCursor_CXXStaticCastExpr:
    case CXCursor_CXXFunctionalCastExpr:
    case CXCursor_CStyleCastExpr:
      // A conversion keeps a value that fits. The operand is the last child (a type may precede).
      if (!children.empty()) range = Eval(children.back(), ancestors, depth + 1);
      return FitOr(range, type);
    case CXCursor_BinaryOperator:
      range = Binary(expr, ancestors, depth);
      break;
    case CXCursor_CallExpr:
      range = Call(expr, ancestors, depth);
      break;
    case CXCursor_ConditionalOperator:
      if (children.size() == 3) {
        auto a = Eval(children[1], ancestors, depth + 1), b = Eval(children[2], ancestors, depth + 1);
        if (a && b) range = Interval64{std::min(a->lo, b->lo), std::max(a->hi, b->hi)};
      }
      break;
    case CXCursor_DeclRefExpr: {
      CXCursor decl = clang_getCursorReferenced(expr);
      const Variable* v = Find(decl);
      if (v && v->written) break;
      if (v && v->loop) {
        range = v->loop;
      } else if (clang_getCursorKind(decl) == CXCursor_VarDecl &&
                 clang_getCanonicalType(clang_getCursorType(decl)).kind != CXType_LValueReference) {
        CXCursor init = clang_Cursor_getVarDeclInitializer(decl);
        if (!clang_Cursor_isNull(init)) range = Eval(init, {}, depth + 1);
      } else if (clang_getCursorKind(decl) != CXCursor_ParmDecl ||
                 clang_getCanonicalType(clang_getCursorType(decl)).kind == CXType_LValueReference) {
        break;
      }
      Interval64 known = Intersect(range, TypeRange(type)).value_or(Interval64{0, INT64_MAX});
      bool is_u64 = !TypeRange(type);
      Interval64 narrowed = Narrow(known, decl, ancestors);
      if (range || !is_u64 || narrowed.hi != INT64_MAX) range = narrowed;
      break;
    }
    default:
      break;
  }
  return Intersect(range, TypeRange(type));
}

std::optional<Interval64> Bounds::RangeOf(CXCursor expr, const std::vector<CXCursor>& ancestors) const {
  return Eval(expr, ancestors, 0);
}

// Comparisons with constants that hold where the expression stands: the conditions of `if`s and
// `?:`s whose first branch leads there.
Interval64 Bounds::Narrow(Interval64 range, CXCursor variable, const std::vector<CXCursor>& ancestors) const {
  for (size_t i = 0; i + 1 < ancestors.size(); ++i) {
    CXCursorKind kind = clang_getCursorKind(ancestors[i]);
    if (kind != CXCursor_IfStmt && kind != CXCursor_ConditionalOperator) continue;
    std::vector<CXCursor> parts = Children(ancestors[i]);
    if (parts.size() < 2 || !clang_equalCursors(parts[1], ancestors[i + 1])) continue;
    std::vector<CXCursor> conjuncts = {parts[0]};
    while (!conjuncts.empty()) {
      CXCursor c = Unwrap(conjuncts.back());
      conjuncts.pop_back();
      if (clang_getCursorKind(c) != CXCursor_BinaryOperator) continue;
      std::vector<CXCursor> sides = Children(c);
      CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(c);
      if (sides.size() != 2) continue;
      if (op == CXBinaryOperator_LAnd) {
        conjuncts.insert(conjuncts.end(), sides.begin(), sides.end());
        continue;
      }
      CXCursor left = Unwrap(sides[0]);
      std::optional<int64_t> n = Constant(sides[1]);
      if (!n || clang_getCursorKind(left) != CXCursor_DeclRefExpr ||
          !clang_equalCursors(clang_getCursorReferenced(left), variable))
        continue;
      // The comparison must be made in a type that holds every value of the variable.
      if (IsUnsigned(clang_getCursorType(sides[0])) && (range.lo < 0 || *n < 0)) continue;
      if (op == CXBinaryOperator_LT && *n > INT64_MIN) range.hi = std::min(range.hi, *n - 1);
      if (op == CXBinaryOperator_LE) range.hi = std::min(range.hi, *n);
      if (op == CXBinaryOperator_GT && *n < INT64_MAX) range.lo = std::max(range.lo, *n + 1);
      if (op == CXBinaryOperator_GE) range.lo = std::max(range.lo, *n);
      if (op == CXBinaryOperator_EQ) range = {*n, *n};
    }
  }
  return range;
}

}  // namespace ose
