#include "workload/dist_toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "core/exit_code.h"

namespace ose {

namespace {
constexpr size_t kMaxMix = 100'000;
constexpr uint64_t kMaxFileBytes = 8 << 20;

Status ReadNumbers(const std::string& path, std::vector<double>* out) {
  OSE_ASSIGN(std::string text, ReadFile(path, kMaxFileBytes));
  bool comment = false;
  int line = 1;
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    comment = (comment || *p == '#') && *p != '\n';
    if (comment || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n' || *p == ',') {
      line += *p++ == '\n';
      continue;
    }
    double x = 0;
    const auto [next, ec] = std::from_chars(p, end, x);
    if (ec != std::errc() || !std::isfinite(x)) return Error{kExitBadWorkload, fmt::format("{}:{} is no number; give numbers between white space", path, line)};
    out->push_back(x);
    p = next;
  }
  return {};
}

}  // namespace

void ParseDist(const TomlValue& value, const std::string& what, int64_t unit_ns, Dist* dist) {
  const double unit = static_cast<double>(unit_ns), longest = static_cast<double>(kMaxFileNs) / unit;
  if (!value.IsTable()) {
    int64_t ns = 0;
    value.Duration(what, unit_ns, &ns);
    dist->a = static_cast<double>(ns);
    return;
  }
  TomlTable t = *value.Table("the distribution of " + what);
  int given = 0;
  auto pair = [&](const char* key, Dist::Kind kind, double min_a, double min_b, double max_b) {
    auto v = t.Value(key);
    if (!v) return;
    ++given;
    dist->kind = kind;
    std::vector<TomlValue> items = v->Items();
    if (items.size() != 2) {
      v->Fail(fmt::format("'{0}' is {1}; give two numbers: {0} = [.., ..]", key,
                          v->IsArray() ? fmt::format("an array of {}", items.size()) : v->Describe()));
      return;
    }
    items[0].Number(fmt::format("the first number of '{}'", key), &dist->a, min_a, longest);
    items[1].Number(fmt::format("the second number of '{}'", key), &dist->b, min_b, max_b);
    dist->a *= unit;
  };
  pair("uniform", Dist::Kind::kUniform, 0, 0, longest);
  if (dist->kind == Dist::Kind::kUniform) {
    dist->b *= unit;
    if (dist->a > dist->b)
      t.Fail("uniform", "'uniform' has its ends in the wrong order; write [least, most]");
  }
  pair("lognormal", Dist::Kind::kLognormal, kTomlTiny, kTomlTiny, 1000);
  pair("pareto", Dist::Kind::kPareto, kTomlTiny, 1.001, 1000);
  if (auto v = t.Value("exponential")) {
    ++given;
    dist->kind = Dist::Kind::kExponential;
    v->Number("'exponential'", &dist->a, kTomlTiny, longest);
    dist->a *= unit;
  }
  if (auto v = t.Value("mix")) {
    ++given;
    dist->kind = Dist::Kind::kMix;
    std::vector<TomlValue> items = v->Items();
    if (items.empty() || items.size() > kMaxMix)
      v->Fail(fmt::format("'mix' has {} values; give 1 to {} pairs: mix = [[value, weight], ..]",
                          items.size(), kMaxMix));
    for (const TomlValue& item : items) {
      std::vector<TomlValue> numbers = item.Items();
      double x = 0, weight = 1;
      if (numbers.size() != 2) {
        item.Fail(fmt::format("'mix' contains {}; give pairs: mix = [[value, weight], ..]", item.Describe()));
        continue;
      }
      numbers[0].Number("a value of 'mix'", &x, 0, longest);
      numbers[1].Number("a weight of 'mix'", &weight, kTomlTiny, 1e12);
      dist->value.push_back(x * unit);
      dist->weight.push_back(weight);
    }
  }
  auto numbers_of = [&](const char* key, bool pairs, std::vector<double>* out) {
    const std::string file_key = std::string(key) + "_file";
    if (std::string name; t.String(file_key, &name)) {
      ++given;
      if (!value.MayNameFiles()) t.Fail(file_key, fmt::format("'{}' names a file, which a text from elsewhere may not; give '{}'", file_key, key));
      else if (auto status = ReadNumbers(value.BesideFile(name), out); !status.ok()) t.Fail(file_key, status.error().message);
      return true;
    }
    auto v = t.Value(key);
    if (!v) return false;
    ++given;
    for (const TomlValue& item : v->Items()) {
      const std::vector<TomlValue> two = item.Items();
      if (pairs && two.size() != 2) {
        item.Fail(fmt::format("'{0}' contains {1}; give pairs: {0} = [[p, value], ..]", key, item.Describe()));
        return true;
      }
      for (size_t i = 0; i < (pairs ? 2 : 1); ++i) {
        double x = 0;
        (pairs ? two[i] : item).Number(fmt::format("a number of '{}'", key), &x, 0, longest);
        out->push_back(x);
      }
    }
    return true;
  };
  std::vector<double> numbers;
  if (numbers_of("values", false, &numbers)) {
    dist->kind = Dist::Kind::kMix;
    if (numbers.empty() || numbers.size() > kMaxMix)
      t.Fail("values", fmt::format("'values' has {} values; give 1 to {}", numbers.size(), kMaxMix));
    // Equal values are one, with their number as weight: half the memory, and a shorter canonical form.
    std::sort(numbers.begin(), numbers.end());
    for (double x : numbers) {
      if (!(x >= 0 && x <= longest)) t.Fail("values", fmt::format("'values' contains {}; give 0 to {:g}", x, longest));
      if (!dist->value.empty() && dist->value.back() == x * unit) ++dist->weight.back();
      else dist->value.push_back(x * unit), dist->weight.push_back(1);
    }
  }
  numbers.clear();
  if (numbers_of("quantiles", true, &numbers)) {
    dist->kind = Dist::Kind::kQuantiles;
    bool good = numbers.size() >= 4 && numbers.size() % 2 == 0 && numbers.size() <= 2 * kMaxMix && numbers[0] == 0 && numbers[numbers.size() - 2] == 1;
    for (size_t i = 0; i + 1 < numbers.size(); i += 2) {
      dist->weight.push_back(numbers[i]);
      dist->value.push_back(numbers[i + 1] * unit);
      good &= numbers[i + 1] >= 0 && numbers[i + 1] <= longest;
      if (i > 0) good &= numbers[i] > numbers[i - 2] && numbers[i + 1] >= numbers[i - 1];
    }
    if (!good)
      t.Fail("quantiles", fmt::format("'quantiles' are no distribution; give pairs [p, value] with p rising from 0 to 1 and values that do not fall, at most {}", kMaxMix));
  }
  t.Finish();
  if (given != 1)
    t.Fail("",
           fmt::format("{} has {} distributions; give a number or one of uniform, exponential, lognormal, "
                       "pareto, mix, values, quantiles",
                       what, given));
}

