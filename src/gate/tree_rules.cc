#include "gate/tree_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/lexer.h"
#include "gate/bounds.h"
#include "gate/call_rules.h"

namespace ose {
namespace {

using ast::Children;
using ast::Range;
using ast::Spelling;
using ast::TypeSpelling;
using ast::Unwrap;

constexpr long long kMaxFrameBytes = 448;  // of BPF's 512; the rest is for the host's glue

bool IsFloating(CXType t) {
  switch (t.kind) {
    case CXType_Float:
    case CXType_Double:
    case CXType_LongDouble:
    case CXType_Float128:
    case CXType_Half:
    case CXType_Float16:
    case CXType_Ibm128:
    case CXType_BFloat16:
    case CXType_Complex:
      return true;
    default:
      return false;
  }
}

// Under references and arrays.
CXType Core(CXType type) {
  CXType t = clang_getCanonicalType(type);
  while (true) {
    if (t.kind == CXType_LValueReference || t.kind == CXType_RValueReference)
      t = clang_getCanonicalType(clang_getPointeeType(t));
    else if (t.kind == CXType_ConstantArray)
      t = clang_getCanonicalType(clang_getArrayElementType(t));
    else
      return t;
  }
}

bool IsReference(CXType type) {
  CXTypeKind kind = clang_getCanonicalType(type).kind;
  return kind == CXType_LValueReference || kind == CXType_RValueReference;
}

bool IsTask(CXType core) {
  return core.kind == CXType_Record && Spelling(clang_getTypeDeclaration(core)) == "TaskRef";
}

bool IsLambda(CXType core) { return TypeSpelling(core).find("(lambda at") != std::string::npos; }

// Expressions and statements that a portable policy is made of.
bool IsKnownKind(CXCursorKind kind) {
  switch (kind) {
    case CXCursor_UnexposedExpr:
    case CXCursor_DeclRefExpr:
    case CXCursor_MemberRefExpr:
    case CXCursor_CallExpr:
    case CXCursor_IntegerLiteral:
    case CXCursor_FloatingLiteral:
    case CXCursor_StringLiteral:
    case CXCursor_CharacterLiteral:
    case CXCursor_ParenExpr:
    case CXCursor_UnaryOperator:
    case CXCursor_ArraySubscriptExpr:
    case CXCursor_BinaryOperator:
    case CXCursor_CompoundAssignOperator:
    case CXCursor_ConditionalOperator:
    case CXCursor_CStyleCastExpr:
    case CXCursor_InitListExpr:
    case CXCursor_CXXStaticCastExpr:
    case CXCursor_CXXFunctionalCastExpr:
    case CXCursor_CXXBoolLiteralExpr:
    case CXCursor_CXXThisExpr:
    case CXCursor_UnaryExpr:
    case CXCursor_LambdaExpr:
    case CXCursor_CompoundStmt:
    case CXCursor_CaseStmt:
    case CXCursor_DefaultStmt:
    case CXCursor_IfStmt:
    case CXCursor_SwitchStmt:
    case CXCursor_BreakStmt:
    case CXCursor_ReturnStmt:
    case CXCursor_NullStmt:
    case CXCursor_DeclStmt:
    case CXCursor_UnexposedStmt:
      return true;
    default:
      return false;
  }
}

class TreeChecker {
 public:
  TreeChecker(const ast::Unit& unit, const TextFacts& facts, Report& report)
      : unit_(unit), facts_(facts), report_(report), bounds_(unit) {}

  void Check() {
    VisitChildren(unit_.root());
    CheckCalls(functions_, report_);
  }

 private:
  void Refuse(CXCursor c, std::string_view rule, std::string message) {
    std::optional<Range> range = unit_.RangeOf(c);
    report_.Add(range ? range->begin : 0, rule, std::move(message));
  }

  bool InMain(CXCursor c) const { return !clang_Cursor_isNull(c) && unit_.RangeOf(c).has_value(); }

  bool IsMacro(Range r) const {
    return std::any_of(facts_.macros.begin(), facts_.macros.end(), [&](Range m) { return m.Contains(r); });
  }

  void VisitChildren(CXCursor c) {
    path_.push_back(c);
    for (CXCursor child : Children(c)) {
      std::optional<Range> range = unit_.RangeOf(child);
      if (range && !IsMacro(*range)) Visit(child);
    }
    path_.pop_back();
  }

