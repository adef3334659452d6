// SizeLaw: what the formulas of queueing.h need to know about the distribution of job sizes, exactly:
// a sum over atoms plus integrals of a density (quadrature and special functions from Boost.Math).
// Times are in the unit of the Dist that it is made of. Immutable.
#ifndef OSEVOLVE_VALIDATE_SIZE_LAW_H_
#define OSEVOLVE_VALIDATE_SIZE_LAW_H_

#include <functional>
#include <utility>
#include <vector>

#include "workload/workload.h"

namespace ose {

class SizeLaw {
 public:
  // Precondition: not Pareto, whose moments need not exist.
  explicit SizeLaw(const Dist& dist);

  double Mean() const { return Moment(1); }
  double Moment(int k) const;                    // E[S^k], k = 0, 1, 2
  double PartialMoment(int k, double x) const;   // E[S^k; S <= x]
  double PartialBelow(int k, double x) const;    // E[S^k; S < x]
  double Tail(double x) const;                   // P(S > x)
  double MinMoment(int k, double x) const { return PartialMoment(k, x) + PowerOf(x, k) * Tail(x); }  // E[min(S, x)^k]
  double MeanInverse() const;                    // E[1/S], infinite if the density at 0 is positive
  double SquaredVariation() const;               // Var(S) / E[S]^2

  // E[g(S)] to about ten digits, for g smooth but at atoms.
  double Expect(const std::function<double(double)>& g) const;
  // The sizes of positive probability, ascending.
  const std::vector<std::pair<double, double>>& atoms() const { return atoms_; }

 private:
  static double PowerOf(double x, int k) { return k == 0 ? 1 : k == 1 ? x : x * x; }
  double Density(double x) const;
  double DensityMoment(int k, double x) const;  // of the part with a density

  std::vector<std::pair<double, double>> atoms_;  // size, probability
  Dist::Kind kind_;                               // of the density, when there are no atoms
  double a_ = 0, b_ = 0;                          // uniform: range; exponential: mean; lognormal: mu, sigma
};

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_SIZE_LAW_H_
