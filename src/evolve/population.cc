#include "evolve/population.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "evolve/names.h"

namespace ose {
namespace {

Member Copy(const Member& m) {
  Member copy = m;
  copy.children = 0;
  return copy;
}

}  // namespace

const std::vector<std::string>& MigrationTopologyNames() {
  static const std::vector<std::string> names = {"ring", "random", "full"};
  return names;
}

Result<MigrationTopology> ParseMigrationTopology(std::string_view name) { return ParseName<MigrationTopology>(name, MigrationTopologyNames(), "topology"); }

Population::Population(const PopulationOptions& options)
    : options_(options),
      islands_(static_cast<size_t>(options.islands), Archive(options.archive_size)),
      front_(options.front_size),
      progress_(islands_.size()) {}

void Population::InsertSeed(const Member& member) {
  for (size_t i = 0; i < islands_.size(); ++i) {
    islands_[i].Insert(member);
    progress_[i].best = std::max(progress_[i].best, member.score);
  }
  front_.Insert({member.id, member.source, member.score, member.objectives});
}

void Population::Insert(int island, const Member* member) {
  Progress& p = progress_[static_cast<size_t>(island)];
  ++p.since;
  if (!member) return;
  if (member->score > p.best) p = {member->score, 0};
  front_.Insert({member->id, member->source, member->score, member->objectives});
  At(island).Insert(*member);
}

void Population::Rescore(int64_t id, double score) {
  for (size_t i = 0; i < islands_.size(); ++i) {
    islands_[i].Rescore(id, score);
    // What was only luck is no mark to beat.
    if (!islands_[i].empty()) progress_[i].best = std::min(progress_[i].best, islands_[i].best().score);
  }
}

std::vector<std::string> Population::PickMates(int island, const Member& parent, int n, Rng& rng) const {
  std::vector<std::string> mates;
  const auto& entries = front_.entries();
  if (entries.size() > 1) {
    const ParetoEntry& e = entries[rng.Below(entries.size())];
    if (e.id != parent.id) mates.push_back(e.source);
  }
  for (const Member* m : At(island).PickMates(parent, n - static_cast<int>(mates.size()), rng)) mates.push_back(m->source);
  return mates;
}

const Member& Population::best() const {
  const Archive* best = nullptr;
  for (const Archive& a : islands_)
    if (!a.empty() && (!best || a.best().score > best->best().score)) best = &a;
  return best->best();
}

std::vector<Population::Event> Population::Step(int64_t proposal) {
  std::vector<Event> events;
  if (empty() || islands_.size() < 2) return events;
  Rng rng = Rng::Stream(options_.seed, 0x69736c616e64ULL, static_cast<uint64_t>(proposal));
  if (options_.migration_interval > 0 && proposal > 0 && proposal % options_.migration_interval == 0) {
    Migrate(rng);
    events.push_back({"migration", fmt::format("{{\"after\":{}}}", proposal)});
  }
  for (size_t i = 0; options_.restart_after > 0 && i < islands_.size(); ++i) {
    if (progress_[i].since < options_.restart_after) continue;
    progress_[i].since = 0;
    // The island that holds the lead goes on; the others are free to begin anew.
    if (islands_[i].best().id == best().id) continue;
    Restart(i, rng);
    events.push_back({"restart", fmt::format("{{\"after\":{},\"island\":{}}}", proposal, i)});
  }
  return events;
}

void Population::Migrate(Rng rng) {
  std::vector<std::vector<Member>> leaving;
  for (const Archive& a : islands_) {
    const size_t n = std::min(a.members().size(), static_cast<size_t>(options_.migrants));
    leaving.emplace_back(a.members().begin(), a.members().begin() + static_cast<std::ptrdiff_t>(n));
  }
  const size_t n = islands_.size();
  for (size_t from = 0; from < n; ++from) {
    size_t first = (from + 1) % n, count = 1;
    if (options_.topology == MigrationTopology::kRandom) first = (from + 1 + rng.Below(n - 1)) % n;
    if (options_.topology == MigrationTopology::kFull) count = n - 1;
    for (size_t k = 0; k < count; ++k) {
      const size_t to = (first + k) % n;
      for (const Member& m : leaving[from]) {
        islands_[to].Insert(Copy(m));
        progress_[to].best = std::max(progress_[to].best, m.score);
      }
    }
  }
}

void Population::Restart(size_t island, Rng rng) {
  std::map<Niche, const Member*> elites;
  const int64_t leader = best().id;
  for (const Archive& a : islands_)
    for (const Member& m : a.members()) {
      if (m.id == leader) continue;
      const Member*& elite = elites[m.niche];
      if (!elite || m.score > elite->score) elite = &m;
    }
  std::vector<Member> chosen;
  for (auto& [niche, m] : elites) chosen.push_back(Copy(*m));
  for (size_t i = chosen.size(); i > 1; --i) std::swap(chosen[i - 1], chosen[rng.Below(i)]);
  chosen.resize(std::min(chosen.size(), static_cast<size_t>(std::max(1, options_.archive_size / 4))));
  if (chosen.empty()) return;
  islands_[island].Clear();
  progress_[island] = {};
  for (Member& m : chosen) {
    progress_[island].best = std::max(progress_[island].best, m.score);
    islands_[island].Insert(std::move(m));
  }
}

}  // namespace ose
