#include "validate/size_law.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <map>

namespace ose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Integral(const std::function<double(double)>& f, double from, double to) {
  return boost::math::quadrature::gauss_kronrod<double, 31>::integrate(f, from, to, 12, 1e-10);
}

}  // namespace

SizeLaw::SizeLaw(const Dist& dist) : kind_(dist.kind) {
  switch (dist.kind) {
    case Dist::Kind::kUniform: a_ = dist.a, b_ = dist.b; break;
    case Dist::Kind::kExponential: a_ = dist.a; break;
    case Dist::Kind::kLognormal:
      b_ = std::sqrt(std::log1p(dist.b * dist.b));
      a_ = std::log(dist.a) - b_ * b_ / 2;
      break;
    case Dist::Kind::kMix: {
      double total = 0;
      std::map<double, double> weights;
      for (size_t i = 0; i < dist.value.size(); ++i) weights[dist.value[i]] += dist.weight[i], total += dist.weight[i];
      for (auto [value, weight] : weights) atoms_.push_back({value, weight / total});
      break;
    }
    default: atoms_.push_back({dist.a, 1}); break;
  }
}

double SizeLaw::Density(double x) const {
  switch (kind_) {
    case Dist::Kind::kUniform: return x >= a_ && x <= b_ ? 1 / (b_ - a_) : 0;
    case Dist::Kind::kExponential: return std::exp(-x / a_) / a_;
    case Dist::Kind::kLognormal: {
      if (x <= 0) return 0;
      const double z = (std::log(x) - a_) / b_;
      return std::exp(-z * z / 2) / (x * b_ * std::sqrt(2 * M_PI));
    }
    default: return 0;
  }
}

double SizeLaw::DensityMoment(int k, double x) const {
  if (x <= 0) return 0;
  switch (kind_) {
    case Dist::Kind::kUniform: {
      const double to = std::clamp(x, a_, b_);
      return (std::pow(to, k + 1) - std::pow(a_, k + 1)) / ((k + 1) * (b_ - a_));
    }
    case Dist::Kind::kExponential: return PowerOf(a_, k) * std::tgamma(k + 1) * (x == kInfinity ? 1 : boost::math::gamma_p(k + 1, x / a_));
    case Dist::Kind::kLognormal: {
      const double all = std::exp(k * a_ + k * k * b_ * b_ / 2);
      return x == kInfinity ? all : all * boost::math::cdf(boost::math::normal(), (std::log(x) - a_) / b_ - k * b_);
    }
    default: return 0;
  }
}

double SizeLaw::Moment(int k) const { return PartialMoment(k, kInfinity); }

double SizeLaw::PartialMoment(int k, double x) const {
  double sum = atoms_.empty() ? DensityMoment(k, x) : 0;
  for (auto [size, probability] : atoms_)
    if (size <= x) sum += PowerOf(size, k) * probability;
  return sum;
}

double SizeLaw::PartialBelow(int k, double x) const {
  double sum = PartialMoment(k, x);
  for (auto [size, probability] : atoms_)
    if (size == x) sum -= PowerOf(size, k) * probability;
  return sum;
}

double SizeLaw::Tail(double x) const {
  if (atoms_.empty() && kind_ == Dist::Kind::kExponential) return std::exp(-x / a_);
  return std::max(0.0, 1 - PartialMoment(0, x));
}

double SizeLaw::MeanInverse() const {
  if (atoms_.empty() && (kind_ == Dist::Kind::kExponential || (kind_ == Dist::Kind::kUniform && a_ <= 0))) return kInfinity;
  return Expect([](double x) { return 1 / x; });
}

double SizeLaw::SquaredVariation() const { return Moment(2) / (Mean() * Mean()) - 1; }

double SizeLaw::Expect(const std::function<double(double)>& g) const {
  double sum = 0;
  for (auto [size, probability] : atoms_) sum += probability * g(size);
  if (!atoms_.empty()) return sum;
  // In pieces that the density varies over, rather than over the infinite range at once.
  auto f = [&](double x) { return Density(x) * g(x); };
  if (kind_ == Dist::Kind::kUniform) return Integral(f, a_, b_);
  if (kind_ == Dist::Kind::kExponential) {
    double from = 0;
    for (double to : {1.0, 4.0, 12.0, 40.0}) sum += Integral(f, from * a_, to * a_), from = to;
    return sum;
  }
  auto of_z = [&](double z) { return std::exp(-z * z / 2) / std::sqrt(2 * M_PI) * g(std::exp(a_ + b_ * z)); };
  for (int z = -9; z < 12; z += 3) sum += Integral(of_z, z, z + 3);
  return sum;
}

}  // namespace ose
