// Estimate: the mean of replications with its standard error, plain or with control variates.
#ifndef OSEVOLVE_VALIDATE_ESTIMATE_H_
#define OSEVOLVE_VALIDATE_ESTIMATE_H_

#include <vector>

#include "core/stats.h"

namespace ose {

struct Estimate {
  double mean = 0, error = 0;  // standard error
  double freedom = 0;          // degrees of freedom of Student's t
  Interval At(double confidence) const;
  double PValue(double reference) const;  // two-sided, of a true mean of `reference`
};

// `controls[i]` belongs to `samples[i]`: quantities of the same replication whose expectation is exactly 0.
// The estimate is the intercept of the least-squares fit of the samples on them (S. Lavenberg, P. Welch, A
// perspective on the use of control variables to increase the efficiency of Monte Carlo simulations,
// Management Science 27(3), 1981): what is explained by a load that happened to be high or low is no longer
// noise. No controls: the plain mean. Precondition: more samples than controls + 1.
Estimate EstimateMean(const std::vector<double>& samples, const std::vector<std::vector<double>>& controls = {});

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_ESTIMATE_H_
