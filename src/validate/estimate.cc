#include "validate/estimate.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace ose {
namespace {

using Column = std::vector<double>;

double Dot(const Column& a, const Column& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Takes what `basis` (orthogonal columns) explains out of x.
Column Residual(Column x, const std::vector<Column>& basis) {
  for (const Column& b : basis) {
    const double share = Dot(x, b) / Dot(b, b);
    for (size_t i = 0; i < x.size(); ++i) x[i] -= share * b[i];
  }
  return x;
}

}  // namespace

Interval Estimate::At(double confidence) const {
  if (!(error > 0)) return {mean, mean, mean};
  const double half = error * boost::math::quantile(boost::math::complement(boost::math::students_t(freedom), (1 - confidence) / 2));
  return {mean, mean - half, mean + half};
}

double Estimate::PValue(double reference) const {
  const double off = std::fabs(mean - reference);
  if (!(error > 0)) return off == 0 ? 1 : 0;
  return 2 * boost::math::cdf(boost::math::complement(boost::math::students_t(freedom), off / error));
}

Estimate EstimateMean(const std::vector<double>& samples, const std::vector<std::vector<double>>& controls) {
  // Gram-Schmidt with the column of ones last, so that its coefficient is the intercept at controls of 0.
  const size_t n = samples.size(), q = controls.empty() ? 0 : controls[0].size();
  std::vector<Column> basis;
  for (size_t j = 0; j < q; ++j) {
    Column x(n);
    for (size_t i = 0; i < n; ++i) x[i] = controls[i][j];
    const double size = Dot(x, x);
    x = Residual(std::move(x), basis);
    if (Dot(x, x) > 1e-12 * size) basis.push_back(std::move(x));  // else it says nothing new
  }
  Column ones = Residual(Column(n, 1), basis);
  Estimate e;
  e.mean = Dot(ones, samples) / Dot(ones, ones);
  e.freedom = static_cast<double>(n - 1 - basis.size());
  const double explained = Dot(ones, ones);
  basis.push_back(std::move(ones));
  const Column rest = Residual(samples, basis);
  e.error = std::sqrt(Dot(rest, rest) / e.freedom / explained);
  // Rounding in equal numbers is no uncertainty.
  if (e.error < 1e-13 * std::fabs(e.mean)) e.error = 0;
  return e;
}

}  // namespace ose