  void Visit(CXCursor c) {
    CXCursorKind kind = clang_getCursorKind(c);
    if ((clang_isExpression(kind) || clang_isStatement(kind)) && !IsKnownKind(kind)) {
      CXString name = clang_getCursorKindSpelling(kind);
      Refuse(
          c, "construct",
          fmt::format("this construct ({}) is outside the portable subset, which BPF can express; write it "
                      "with plain expressions, if, switch and for_n",
                      clang_getCString(name)));
      clang_disposeString(name);
    }
    if (clang_isExpression(kind)) CheckExpressionType(c);
    switch (kind) {
      case CXCursor_Namespace:
        CheckNamespace(c);
        break;
      case CXCursor_FieldDecl:
        CheckField(c);
        break;
      case CXCursor_VarDecl:
        CheckVariable(c);
        break;
      case CXCursor_ParmDecl:
        CheckParameter(c);
        break;
      case CXCursor_Constructor:
      case CXCursor_Destructor:
      case CXCursor_ConversionFunction:
        Refuse(
            c, "constructor",
            fmt::format("'{}' runs code that no call shows, and state lives in zeroed storage; write a named "
                        "function, or set the fields in init()",
                        Spelling(c)));
        break;
      case CXCursor_FunctionDecl:
      case CXCursor_CXXMethod:
        return VisitFunction(c);
      case CXCursor_CallExpr:
        CheckCall(c);
        break;
      case CXCursor_DeclRefExpr:
        CheckName(c);
        break;
      case CXCursor_MemberRefExpr:
        CheckMember(c);
        break;
      case CXCursor_BinaryOperator:
      case CXCursor_CompoundAssignOperator:
        CheckBinary(c);
        break;
      case CXCursor_UnaryOperator:
        CheckUnary(c);
        break;
      case CXCursor_ArraySubscriptExpr:
        CheckSubscript(c);
        break;
      case CXCursor_CStyleCastExpr:
      case CXCursor_CXXStaticCastExpr:
      case CXCursor_CXXFunctionalCastExpr:
        CheckCast(c);
        break;
      case CXCursor_InitListExpr:
        if (IsTask(Core(clang_getCursorType(c))))
          Refuse(c, "task", "a Task made by hand refers to no task; use the one that the hook received");
        break;
      case CXCursor_LambdaExpr:
        CheckLambda(c);
        break;
      default:
        break;
    }
    VisitChildren(c);
  }

  void VisitFunction(CXCursor c) {
    std::string name = Spelling(c);
    if (clang_Cursor_isVariadic(c))
      Refuse(c, "function",
             fmt::format("'{}' takes '...', which BPF cannot pass; give it named parameters", name));
    CheckType(c, clang_getCursorResultType(c), fmt::format("'{}' returns", name));
    if (IsLambda(Core(clang_getCursorResultType(c))))
      Refuse(c, "lambda",
             fmt::format("'{}' returns a lambda, which BPF cannot call later; write a function", name));
    if (!clang_isCursorDefinition(c)) return VisitChildren(c);
    CXCursor parent = clang_getCursorSemanticParent(c);
    bool member = clang_getCursorKind(c) == CXCursor_CXXMethod;
    FunctionCalls function{clang_getCanonicalCursor(c),
                           name,
                           member && IsHookName(name) && DerivesFromPolicy(parent),
                           unit_.RangeOf(c)->begin,
                           {}};
    functions_.push_back(std::move(function));
    size_t outer = std::exchange(current_, functions_.size() - 1);
    long long outer_frame = std::exchange(frame_bytes_, 0);
    VisitChildren(c);
    if (frame_bytes_ > kMaxFrameBytes)
      Refuse(c, "stack",
             fmt::format(
                 "the variables of '{}' take {} bytes, but BPF has a stack of 512; keep arrays in the state "
                 "structs",
                 name, frame_bytes_));
    current_ = outer;
    frame_bytes_ = outer_frame;
  }

  bool DerivesFromPolicy(CXCursor record) const {
    for (CXCursor child : Children(record))
      if (clang_getCursorKind(child) == CXCursor_CXXBaseSpecifier &&
          Spelling(clang_getTypeDeclaration(clang_getCanonicalType(clang_getCursorType(child)))) == "Policy")
        return true;
    return false;
  }

