#include "workload/dist_toml.h"

#include <fmt/format.h>

namespace ose {

namespace {
constexpr size_t kMaxMix = 100'000;
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
  t.Finish();
  if (given != 1)
    t.Fail("",
           fmt::format("{} has {} distributions; give a number or one of uniform, exponential, lognormal, "
                       "pareto, mix",
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
  }
  return "";
}

}  // namespace ose
