// ScaleWork: the same workload on a faster or slower processor.
#ifndef OSEVOLVE_WORKLOAD_SCALE_WORK_H_
#define OSEVOLVE_WORKLOAD_SCALE_WORK_H_

#include "workload/workload.h"

namespace ose {

// `dist` with its times (not its shape) multiplied.
Dist Scaled(Dist dist, double factor);

// Every run operation takes `factor` times as long, constant or drawn; what a task waits for stays as it is.
// Precondition: factor > 0.
Workload ScaleWork(Workload workload, double factor);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SCALE_WORK_H_