  // Types that have no place in a policy, wherever they stand.
  void CheckType(CXCursor c, CXType type, const std::string& what) {
    CXType t = Core(type);
    if (t.kind == CXType_Pointer &&
        clang_getCanonicalType(clang_getPointeeType(t)).kind == CXType_FunctionProto) {
      Refuse(c, "function-pointer",
             what +
                 " a function pointer, through which BPF cannot call; call the function itself or "
                 "switch over an enum");
    } else if (t.kind == CXType_FunctionProto || t.kind == CXType_FunctionNoProto ||
               t.kind == CXType_MemberPointer) {
      Refuse(c, "function-pointer",
             what +
                 " a reference to code or a pointer to member, which BPF cannot follow; call the "
                 "function itself or switch over an enum");
    } else if (t.kind == CXType_Pointer || t.kind == CXType_BlockPointer || t.kind == CXType_NullPtr) {
      Refuse(c, "pointer",
             what + " a pointer, whose range the verifier would have to know; use a reference or an index");
    } else if (IsFloating(t)) {
      Refuse(c, "floating-point",
             what + " a floating-point number, which the kernel does not have; use scaled integers");
    } else if (t.kind == CXType_Int128 || t.kind == CXType_UInt128) {
      Refuse(c, "int128", what + " a 128-bit integer, which BPF does not have; scale the operands down");
    } else if (t.kind == CXType_IncompleteArray || t.kind == CXType_VariableArray ||
               t.kind == CXType_Vector || t.kind == CXType_ExtVector || t.kind == CXType_Atomic) {
      Refuse(c, "type",
             what + fmt::format(
                        " the type {}, which BPF cannot hold; use integers, structs and arrays of constant "
                        "size",
                        TypeSpelling(type)));
    } else if (t.kind == CXType_Record && IsHidden(clang_getTypeDeclaration(t))) {
      Refuse(c, "internal-name",
             what + fmt::format(" {}, which is the host's; use the documented services", TypeSpelling(type)));
    }
  }

  // A class of the header that is not part of the documented API.
  bool IsHidden(CXCursor decl) const {
    if (InMain(decl)) return false;
    std::string name = Spelling(decl);
    return name != "TaskRef" && name != "NoState" && name != "Policy";
  }

  void CheckExpressionType(CXCursor c) {
    CXType t = clang_getCanonicalType(clang_getCursorType(c));
    if (IsFloating(t))
      Refuse(c, "floating-point",
             "this expression is floating-point, which the kernel does not have; use scaled integers");
    if (t.kind == CXType_Int128 || t.kind == CXType_UInt128)
      Refuse(c, "int128", "this expression has 128 bits, which BPF does not have; scale the operands down");
  }

  void CheckNamespace(CXCursor c) {
    std::string name = Spelling(c);
    if (name == "osevolve" || name == "std")
      Refuse(c, "namespace",
             fmt::format("namespace {} belongs to the host; use a namespace of your own or none", name));
  }

  void CheckField(CXCursor c) {
    CXType type = clang_getCursorType(c), core = Core(type);
    std::string name = Spelling(c);
    if (IsTask(core))
      return Refuse(c, "task-in-state",
                    fmt::format("'{}' would keep a task after its hook returned, which the verifier refuses; "
                                "store its pid()",
                                name));
    if (IsReference(type))
      return Refuse(
          c, "pointer",
          fmt::format("'{}' is a reference kept in a struct, which the verifier refuses; store an index "
                      "or a pid",
                      name));
    CheckType(c, type, fmt::format("'{}' is", name));
    for (const LexToken& t : Lex(unit_.Text(*unit_.RangeOf(c))))
      if (t.text == "=" || t.text == "{")
        return Refuse(c, "default-init",
                      fmt::format("'{}' has a default value, but state lives in zeroed storage without "
                                  "constructors; set it in init() or init_task()",
                                  name));
  }

  bool HasWord(CXCursor c, std::string_view word) const {
    for (const LexToken& t : Lex(unit_.Text(*unit_.RangeOf(c))))
      if (t.text == word) return true;
    return false;
  }

  void CheckVariable(CXCursor c) {
    CXType type = clang_getCursorType(c), core = Core(type);
    std::string name = Spelling(c);
    CXCursorKind scope = clang_getCursorKind(clang_getCursorSemanticParent(c));
    bool global = scope == CXCursor_TranslationUnit || scope == CXCursor_Namespace ||
                  scope == CXCursor_StructDecl || scope == CXCursor_ClassDecl;
    bool is_static = clang_Cursor_getStorageClass(c) == CX_SC_Static;
    if (IsLambda(core))
      return Refuse(
          c, "lambda",
          fmt::format("'{}' keeps a lambda, which BPF cannot call later; write a function, or the lambda "
                      "as the argument of for_n or for_each_cpu",
                      name));
    CheckType(c, type, fmt::format("'{}' is", name));
    if ((global || is_static) && !HasWord(c, "constexpr"))
      return Refuse(
          c, global ? "global" : "static-local",
          fmt::format(
              "'{}' is a variable outside the state structs, which the kernel has no storage for; make it "
              "constexpr, a TUNABLE, or a member of the policy struct",
              name));
    if (global || is_static) return;
    if (IsTask(core) && clang_getCanonicalType(type).kind == CXType_ConstantArray)
      return Refuse(c, "task",
                    fmt::format("'{}' is an array of tasks, which the verifier refuses; store pids", name));
    CXCursor init = clang_Cursor_getVarDeclInitializer(c);
    std::optional<Range> init_range = clang_Cursor_isNull(init) ? std::nullopt : unit_.RangeOf(init);
    // A default construction is located at the name.
    bool initialized = init_range && unit_.Text(*init_range) != name;
    if (!initialized)
      return Refuse(c, "uninitialized",
                    fmt::format("'{}' starts with whatever the stack held, so runs would differ; give it a "
                                "value, as in '= 0' or '{{}}'",
                                name));
    if (!IsReference(type)) frame_bytes_ += std::max(0LL, clang_Type_getSizeOf(type));
  }

