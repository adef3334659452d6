#include "core/seeds.h"

#include <charconv>

#include "core/exit_code.h"

namespace ose {

std::string_view SeedFamilyName(SeedFamily family) {
  switch (family) {
    case SeedFamily::kSearch: return "search";
    case SeedFamily::kSelect: return "select";
    case SeedFamily::kFinal: return "final";
  }
  return "?";
}

std::optional<SeedFamily> SeedFamilyFromName(std::string_view name) {
  for (SeedFamily family : {SeedFamily::kSearch, SeedFamily::kSelect, SeedFamily::kFinal})
    if (name == SeedFamilyName(family)) return family;
  return std::nullopt;
}

uint64_t MakeSeed(SeedFamily family, uint64_t base, uint64_t i) {
  uint64_t low = (base * 1'000'003 + i) & 0x00ff'ffff'ffff'ffffULL;
  return (static_cast<uint64_t>(family) << 56) | low;
}

std::vector<uint64_t> MakeSeeds(SeedFamily family, uint64_t base, int n) {
  std::vector<uint64_t> seeds;
  for (int i = 0; i < n; ++i) seeds.push_back(MakeSeed(family, base, static_cast<uint64_t>(i)));
  return seeds;
}

Result<SeedSpec> ParseSeedSpec(std::string_view text) {
  SeedSpec spec;
  std::string_view number = text;
  if (size_t colon = text.find(':'); colon != std::string_view::npos) {
    const std::string_view name = text.substr(0, colon);
    const auto family = SeedFamilyFromName(name);
    if (!family) return Error{kExitUsage, "unknown seed family '" + std::string(name) + "': use search, select or final, as in final:64"};
    spec.family = *family;
    number = text.substr(colon + 1);
  }
  auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), spec.count);
  if (ec != std::errc() || end != number.data() + number.size() || spec.count < 1 || spec.count > 100000)
    return Error{kExitUsage, "bad number of seeds '" + std::string(text) + "': use 1 to 100000, as in final:64"};
  return spec;
}

}  // namespace ose
