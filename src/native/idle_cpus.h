// IdleCpus: which CPUs are idle and not yet claimed, and sched_ext's ways of choosing one
// (kernel/sched/ext.c: scx_pick_idle_cpu, scx_select_cpu_dfl).
//
// M is the host's machine: cpus, smt, LlcOf(cpu), NodeOf(cpu), SiblingOf(cpu). A task has
// `allowed`, a bit mask over CPUs. CPU numbers are in range. Looking is O(CPUs / 64), whatever the domain.
#ifndef OSEVOLVE_NATIVE_IDLE_CPUS_H_
#define OSEVOLVE_NATIVE_IDLE_CPUS_H_

#include <osevolve/policy.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "native/dsq.h"

namespace ose {

template <class M>
class IdleCpus {
 public:
  // `machine` outlives it.
  explicit IdleCpus(const M& machine) : machine_(machine), mask_(static_cast<size_t>(machine.cpus + 63) / 64, 0) {
    for (int c = 0; c < machine.cpus; ++c) {
      llcs_.Add(c, machine.LlcOf(c), mask_.size());
      nodes_.Add(c, machine.NodeOf(c), mask_.size());
    }
  }

  size_t words() const { return mask_.size(); }
  bool Has(int cpu) const { return mask_[static_cast<size_t>(cpu) / 64] >> (cpu % 64) & 1; }
  void Set(int cpu, bool idle) {
    const uint64_t bit = 1ULL << (cpu % 64);
    uint64_t& word = mask_[static_cast<size_t>(cpu) / 64];
    word = idle ? word | bit : word & ~bit;
  }
  bool Any() const {
    for (uint64_t word : mask_)
      if (word != 0) return true;
    return false;
  }
  // Takes it out; true if it was there.
  bool Claim(int cpu) {
    if (!Has(cpu)) return false;
    Set(cpu, false);
    return true;
  }
  bool WholeCore(int cpu) const { return Has(cpu) && Has(machine_.SiblingOf(cpu)); }

  // First idle CPU allowed to the task within a domain of `near`, without claiming it; -1 if none.
  template <class T>
  int Find(const T* t, int near, uint32_t domain, bool whole_core) const {
    if (domain == osevolve::kSameCore) {
      const int other = machine_.SiblingOf(near), low = near < other ? near : other, high = near < other ? other : near;
      for (int c : {low, high})
        if (Has(c) && AllowedOn(t, c) && (!whole_core || WholeCore(c))) return c;
      return -1;
    }
    const uint64_t* within = domain == osevolve::kSameLlc    ? llcs_.Of(near)
                             : domain == osevolve::kSameNode ? nodes_.Of(near)
                                                             : t->allowed;
    for (size_t w = 0; w < mask_.size(); ++w)
      for (uint64_t bits = mask_[w] & t->allowed[w] & within[w]; bits; bits &= bits - 1) {
        const int c = static_cast<int>(w * 64) + std::countr_zero(bits);
        if (!whole_core || WholeCore(c)) return c;
      }
    return -1;
  }

  // Claims one; -16 (EBUSY) when there is none.
  template <class T>
  int Pick(const T* t, int near, uint32_t domain, uint64_t flags) {
    int c = Find(t, near, domain, (flags & osevolve::kPickIdleCore) != 0);
    return c >= 0 && Claim(c) ? c : -16;
  }

  // scx_select_cpu_dfl(): whole idle core at prev, then in its LLC, then anywhere; then any idle
  // CPU in the same order; else prev.
  template <class T>
  int SelectDefault(const T* t, int prev, bool* idle) {
    *idle = Any();
    if (!*idle) return prev;
    auto claim = [&](int c) { return c >= 0 && Claim(c); };
    const bool one_llc = llcs_.numbers.size() == 1;
    auto claim_near = [&](bool whole_core) {
      if (!one_llc)
        if (int c = Find(t, prev, osevolve::kSameLlc, whole_core); claim(c)) return c;
      int c = Find(t, prev, osevolve::kAnywhere, whole_core);
      return claim(c) ? c : -1;
    };
    if (machine_.smt > 1) {
      if (AllowedOn(t, prev) && WholeCore(prev) && claim(prev)) return prev;
      if (int c = claim_near(true); c >= 0) return c;
    }
    if (AllowedOn(t, prev) && claim(prev)) return prev;
    if (int c = claim_near(false); c >= 0) return c;
    *idle = false;
    return prev;
  }

 private:
  // Disjoint sets of CPUs, each with a number of the host's.
  struct Domains {
    std::vector<int> numbers;
    std::vector<uint64_t> masks;  // one after the other
    std::vector<size_t> of_cpu;   // where its mask begins

    const uint64_t* Of(int cpu) const { return masks.data() + of_cpu[static_cast<size_t>(cpu)]; }
    void Add(int cpu, int number, size_t words) {
      size_t i = numbers.size();
      while (i > 0 && numbers[i - 1] != number) --i;  // neighbours are mostly in one domain: from the end
      if (i == 0) {
        numbers.push_back(number);
        masks.resize(masks.size() + words, 0);
        i = numbers.size();
      }
      of_cpu.push_back((i - 1) * words);
      masks[of_cpu.back() + static_cast<size_t>(cpu) / 64] |= 1ULL << (cpu % 64);
    }
  };

  const M& machine_;
  std::vector<uint64_t> mask_;
  Domains llcs_, nodes_;
};

template <class T>
int FirstAllowed(const T* t, size_t words) {
  for (size_t w = 0; w < words; ++w)
    if (t->allowed[w]) return static_cast<int>(w * 64) + std::countr_zero(t->allowed[w]);
  return 0;
}

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_IDLE_CPUS_H_