  void CheckParameter(CXCursor c) {
    CXType type = clang_getCursorType(c);
    if (HasWord(c, "auto"))
      return Refuse(
          c, "template",
          fmt::format("'{}' has the type auto, which makes a template; write its type, as in s32 cpu",
                      Spelling(c)));
    CheckType(c, type, fmt::format("'{}' is", Spelling(c)));
  }

  // Marks the callee's name as called, so that CheckName knows it from a function used as a value.
  void MarkCallee(CXCursor call, CXCursor callee) {
    for (CXCursor child : Children(call)) {
      CXCursor name = Unwrap(child);
      if (clang_getCursorKind(name) == CXCursor_DeclRefExpr &&
          clang_equalCursors(clang_getCursorReferenced(name), callee)) {
        callee_names_.insert(unit_.RangeOf(name)->begin);
        return;
      }
    }
  }

  void CheckCall(CXCursor c) {
    CXCursor callee = clang_getCursorReferenced(c);
    CXCursorKind kind = clang_Cursor_isNull(callee) ? CXCursor_InvalidFile : clang_getCursorKind(callee);
    if (kind == CXCursor_Constructor) {
      if (IsTask(Core(clang_getCursorType(c))) && Children(c).empty())
        Refuse(c, "task", "a Task made by hand refers to no task; use the one that the hook received");
      return;
    }
    if (kind != CXCursor_FunctionDecl && kind != CXCursor_CXXMethod && kind != CXCursor_FunctionTemplate)
      return Refuse(c, "function-pointer",
                    "this calls through a value, which BPF cannot do; call a function by its name");
    MarkCallee(c, callee);
    bool service = !InMain(callee);
    if (current_ != kNoFunction)
      functions_[current_].calls.push_back(
          {clang_getCanonicalCursor(callee), Spelling(callee), unit_.RangeOf(c)->begin, service});
    if (!IsHeaderCall(unit_, c, "for_n")) return;
    std::vector<CXCursor> args = Children(c);
    std::optional<int64_t> n = args.size() > 1 ? Bounds::Constant(args[1]) : std::nullopt;
    if (n && *n > kMaxLoopBound)
      Refuse(args[1], "loop-bound",
             fmt::format("for_n runs at most {} times, {} is more, and the kernel gives a hook little time; "
                         "use a smaller bound",
                         kMaxLoopBound, *n));
  }

  void CheckName(CXCursor c) {
    CXCursor decl = clang_getCursorReferenced(c);
    CXCursorKind kind = clang_Cursor_isNull(decl) ? CXCursor_InvalidFile : clang_getCursorKind(decl);
    bool function =
        kind == CXCursor_FunctionDecl || kind == CXCursor_CXXMethod || kind == CXCursor_FunctionTemplate;
    if (function && !callee_names_.contains(unit_.RangeOf(c)->begin))
      Refuse(c, "function-pointer",
             fmt::format("'{}' is used as a value, but BPF cannot call through pointers; call it here",
                         Spelling(c)));
  }

  void CheckMember(CXCursor c) {
    CXCursor field = clang_getCursorReferenced(c);
    if (clang_Cursor_isNull(field) || clang_getCursorKind(field) != CXCursor_FieldDecl || InMain(field))
      return;
    Refuse(c, "internal-name",
           fmt::format("'{}' is the host's part of a Task; use its functions, and -> for your state",
                       Spelling(c)));
  }

