// The services of policy.h on the simulated kernel, with Machine::service's costs charged for each call. A
// kernel on whose machine services are free binds its policy to the plain ones instead, so that nothing
// is paid for what is off.
#ifndef OSEVOLVE_SIM_CHARGED_SERVICES_H_
#define OSEVOLVE_SIM_CHARGED_SERVICES_H_

#include <osevolve/policy.h>

namespace ose {

extern const osevolve::OsvHost kChargedServices;

}  // namespace ose

#endif  // OSEVOLVE_SIM_CHARGED_SERVICES_H_
