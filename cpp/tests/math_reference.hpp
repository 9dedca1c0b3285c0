#pragma once
// The functions of kernels/math.hpp and the activations in a wider type R: double judges float, long double judges
// double. Where an exponent is a rounded product it is carried with its error: exp() turns an absolute error of the
// exponent, which reaches 750, into a share of the result.

#include <cmath>
#include <limits>

namespace reference {

inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
inline constexpr double kSeluGamma = 1.0507009873554804934193349852946;

/// high + low
template <class R>
struct Pair {
  R high;
  R low;
};

template <class R>
Pair<R> product(R a, R b) {
  const R p = a * b;
  return {p, std::fma(a, b, -p)};
}
template <class R>
Pair<R> product(Pair<R> a, Pair<R> b) {
  const Pair<R> p = product(a.high, b.high);
  return {p.high, p.low + (a.high * b.low + a.low * b.high)};
}
template <class R>
Pair<R> sum(Pair<R> a, Pair<R> b) {
  const R s = a.high + b.high, part = s - a.high;
  return {s, (a.high - (s - part)) + (b.high - part) + a.low + b.low};
}

template <class R>
R exp(Pair<R> x) {
  return std::exp(x.high) * (1 + x.low);
}

/// 1 / (1 + exp(-v))
template <class R>
R logistic(Pair<R> v) {
  if (v.high < 0) {
    const R e = exp(v);
    return e / (1 + e);
  }
  return 1 / (1 + exp<R>({-v.high, -v.low}));
}

template <class R>
R sigmoid(R x) {
  return logistic<R>({x, 0});
}
template <class R>
R softplus(R x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

/// A number of 53 bits, and the rest of it.
template <class R>
Pair<R> constant(double high, long double low) {
  return {static_cast<R>(high), static_cast<R>(low)};
}
template <class R>
Pair<R> sqrt_half() {
  return constant<R>(0x1.6a09e667f3bcdp-1, -4.833646656726456518593584e-17L);
}

template <class R>
R normal_cdf(R x) {  // Phi(x) = erfc(-x / sqrt(2)) / 2
  if (std::isinf(x)) return x > 0 ? R{1} : R{0};
  const Pair<R> z = product<R>({-x, 0}, sqrt_half<R>());
  const R slope = static_cast<R>(-1.128379167095512573896158903121545172L) * std::exp(-z.high * z.high);
  return (std::erfc(z.high) + slope * z.low) / 2;
}
template <class R>
R normal_density(R x) {
  const Pair<R> square = product(x, x);
  return static_cast<R>(0.398942280401432677939946059934381868L) * exp<R>({-square.high / 2, -square.low / 2});
}

template <class R>
R gelu(R x) {
  return x < -1000 ? R(-0.0) : x * normal_cdf(x);
}
template <class R>
R gelu_derivative(R x) {
  return std::fabs(x) > 1000 ? (x > 0 ? R{1} : R{0}) : normal_cdf(x) + x * normal_density(x);
}

/// 2 sqrt(2/pi) (x + 0.044715 x^3)
template <class R>
Pair<R> gelu_tanh_argument(R x) {
  const Pair<R> c1 = constant<R>(0x1.9884533d43651p+0, -9.969308809110920314576553e-17L);
  const Pair<R> c3 = constant<R>(0x1.6e4e26d4801f7p-5, 2.196021142708559636957943e-18L);
  const Pair<R> cubic = product<R>(c3, product(x, x));
  return product<R>(product<R>(c1, {x, 0}), sum<R>({1, 0}, cubic));
}
template <class R>
R gelu_tanh(R x) {
  return std::fabs(x) > 1000 ? (x > 0 ? x : R(-0.0)) : x * logistic(gelu_tanh_argument(x));
}
template <class R>
R gelu_tanh_derivative(R x) {
  if (std::fabs(x) > 1000) return x > 0 ? R{1} : R{0};
  const R s = logistic(gelu_tanh_argument(x));
  const R c = static_cast<R>(1.595769121605730711759784239737450842L);
  return s + x * s * (1 - s) * c * (1 + 3 * static_cast<R>(0.044715L) * x * x);
}

template <class R>
R silu(R x, R alpha) {
  if (std::isinf(x)) return alpha * x > 0 ? x : std::copysign(R{0}, x);
  return x * logistic(product(alpha, x));
}
template <class R>
R silu_derivative(R x, R alpha) {
  const R v = alpha * x, s = sigmoid(v);
  return std::isinf(v) ? (v > 0 ? R{1} : R{0}) : s * (1 + v * sigmoid(-v));
}

template <class R>
R mish(R x) {
  if (x > 100) return x;
  if (std::isinf(x)) return R(-0.0);
  const R e = std::exp(x), n = e * (e + 2);
  return x * (n / (n + 2));
}
template <class R>
R mish_derivative(R x) {
  if (std::fabs(x) > 10000) return x > 0 ? R{1} : R{0};
  const R c = x < 100 ? x : 100;
  const R e = std::exp(c), n = e * (e + 2), t = n / (n + 2);
  return t + c * sigmoid(c) * 4 * (n + 1) / ((n + 2) * (n + 2));
}

template <class R>
R hard_swish(R x) {
  return x >= 3 ? x : x <= -3 ? R{0} : x * (x + 3) / 6;
}
template <class R>
R softsign(R x) {
  return std::isinf(x) ? std::copysign(R{1}, x) : x / (1 + std::fabs(x));
}

}  // namespace reference
