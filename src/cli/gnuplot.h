// Draws charts with gnuplot, in a process of its own.
#ifndef OSEVOLVE_CLI_GNUPLOT_H_
#define OSEVOLVE_CLI_GNUPLOT_H_

#include <string>

#include "base/result.h"
#include "report/chart.h"

namespace ose {

// The SVG; equal charts and versions of gnuplot give equal bytes. kExitFailure when there is no gnuplot.
Result<std::string> DrawSvg(const Chart& chart);

}  // namespace ose

#endif  // OSEVOLVE_CLI_GNUPLOT_H_
