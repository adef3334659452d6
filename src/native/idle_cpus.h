// IdleCpus: which CPUs are idle and not yet claimed, and sched_ext's ways of choosing one
// (kernel/sched/ext.c: scx_pick_idle_cpu, scx_select_cpu_dfl).
//
// M is the host's machine: cpus, smt, LlcOf(cpu), NodeOf(cpu), SiblingOf(cpu). A task has
// `allowed`, a bit mask over CPUs. CPU numbers are in range.
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
  explicit IdleCpus(const M& machine) : machine_(machine), mask_(static_cast<size_t>(machine.cpus + 63) / 64, 0) {}

  size_t words() const { return mask_.size(); }
  bool Has(int cpu) const { return mask_[static_cast<size_t>(cpu) / 64] >> (cpu % 64) & 1; }
  void Set(int cpu, bool idle) {
    const uint64_t bit = 1ULL << (cpu % 64);
    uint64_t& word = mask_[static_cast<size_t>(cpu) / 64];
    word = idle ? word | bit : word & ~bit;
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
    for (size_t w = 0; w < mask_.size(); ++w) {
      for (uint64_t bits = mask_[w] & t->allowed[w]; bits; bits &= bits - 1) {
        int c = static_cast<int>(w * 64) + std::countr_zero(bits);
        if (domain == osevolve::kSameCore && c != near && c != machine_.SiblingOf(near)) continue;
        if (domain == osevolve::kSameLlc && machine_.LlcOf(c) != machine_.LlcOf(near)) continue;
        if (domain == osevolve::kSameNode && machine_.NodeOf(c) != machine_.NodeOf(near)) continue;
        if (whole_core && !WholeCore(c)) continue;
        return c;
      }
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
    *idle = true;
    auto claim = [&](int c) { return c >= 0 && Claim(c); };
    if (machine_.smt > 1) {
      if (AllowedOn(t, prev) && WholeCore(prev) && claim(prev)) return prev;
      for (uint32_t domain : {osevolve::kSameLlc, osevolve::kAnywhere})
        if (int c = Find(t, prev, domain, true); claim(c)) return c;
    }
    if (AllowedOn(t, prev) && claim(prev)) return prev;
    for (uint32_t domain : {osevolve::kSameLlc, osevolve::kAnywhere})
      if (int c = Find(t, prev, domain, false); claim(c)) return c;
    *idle = false;
    return prev;
  }

 private:
  const M& machine_;
  std::vector<uint64_t> mask_;
};

template <class T>
int FirstAllowed(const T* t, size_t words) {
  for (size_t w = 0; w < words; ++w)
    if (t->allowed[w]) return static_cast<int>(w * 64) + std::countr_zero(t->allowed[w]);
  return 0;
}

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_IDLE_CPUS_H_