  void CheckBinary(CXCursor c) {
    std::vector<CXCursor> sides = Children(c);
    if (sides.size() != 2) return;
    CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(c);
    for (CXCursor side : sides)
      if (clang_getCanonicalType(clang_getCursorType(side)).kind == CXType_Pointer)
        return Refuse(
            c, "pointer",
            "this computes with pointers, whose range the verifier would have to know; use indices into "
            "an array");
    bool rem = op == CXBinaryOperator_Rem || op == CXBinaryOperator_RemAssign;
    if (!rem && op != CXBinaryOperator_Div && op != CXBinaryOperator_DivAssign) return;
    std::optional<int64_t> divisor = Bounds::Constant(sides[1]);
    if (divisor && *divisor != 0) return;
    Refuse(c, "division",
           fmt::format("dividing by '{}' gives 0 in BPF and a trap natively when it is zero; write {}(a, b), "
                       "or s{} for signed "
                       "numbers",
                       unit_.Text(unit_.RangeOf(sides[1]).value_or(Range{})), rem ? "umod" : "udiv",
                       rem ? "mod" : "div"));
  }

  void CheckUnary(CXCursor c) {
    CXUnaryOperatorKind op = clang_getCursorUnaryOperatorKind(c);
    if (op == CXUnaryOperator_AddrOf)
      Refuse(c, "pointer",
             "'&' makes a pointer, whose range the verifier would have to know; use a reference, as in "
             "CpuState& c = "
             "cpu_state(cpu)");
    std::vector<CXCursor> operand = Children(c);
    if (op == CXUnaryOperator_Deref &&
        (operand.size() != 1 || clang_getCursorKind(Unwrap(operand[0])) != CXCursor_CXXThisExpr))
      Refuse(c, "pointer",
             "'*' follows a pointer, whose range the verifier would have to know; use a reference");
  }

  void CheckSubscript(CXCursor c) {
    std::vector<CXCursor> parts = Children(c);
    if (parts.size() != 2) return;
    CXCursor array = Unwrap(parts[0]);
    CXType type = clang_getCanonicalType(clang_getCursorType(array));
    if (type.kind != CXType_ConstantArray)
      return Refuse(
          c, "pointer",
          "this subscript is applied to no array of known size; index an array of a state struct or a "
          "constexpr table");
    long long n = clang_getArraySize(type);
    path_.push_back(c);
    std::optional<Interval64> range = bounds_.RangeOf(parts[1], path_);
    path_.pop_back();
    if (range && range->lo >= 0 && range->hi < n) return;
    std::string_view index = unit_.Text(unit_.RangeOf(parts[1]).value_or(Range{}));
    bool power = (n & (n - 1)) == 0;
    std::string fix =
        power ? fmt::format("[({}) & {}]", index, n - 1) : fmt::format("[umod({}, {})]", index, n);
    Refuse(c, "bounds",
           fmt::format(
               "the index '{}' is not provably below {}, and the verifier refuses unbounded memory access; "
               "write {}",
               index, n, fix));
  }

  void CheckCast(CXCursor c) {
    CXType type = clang_getCursorType(c);
    // The type of a cast to T& is T, as an lvalue: only the text shows the '&'.
    std::string_view text = unit_.Text(*unit_.RangeOf(c));
    std::vector<CXCursor> children = Children(c);
    size_t operand =
        !children.empty() && unit_.RangeOf(children.back()) ? unit_.RangeOf(children.back())->begin : 0;
    size_t type_size = operand > unit_.RangeOf(c)->begin ? operand - unit_.RangeOf(c)->begin : 0;
    if (text.substr(0, type_size).find('&') != text.npos)
      return Refuse(c, "cast",
                    "a cast to a reference defeats the type checks; copy the value, or declare a reference");
    CheckType(c, type, "this cast makes");
  }

  // A lambda is the last argument of one of the loops, nothing else.
  void CheckLambda(CXCursor c) {
    for (size_t i = path_.size(); i-- > 0;) {
      if (clang_getCursorKind(path_[i]) == CXCursor_UnexposedExpr) continue;
      if (IsHeaderCall(unit_, path_[i], "for_n") || IsHeaderCall(unit_, path_[i], "for_each_cpu")) return;
      break;
    }
    Refuse(c, "lambda",
           "a lambda that is no argument of for_n or for_each_cpu may be called later, which BPF cannot do; "
           "write a "
           "function");
  }

  static constexpr size_t kNoFunction = static_cast<size_t>(-1);

  const ast::Unit& unit_;
  const TextFacts& facts_;
  Report& report_;
  Bounds bounds_;
  std::vector<CXCursor> path_;  // from the root to the parent of the cursor in hand
  std::vector<FunctionCalls> functions_;
  size_t current_ = kNoFunction;
  long long frame_bytes_ = 0;      // of the variables of the current function
  std::set<size_t> callee_names_;  // offsets
};

}  // namespace

void CheckTree(const ast::Unit& unit, const TextFacts& facts, Report& report) {
  TreeChecker(unit, facts, report).Check();
}

}  // namespace ose
