// The services of policy.h on the simulated kernel, with Machine::service's costs charged for each call.
#ifndef OSEVOLVE_SIM_CHARGED_SERVICES_H_
#define OSEVOLVE_SIM_CHARGED_SERVICES_H_

#include <osevolve/policy.h>

#include "workload/machine.h"

namespace ose {

extern const osevolve::OsvHost kChargedServices;
// On such a machine a policy is bound to the plain ones, so that nothing is paid for what is off.
bool ServicesAreFree(const Machine& machine);

}  // namespace ose

#endif  // OSEVOLVE_SIM_CHARGED_SERVICES_H_
