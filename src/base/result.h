// Errors are values. A function that can fail returns Result<T> (or Status when there
// is nothing to return); callers pass a failure on with OSE_TRY / OSE_ASSIGN.
//
// An Error's message is written for the person at the terminal: it names the thing,
// the place (file:line where there is one) and the fix. `code` is the exit code that
// the command line returns when nobody handles the error; base gives it no meaning
// (core/exit_code.h enumerates the values).
#ifndef OSEVOLVE_BASE_RESULT_H_
#define OSEVOLVE_BASE_RESULT_H_

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ose {

struct Error {
  int code = 1;
  std::string message;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return v_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition of the value accessors: ok(). Of error(): !ok().
  T& value() & { return std::get<0>(v_); }
  const T& value() const& { return std::get<0>(v_); }
  T&& value() && { return std::get<0>(std::move(v_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(v_); }

 private:
  std::variant<T, Error> v_;
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design
  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace ose

#define OSE_CONCAT_(a, b) a##b
#define OSE_CONCAT(a, b) OSE_CONCAT_(a, b)

// OSE_TRY(expr): returns the error of a Status or Result expression, if it is one.
#define OSE_TRY(expr)                                  \
  do {                                                 \
    if (auto ose_try_ = (expr); !ose_try_.ok())        \
      return ose_try_.error();                         \
  } while (0)

// OSE_ASSIGN(auto x, expr): declares or assigns x from a Result, or returns its error.
#define OSE_ASSIGN(lhs, expr) OSE_ASSIGN_(OSE_CONCAT(ose_result_, __LINE__), lhs, expr)
#define OSE_ASSIGN_(tmp, lhs, expr)  \
  auto tmp = (expr);                 \
  if (!tmp.ok()) return tmp.error(); \
  lhs = std::move(tmp).value()

#endif  // OSEVOLVE_BASE_RESULT_H_
