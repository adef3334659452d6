// Describe: a workload in words and numbers, for people and for the prompts of language models.
#ifndef OSEVOLVE_WORKLOAD_DESCRIBE_H_
#define OSEVOLVE_WORKLOAD_DESCRIBE_H_

#include <string>

#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

// A few lines: what each group of tasks does (programs of recordings are summed up, not listed), how
// many and how long its CPU bursts are, how loaded the machine is, what is measured and what is to be
// optimised. The same text for the same arguments; no line longer than a few hundred bytes.
std::string DescribeWorkload(const Workload& workload, const Machine& machine);

// Topology, clock and costs of a machine in a few lines.
std::string DescribeMachine(const Machine& machine);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_DESCRIBE_H_
