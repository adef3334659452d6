// The services of policy.h on the simulated kernel, with Machine::service's costs charged for each call.
#ifndef OSEVOLVE_SIM_CHARGED_SERVICES_H_
#define OSEVOLVE_SIM_CHARGED_SERVICES_H_

#include <osevolve/policy.h>

#include "workload/machine.h"

namespace ose {

// What a policy is bound to: on a machine where services are free the plain ones, so that nothing is paid
// for what is off. Lives as long as the program.
const osevolve::OsvHost* ServicesFor(const Machine& machine);

}  // namespace ose

#endif  // OSEVOLVE_SIM_CHARGED_SERVICES_H_
