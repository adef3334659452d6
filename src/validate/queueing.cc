#include "validate/queueing.h"

#include <algorithm>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>

namespace ose {
namespace {

// The integral of dt / (1 - lambda E[S; S <= t]) from 0 to x: how long a job of size x, once begun, takes
// under SRPT. The load of a mix is a step function.
double SrptResidence(double lambda, const SizeLaw& sizes, double x) {
  auto f = [&](double t) { return 1 / (1 - lambda * sizes.PartialMoment(1, t)); };
  if (sizes.atoms().empty()) return boost::math::quadrature::gauss_kronrod<double, 15>::integrate(f, 0.0, x, 12, 1e-10);
  double sum = 0, from = 0;
  for (auto [size, probability] : sizes.atoms()) {
    const double to = std::min(size, x);
    if (to > from) sum += (to - from) * f(from);
    from = std::max(from, to);
  }
  return sum + (x > from ? (x - from) * f(from) : 0);
}

}  // namespace

double ErlangC(int servers, double offered) {
  double b = 1;  // Erlang B of n servers
  for (int n = 1; n <= servers; ++n) b = offered * b / (n + offered * b);
  const double load = offered / servers;
  return b / (1 - load * (1 - b));
}

double MMk::MeanWait() const { return WaitProbability() / (servers / mean - lambda); }

double MMk::WaitExceeds(double t) const { return WaitProbability() * std::exp(-(servers / mean - lambda) * t); }

double MMk::WaitQuantile(double p) const {
  return std::max(0.0, std::log(WaitProbability() / (1 - p)) / (servers / mean - lambda));
}

double MM1ResponseQuantile(double lambda, double mean, double p) { return -std::log1p(-p) / (1 / mean - lambda); }

double PollaczekKhinchineWait(double lambda, const SizeLaw& sizes) {
  return lambda * sizes.Moment(2) / (2 * (1 - lambda * sizes.Mean()));
}

double FcfsResponse(double lambda, const SizeLaw& sizes) { return sizes.Mean() + PollaczekKhinchineWait(lambda, sizes); }

double FcfsSlowdown(double lambda, const SizeLaw& sizes) { return 1 + PollaczekKhinchineWait(lambda, sizes) * sizes.MeanInverse(); }

double SharingSlowdown(int servers, double load) { return 1 + ErlangC(servers, load * servers) / (servers * (1 - load)); }

double SrptResponse(double lambda, const SizeLaw& sizes, double x) {
  const double below = 1 - lambda * sizes.PartialBelow(1, x), upto = 1 - lambda * sizes.PartialMoment(1, x);
  const double wait = lambda * (sizes.PartialMoment(2, x) + x * x * sizes.Tail(x)) / (2 * below * upto);
  return wait + SrptResidence(lambda, sizes, x);
}

double SrptMeanResponse(double lambda, const SizeLaw& sizes) {
  return sizes.Expect([&](double x) { return SrptResponse(lambda, sizes, x); });
}

double SrptMeanSlowdown(double lambda, const SizeLaw& sizes) {
  return sizes.Expect([&](double x) { return SrptResponse(lambda, sizes, x) / x; });
}

double LasResponse(double lambda, const SizeLaw& sizes, double x) {
  const double idle = 1 - lambda * sizes.MinMoment(1, x);
  return lambda * sizes.MinMoment(2, x) / (2 * idle * idle) + x / idle;
}

double LasMeanResponse(double lambda, const SizeLaw& sizes) {
  return sizes.Expect([&](double x) { return LasResponse(lambda, sizes, x); });
}

double LasMeanSlowdown(double lambda, const SizeLaw& sizes) {
  return sizes.Expect([&](double x) { return LasResponse(lambda, sizes, x) / x; });
}

double PriorityWait(std::span<const PriorityClass> classes, size_t which) {
  double residual = 0, load = 0, above = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    residual += classes[i].lambda * classes[i].sizes.Moment(2) / 2;
    if (i < which) above += classes[i].lambda * classes[i].sizes.Mean();
    if (i <= which) load += classes[i].lambda * classes[i].sizes.Mean();
  }
  return residual / ((1 - above) * (1 - load));
}

double QuantumCapacity(int servers, const SizeLaw& sizes, double quantum, double preemption, double dispatch) {
  const double preemptions = sizes.Expect([&](double x) { return std::ceil(x / quantum) - 1; });
  return servers / (sizes.Mean() + dispatch + preemption * preemptions);
}

}  // namespace ose
