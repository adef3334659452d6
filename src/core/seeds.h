// Seed families. A policy is searched on `search` seeds, chosen on `select` seeds and claimed
// on `final` seeds. The families are disjoint by construction: a seed's top byte is its
// family, so no workload file or flag can make them overlap.
#ifndef OSEVOLVE_CORE_SEEDS_H_
#define OSEVOLVE_CORE_SEEDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose {

enum class SeedFamily : uint8_t { kSearch = 1, kSelect = 2, kFinal = 3 };

std::string_view SeedFamilyName(SeedFamily family);
std::optional<SeedFamily> SeedFamilyFromName(std::string_view name);  // nullopt: none has it

// The i-th seed of a family; `base` (the run's --seed) shifts the whole family.
uint64_t MakeSeed(SeedFamily family, uint64_t base, uint64_t i);

// Seeds 0 .. n-1 of a family.
std::vector<uint64_t> MakeSeeds(SeedFamily family, uint64_t base, int n);

struct SeedSpec {
  SeedFamily family = SeedFamily::kSearch;
  int count = 8;
};

// "final:64", "search:8", "16" (= search). Counts are 1..100000.
Result<SeedSpec> ParseSeedSpec(std::string_view text);

}  // namespace ose

#endif  // OSEVOLVE_CORE_SEEDS_H_
