// JSON by nlohmann/json, whose whole numbers are checked. Everything of ours that sees a whole document includes it
// here (json_fwd.hpp may be named as it is); tools/check_layers refuses the library's own header elsewhere, since a
// conversion must not mean one thing in one file and another in the next.
//
// The library casts: get<int>() of 1e300 is undefined behaviour, of 2^40 it is 0. Here a number that T does not hold is
// a json::out_of_range, which every reader of foreign text catches as it catches a missing member.
#ifndef OSEVOLVE_BASE_JSON_H_
#define OSEVOLVE_BASE_JSON_H_

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace ose {

template <typename T>
concept WholeNumberType = std::integral<T> && !std::same_as<T, bool>;

// nullopt for anything but a whole number that T holds. 5.0 is 5: programs that know one kind of number write it so.
template <WholeNumberType T, typename Json>
std::optional<T> WholeNumber(const Json& j) {
  if (j.is_number_unsigned()) {
    const uint64_t n = *j.template get_ptr<const uint64_t*>();
    if (std::in_range<T>(n)) return static_cast<T>(n);
  } else if (j.is_number_integer()) {
    const int64_t n = *j.template get_ptr<const int64_t*>();
    if (std::in_range<T>(n)) return static_cast<T>(n);
  } else if (j.is_number_float()) {
    const double x = *j.template get_ptr<const double*>();
    // Both bounds are powers of two or 0, and so exact; NaN fails the first comparison.
    constexpr double kBeyond = 2.0 * static_cast<double>(uint64_t{1} << (std::numeric_limits<T>::digits - 1));
    if (x >= static_cast<double>(std::numeric_limits<T>::min()) && x < kBeyond && x == static_cast<double>(static_cast<T>(x))) return static_cast<T>(x);
  }
  return std::nullopt;
}

}  // namespace ose

// The library's own place for a conversion of a type: https://json.nlohmann.me/features/arbitrary_types/
template <ose::WholeNumberType T>
struct nlohmann::adl_serializer<T, void> {
  template <typename Json>
  static void from_json(const Json& j, T& value) {
    if (!j.is_number()) throw Json::type_error::create(302, detail::concat("type must be number, but is ", j.type_name()), &j);
    const auto n = ose::WholeNumber<T>(j);
    if (!n) throw Json::out_of_range::create(406, detail::concat(j.dump(), " is not a whole number in the range that is expected"), &j);
    value = *n;
  }
  template <typename Json>
  static void to_json(Json& j, T value) {
    nlohmann::to_json(j, value);
  }
};

#endif  // OSEVOLVE_BASE_JSON_H_
