// What ParseBundle (store/bundle.h) cannot tell: that the workloads of a bundle are workloads, its machines machines, and
// that they fit together.
#ifndef OSEVOLVE_CLI_BUNDLE_CHECK_H_
#define OSEVOLVE_CLI_BUNDLE_CHECK_H_

#include <string>

#include "base/result.h"
#include "store/bundle.h"

namespace ose {

// Checks each workload and machine as it checks files, but none may name further files; the hashes of workloads; and each
// pair that an evaluation or a claim names. Fills in what a stranger is not asked for: signatures, the numbers of CPUs.
// Opens no file. Errors: kExitDatabase "FILE: what is wrong".
Status CheckBundle(Bundle* bundle, const std::string& file);

}  // namespace ose

#endif  // OSEVOLVE_CLI_BUNDLE_CHECK_H_