std::string FormatDist(std::string_view stem, const Dist& d) {
  auto out = [&](const std::vector<double>& durations, auto&& body) {
    TomlUnit unit = BestUnit(durations);
    auto number = [&](double ns) { return TomlNumber(ns / static_cast<double>(unit.ns)); };
    return fmt::format("{}{} = {}", stem, unit.suffix, body(number));
  };
  switch (d.kind) {
    case Dist::Kind::kConstant:
      return TomlDuration(stem, static_cast<int64_t>(d.a));
    case Dist::Kind::kUniform:
      return out({d.a, d.b}, [&](auto n) { return fmt::format("{{ uniform = [{}, {}] }}", n(d.a), n(d.b)); });
    case Dist::Kind::kExponential:
      return out({d.a}, [&](auto n) { return fmt::format("{{ exponential = {} }}", n(d.a)); });
    case Dist::Kind::kLognormal:
      return out({d.a},
                 [&](auto n) { return fmt::format("{{ lognormal = [{}, {}] }}", n(d.a), TomlNumber(d.b)); });
    case Dist::Kind::kPareto:
      return out({d.a},
                 [&](auto n) { return fmt::format("{{ pareto = [{}, {}] }}", n(d.a), TomlNumber(d.b)); });
    case Dist::Kind::kMix:
      return out(d.value, [&](auto n) {
        std::string pairs;
        for (size_t i = 0; i < d.value.size(); ++i)
          pairs += fmt::format("{}[{}, {}]", i ? ", " : "", n(d.value[i]), TomlNumber(d.weight[i]));
        return fmt::format("{{ mix = [{}] }}", pairs);
      });
    case Dist::Kind::kQuantiles:
      return out(d.value, [&](auto n) {
        std::string pairs;
        for (size_t i = 0; i < d.value.size(); ++i)
          pairs += fmt::format("{}[{}, {}]", i ? ", " : "", TomlNumber(d.weight[i]), n(d.value[i]));
        return fmt::format("{{ quantiles = [{}] }}", pairs);
      });
  }
  return "";
}

}  // namespace ose
