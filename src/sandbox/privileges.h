// Giving up what root and capabilities allow. Internal to sandbox; 0 or an errno value, and
// async-signal-safe.
#ifndef OSEVOLVE_SANDBOX_PRIVILEGES_H_
#define OSEVOLVE_SANDBOX_PRIVILEGES_H_

#include <cstdint>

namespace ose {

inline constexpr uint64_t kNoCapabilities = 0;
inline constexpr uint64_t kReadAnyFile = uint64_t{1} << 2;  // CAP_DAC_READ_SEARCH

// Takes everything but `keep` out of the bounding set, where the right to do so exists, so that
// no later exec brings it back.
void DropBoundingSet(uint64_t keep);

// Sets the effective and permitted capabilities to those of `keep` that the process has, the
// inheritable and ambient ones to none.
int KeepCapabilities(uint64_t keep);

// The same with nothing to keep, in the one call (capset) that the sandbox allows for it.
int ClearCapabilities();

// The effective capabilities.
uint64_t Capabilities();

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_PRIVILEGES_H_
