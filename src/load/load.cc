#include "load/load.h"

#include "load/run.h"

namespace ose {

Result<LoadResult> RunLoad(const Workload& workload, const LoadOptions& options) {
  LoadRun run(workload, options);
  return run.Go();
}

}  // namespace ose
