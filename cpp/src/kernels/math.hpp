#pragma once
// Vector mathematics: y = g(x) for every lane of a register of float or double, one template for both. No tables and no
// branches (but one around log's special values); no wider type (but for softplus of floats): where a result needs more
// than T holds it is carried as high + low, |low| <= ulp(high) or so. Subnormal results are rounded, not flushed; NaN,
// infinities and the sign of zero come out as the function has them; AVX2 and AVX-512 give the same bits. The errors
// that are promised: accuracy.inc; test_math.cpp holds the code to it. The float functions that must be monotone are,
// over all 2^32 inputs and on every instruction set: exp, expm1, log, log1p, erf, tanh, sigmoid, softplus.

#include "kernels/math_coefficients.hpp"
#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
using Coef = Coefficients<T>;

/// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
template <class T, std::size_t I = 0, std::size_t N>
NNFAST_INLINE vec<T> polynomial(vec<T> x, const T (&c)[N]) {
  if constexpr (I + 1 == N) {
    return broadcast(c[I]);
  } else {
    return fma(polynomial<T, I + 1>(x, c), x, broadcast(c[I]));
  }
}

/// A value as an unevaluated sum.
template <class T>
struct Sum {
  vec<T> high;
  vec<T> low;
};

/// a + b without error, where |a| >= |b| or a == 0 (Dekker 1971).
template <class T>
NNFAST_INLINE Sum<T> fast_two_sum(vec<T> a, vec<T> b) {
  const vec<T> s = a + b;
  return {s, b - (s - a)};
}

/// a b without error, barring overflow (without FMA also of 2^13 a or 2^28 a) and underflow.
template <class T>
NNFAST_INLINE Sum<T> two_product(vec<T> a, vec<T> b) {
  const vec<T> p = a * b;
  if constexpr (kHasFma) {
    return {p, fma(a, b, -p)};
  } else {
    constexpr T kSplit = sizeof(T) == 4 ? 4097 : 134217729;
    const vec<T> ca = a * kSplit, ah = ca - (ca - a), al = a - ah;
    const vec<T> cb = b * kSplit, bh = cb - (cb - b), bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
  }
}

/// a b - c for a b close to c, rounded once at most.
template <class T>
NNFAST_INLINE vec<T> excess(vec<T> a, vec<T> b, T c) {
  if constexpr (kHasFma) {
    return fma(a, b, broadcast(-c));
  } else {
    const auto p = two_product<T>(a, b);
    return (p.high - c) + p.low;
  }
}

/// exp(x) = 2^k (1 + high + low): `high` is exact, so that sums with it can be corrected, and low the small rest.
template <class T>
struct ExpParts {
  vec<T> k;
  vec<T> high;
  vec<T> low;
  NNFAST_INLINE vec<T> fraction() const { return high + low; }  // exp(x) / 2^k - 1
};

/// exp(x + x_low) for |x| < 2^21 (its result may overflow: see scale). Cody and Waite's reduction by k ln(2). With
/// kSign = -1 the other sign of k is returned. c is kExp or kExpm1.
template <class T, int kSign, std::size_t N>
NNFAST_INLINE ExpParts<T> exp_parts(vec<T> x, vec<T> x_low, const T (&c)[N]) {
  constexpr T kLog2e = kSign * Coef<T>::kLog2e, kLn2High = kSign * Coef<T>::kLn2High,
              kLn2Low = kSign * Coef<T>::kLn2Low;
  const vec<T> k = fma(x, broadcast(kLog2e), broadcast(Format<T>::kRound)) - Format<T>::kRound;
  const vec<T> high = fma(k, broadcast(-kLn2High), x), low = fma(k, broadcast(-kLn2Low), x_low);
  const vec<T> r = high + low, z = r * r;
  if constexpr (kHasFma) {
    return {k, high, fma(z, polynomial<T>(r, c), low)};
  } else {  // one rounding at the size of r^2 / 2 instead of two
    return {k, high, z * c[0] + ((z * r) * polynomial<T, 1>(r, c) + low)};
  }
}
template <class T>
NNFAST_INLINE ExpParts<T> exp_parts(vec<T> x, vec<T> x_low) {
  return exp_parts<T, 1>(x, x_low, Coef<T>::kExp);
}
template <class T>
NNFAST_INLINE ExpParts<T> exp_parts(vec<T> x) {
  return exp_parts<T>(x, vec<T>{});
}
/// exp(x + x_low) = 2^-k (1 + high + low)
template <class T>
NNFAST_INLINE ExpParts<T> exp_parts_negated(vec<T> x, vec<T> x_low) {
  return exp_parts<T, -1>(x, x_low, Coef<T>::kExp);
}

/// Where exp leaves the type's range, with room: exp(kExpLow) rounds to 0, exp(kExpHigh) to infinity.
template <class T>
inline constexpr T kExpLow = sizeof(T) == 4 ? -104 : -746;
template <class T>
inline constexpr T kExpHigh = sizeof(T) == 4 ? 89 : 710;

template <class T>
NNFAST_INLINE vec<T> exp_of(vec<T> x) {
  const auto e = exp_parts<T>(at_most(at_least(x, kExpLow<T>), kExpHigh<T>));
  return scale<T>(1 + e.fraction(), e.k);
}

/// exp(x) for x <= 0, in three operations less than exp_of.
template <class T>
NNFAST_INLINE vec<T> exp_nonpositive(vec<T> x) {
  const vec<T> c = at_least(x, kExpLow<T>);
  const vec<T> k = fma(c, broadcast(Coef<T>::kLog2e), broadcast(Format<T>::kRound)) - Format<T>::kRound;
  const vec<T> r = fma(k, broadcast(-Coef<T>::kLn2Low), fma(k, broadcast(-Coef<T>::kLn2High), c));
  const vec<T> one = broadcast(T{1});
  return scale<T>(fma(fma(polynomial<T>(r, Coef<T>::kExp), r, one), r, one), k);
}

/// exp(x) - 1 as a sum, for x <= kExpHigh.
template <class T>
NNFAST_INLINE Sum<T> expm1_sum(vec<T> x, vec<T> x_low) {
  // Below -20 (-40) it is -1, and 2^-k stays small enough to be a number.
  const auto e = exp_parts<T, 1>(at_least(x, T{sizeof(T) == 4 ? -20 : -40}), x_low, Coef<T>::kExpm1);
  // 2^k (1 + h + l) - 1 = 2^k ((1 - 2^-k) + h + l), where 1 - 2^-k is 0 or larger than h.
  const vec<T> minus_k = e.k < 100 ? -e.k : vec<T>{} - 100;  // NaN too: pow2(NaN) is anything
  const auto one = fast_two_sum<T>(broadcast(T{1}), -pow2<T>(minus_k));
  const auto s = fast_two_sum<T>(one.high, e.high);
  const auto t = fast_two_sum<T>(s.high, e.low + (s.low + one.low));
  return {scale<T>(t.high, e.k), scale<T>(t.low, e.k)};
}

template <class T>
NNFAST_INLINE vec<T> expm1_of(vec<T> x) {
  // The sign of zero is lost in the sum.
  return with_sign(expm1_sum<T>(at_most(x, kExpHigh<T>), vec<T>{}).high, x);
}

/// log(1 + f) - f for sqrt(1/2) <= 1 + f <= sqrt(2), by s = f / (2 + f) as in fdlibm: s (f^2/2 + R(s)) - f^2/2.
template <class T>
NNFAST_INLINE vec<T> log1p_minus(vec<T> f) {
  const vec<T> s = f / (2 + f), z = s * s, half_square = f * (f * T{0.5});
  return fma(s, fma(z, polynomial<T>(z, Coef<T>::kLog), half_square), -half_square);
}

/// k ln(2) + log(1 + f)
template <class T>
NNFAST_INLINE vec<T> log_sum(vec<T> k, vec<T> f, vec<T> low) {
  const auto sum = fast_two_sum<T>(k * Coef<T>::kLn2High, f);
  return sum.high + (sum.low + fma(k, broadcast(Coef<T>::kLn2Low), low));
}
template <class T>
NNFAST_INLINE vec<T> log_sum(vec<T> k, vec<T> f) {
  return log_sum<T>(k, f, log1p_minus<T>(f));
}
/// k ln(2) + log(1 + f + f_low), |f_low| <= ulp(1 + f): it adds f_low / (1 + f), about f_low (1 - f + f^2).
template <class T>
NNFAST_INLINE vec<T> log_sum_low(vec<T> k, vec<T> f, vec<T> f_low) {
  return log_sum<T>(k, f, fma(f_low, fma(f, f - 1, broadcast(T{1})), log1p_minus<T>(f)));
}

/// x = 2^k m, sqrt(1/2) <= m < sqrt(2), for positive normal x.
template <class T>
struct Split {
  vec<T> k;
  vec<T> m;
};
template <class T>
NNFAST_INLINE Split<T> split(vec<T> x) {
  using F = Format<T>;
  using Bits = typename VecTraits<T>::uscalar;
  constexpr Bits kMantissa = (Bits{1} << F::kMantissaBits) - 1;
  constexpr Bits kSqrtHalf = sizeof(T) == 4 ? Bits{0x3f3504f3U} : static_cast<Bits>(0x3fe6a09e667f3bcdU);
  // 2^23 (2^52) with the exponent in its lowest bits, less 2^23: an integer becomes T.
  constexpr Bits kInteger = F::kRoundBits & ~kMantissa;
  constexpr T kOffset = F::kRound / T{1.5} + F::kBias;
  const auto i = to_bits(x) + (F::kOne - kSqrtHalf);
  return {from_bits((i >> F::kMantissaBits) | kInteger) - kOffset, from_bits((i & kMantissa) + kSqrtHalf)};
}

template <class T>
NNFAST_INLINE vec<T> log_of(vec<T> x) {
  using F = Format<T>;
  const auto special = (x < F::kMinNormal) | !(x < F::kInfinity);
  if (!any(special)) [[likely]] {
    const auto u = split<T>(x);
    return log_sum<T>(u.k, u.m - 1);
  }
  const auto tiny = x < F::kMinNormal;
  const auto u = split<T>(tiny ? x * (T{1} / Coef<T>::kEpsilon) : x);
  const vec<T> y = log_sum<T>(tiny ? u.k + Coef<T>::kLog2Epsilon : u.k, u.m - 1);
  const vec<T> infinite = broadcast(F::kInfinity);
  return x > 0 ? (x < infinite ? y : x) : (x == 0 ? -infinite : infinite - infinite);
}

template <class T>
NNFAST_INLINE vec<T> log1p_of(vec<T> x) {
  const vec<T> u = 1 + x;
  const vec<T> u_low = x < 1 ? x - (u - 1) : 1 - (u - x);
  const auto parts = split<T>(u);
  // Where k is 0, x itself is known better than u - 1.
  const auto near = parts.k == 0;
  const vec<T> f = near ? x : parts.m - 1;
  const vec<T> f_low = near ? vec<T>{} : u_low * pow2<T>(at_least(-parts.k, T{2 - Format<T>::kBias}));
  const vec<T> y = with_sign(log_sum_low<T>(parts.k, f, f_low), x);  // the sign of zero is lost in the sum
  const vec<T> infinite = broadcast(Format<T>::kInfinity);
  return x > -1 ? (x < infinite ? y : x) : (x == -1 ? -infinite : infinite - infinite);
}

/// tanh: its odd polynomial below 1; above, 1 - 2 / (exp(2 x) + 1), where an error of the quotient counts a quarter, so
/// that its exponent is reduced in one step where a fused product allows it.
template <class T>
NNFAST_INLINE vec<T> tanh_of(vec<T> x) {
  const vec<T> a = at_most(abs(x), T{sizeof(T) == 4 ? 10 : 20});
  const vec<T> z = a * a;
  const vec<T> small = fma(z * polynomial<T>(z, Coef<T>::kTanh), a, a);
  // 2 a = 2 r - k ln(2), so 2 / (exp(2 a) + 1) = p / ((p + 1) / 2 + expm1(2 r) / 2), p = 2^k
  const vec<T> k = fma(a, broadcast(-2 * Coef<T>::kLog2e), broadcast(Format<T>::kRound)) - Format<T>::kRound;
  vec<T> q;  // expm1(2 r) / 2
  if constexpr (kHasFma) {
    const vec<T> r = fma(k, broadcast(Coef<T>::kHalfLn2), a);
    q = fma(r * r, polynomial<T>(r, Coef<T>::kTanhExp), r);
  } else {
    const auto e = exp_parts_negated<T>(a + a, vec<T>{});
    q = e.fraction() * T{0.5};
  }
  const vec<T> p = pow2<T>(k), half = broadcast(T{0.5});
  const vec<T> large = 1 - p / (fma(p, half, half) + q);
  constexpr T kEdge = kHasFma ? T{1} : T{0.8125};  // without FMA the polynomial's roundings take steps back from 0.9 on
  return with_sign(a < kEdge ? small : large, x);
}

/// 1 / (1 + exp(b + b_low)) = 2^k / (1 + p + q), p = 2^k (see pow2_beside_one), for b >= 0.
template <class T>
struct Logistic {
  vec<T> k;
  vec<T> p;
  vec<T> q;
};
template <class T, class Reduce>
NNFAST_INLINE Logistic<T> logistic(vec<T> b, vec<T> b_low, Reduce reduce) {
  if constexpr (kHasFma) {
    const vec<T> k = fma(b, broadcast(-Coef<T>::kLog2e), broadcast(Format<T>::kRound)) - Format<T>::kRound;
    const vec<T> r = reduce(k, broadcast(Coef<T>::kLn2High), broadcast(Coef<T>::kLn2Low));
    return {k, pow2_beside_one<T>(k), fma(r * r, polynomial<T>(r, Coef<T>::kExp), r)};
  } else {
    const auto e = exp_parts_negated<T>(b, b_low);
    return {e.k, pow2_beside_one<T>(e.k), e.fraction()};
  }
}
template <class T>
NNFAST_INLINE Logistic<T> logistic(vec<T> b) {
  return logistic<T>(b, vec<T>{},
                     [b](vec<T> k, vec<T> high, vec<T> low) NNFAST_LAMBDA { return fma(k, low, fma(k, high, b)); });
}
template <class T>
NNFAST_INLINE Logistic<T> logistic(vec<T> b, vec<T> b_low) {
  return logistic<T>(b, b_low, [b, b_low](vec<T> k, vec<T> high, vec<T> low) NNFAST_LAMBDA {
    return fma(k, high, b) + fma(k, low, b_low);
  });
}

/// 1 / (1 + exp(-x)), for x > 0 as 1 - sigmoid(-x). The divisor's rounding would count up to 1 ULP next to 1 and is
/// taken back: 1 / (d + d_low) = 1/d - d_low/d^2.
template <class T>
NNFAST_INLINE vec<T> sigmoid_of(vec<T> x) {
  const auto l = logistic<T>(at_most(abs(x), -kExpLow<T>));
  const vec<T> d = (1 + l.p) + l.q, d_low = ((1 - d) + l.p) + l.q;
  const vec<T> t = 1 / d, s = scale<T>(fma(-fma(t, d_low, excess<T>(t, d, T{1})), t, t), l.k);
  return x > 0 ? 1 - s : s;
}

/// x sigmoid(-b), given l = logistic(b)
template <class T>
NNFAST_INLINE vec<T> silu_tail(vec<T> x, const Logistic<T>& l) {
  const vec<T> one = 1 + l.p, d = one + (l.q + ((1 - one) + l.p));
  return scale<T>(x / d, l.k);
}
/// x exp(-b) is 0 (next to x for the other side) before b = 173 (1418), where scale() ends, unless |alpha| < 1e-35.
template <class T>
inline constexpr T kSiluMost = sizeof(T) == 4 ? 173 : 1418;

/// x sigmoid(x): on the left by one division, on the right as x - x sigmoid(-x).
template <class T>
NNFAST_INLINE vec<T> silu_of(vec<T> x) {
  const vec<T> b = abs(x), g = b > kSiluMost<T> ? vec<T>{} : silu_tail<T>(x, logistic<T>(at_most(b, kSiluMost<T>)));
  return x > 0 ? x - g : with_sign(g, x);
}
/// x sigmoid(alpha x), by twice the precision of T in alpha x.
template <class T>
NNFAST_INLINE vec<T> silu_of(vec<T> x, vec<T> alpha) {
  const auto v = two_product<T>(alpha, x);
  const vec<T> b = abs(v.high);
  const vec<T> b_low = abs(v.low) < 1 ? (v.high < 0 ? -v.low : v.low) : vec<T>{};  // also where it is not known
  const auto l = logistic<T>(at_most(b, kSiluMost<T>), b_low);
  const vec<T> g = b > kSiluMost<T> ? vec<T>{} : silu_tail<T>(x, l);
  return v.high > 0 ? x - g : with_sign(g, x);
}

/// Softplus of float lanes held as doubles, to about 2^-29. A sum of two floats cannot grow without a step back while
/// its parts round on their own; in double it does (0 steps back over all floats), and costs less than carrying lows.
NNFAST_INLINE f64v softplus_wide(f64v x) {
  using C = Coef<double>;
  const f64v a = at_least(-abs(x), -110.0);
  const f64v k = fma(a, broadcast(C::kLog2e), broadcast(Format<double>::kRound)) - Format<double>::kRound;
  const f64v r = fma(k, broadcast(-(C::kLn2High + C::kLn2Low)), a);
  const f64v e = polynomial<double>(r, C::kWideExp) * pow2<double>(k);
  return at_least(x, 0.0) + e * polynomial<double>(e, C::kWideLog1p);
}

/// max(x, 0) + log(1 + exp(-|x|)).
template <class T>
NNFAST_INLINE vec<T> softplus_of(vec<T> x) {
  if constexpr (sizeof(T) == 4) {
    return narrow(softplus_wide(widen_low(x)), softplus_wide(widen_high(x)));
  } else {
    const auto parts = exp_parts<T>(at_least(-abs(x), kExpLow<T>));
    const auto h = fast_two_sum<T>(broadcast(T{1}), parts.high);
    const auto p = fast_two_sum<T>(h.high, h.low + parts.low);
    const vec<T> e = scale<T>(p.high, parts.k), e_low = scale<T>(p.low, parts.k);
    // 1 + e = u + u_low lies in 1..2: from sqrt(2) up it is halved.
    const vec<T> u = 1 + e, u_low = (e - (u - 1)) + e_low;
    const auto near = u < Coef<T>::kSqrt2;
    const vec<T> y =
        log_sum_low<T>(near ? vec<T>{} : vec<T>{} + 1, near ? e : u * T{0.5} - 1, near ? e_low : u_low * T{0.5});
    return x > 0 ? x + y : y;
  }
}

/// exp(-a^2/2) = 2^k (1 + fraction), 0 <= a <= 15 (40): the square's error counts, a^2 reaches 225 (1600).
template <class T>
NNFAST_INLINE ExpParts<T> exp_half_square(vec<T> a) {
  const auto square = two_product<T>(a, a);
  return exp_parts<T>(square.high * T{-0.5}, square.low * T{-0.5});
}

/// Phi(-a) exp(a^2/2) = m / (a + 4) = m v / a. The polynomial's argument is taken from v, whose error is a share of a:
/// the slope is steepest at 0.
template <class T>
struct Mills {
  vec<T> m;
  vec<T> v;
};
template <class T>
NNFAST_INLINE Mills<T> mills(vec<T> a) {
  const vec<T> v = a / (a + Coef<T>::kMillsShift);
  return {polynomial<T>(fma(v, broadcast(T{2}), broadcast(-Coef<T>::kMillsCenter)), Coef<T>::kMills), v};
}
/// Beyond it x Phi(x) is 0.
template <class T>
inline constexpr T kGeluMost = sizeof(T) == 4 ? 15 : 40;

/// erf: its odd polynomial below 0.875, 1 - exp(P(x)) above.
template <class T>
NNFAST_INLINE vec<T> erf_of(vec<T> x) {
  const vec<T> a = at_most(abs(x), T{sizeof(T) == 4 ? 4 : 6});
  const vec<T> small = fma(polynomial<T>(a * a, Coef<T>::kErf), a, a);
  const auto e = exp_parts<T>(polynomial<T>(a - 1, Coef<T>::kErfTail));
  const vec<T> p = pow2<T>(e.k);
  const vec<T> large = (1 - p) - p * e.fraction();
  return with_sign(a < T{0.875} ? small : large, x);
}

/// x Phi(x): g = a Phi(-a) for a = |x|, then -g or x - g.
template <class T>
NNFAST_INLINE vec<T> gelu_of(vec<T> x) {
  const vec<T> a = at_most(abs(x), kGeluMost<T>);
  const auto e = exp_half_square<T>(a);
  const auto w = mills<T>(a);
  const vec<T> g = scale<T>(fma(w.m, e.fraction(), w.m) * w.v, e.k);
  return x > 0 ? x - g : with_sign(g, x);
}
/// Phi(x) + x phi(x); on the left exp(-a^2/2) (mills(a) - a / sqrt(2 pi)), and the two sides add up to 1.
template <class T>
NNFAST_INLINE vec<T> gelu_derivative(vec<T> x) {
  const vec<T> a = at_most(abs(x), kGeluMost<T>);
  const auto e = exp_half_square<T>(a);
  const auto w = mills<T>(a);
  const vec<T> d = (w.m / (a + Coef<T>::kMillsShift) - a * Coef<T>::kInvSqrt2Pi) * (1 + e.fraction());
  const vec<T> left = scale<T>(d, e.k);
  return x > 0 ? 1 - left : left;
}

/// 2 sqrt(2/pi) (a + 0.044715 a^3) to twice T's precision: it reaches 113 (800) and is an exponent.
template <class T>
NNFAST_INLINE Sum<T> gelu_tanh_argument(vec<T> a) {
  const auto square = two_product<T>(a, a);
  const auto cube = two_product<T>(square.high, broadcast(Coef<T>::kGelu3));
  const vec<T> cube_low = cube.low + (square.high * Coef<T>::kGelu3Low + square.low * Coef<T>::kGelu3);
  // Two sums of unordered terms (Knuth).
  const vec<T> s = cube.high + Coef<T>::kGelu1, part = s - cube.high;
  const vec<T> s_low = ((cube.high - (s - part)) + (Coef<T>::kGelu1 - part)) + (cube_low + Coef<T>::kGelu1Low);
  const auto w = two_product<T>(a, s);
  return fast_two_sum<T>(w.high, w.low + a * s_low);
}
template <class T>
inline constexpr T kGeluTanhMost = sizeof(T) == 4 ? 11 : 22;

/// x sigmoid(w): a sigmoid(-w) for a = |x|, then as gelu.
template <class T>
NNFAST_INLINE vec<T> gelu_tanh_of(vec<T> x) {
  const vec<T> a = at_most(abs(x), kGeluTanhMost<T>);
  const auto w = gelu_tanh_argument<T>(a);
  const auto l = logistic<T>(w.high, w.low);
  const vec<T> g = scale<T>(a / ((1 + l.p) + l.q), l.k);
  return x > 0 ? x - g : with_sign(g, x);
}
/// s + x s (1 - s) w'(x), s = sigmoid(w(x)); the two sides add up to 1.
template <class T>
NNFAST_INLINE vec<T> gelu_tanh_derivative(vec<T> x) {
  const vec<T> a = at_most(abs(x), kGeluTanhMost<T>);
  const auto w = gelu_tanh_argument<T>(a);
  const auto l = logistic<T>(w.high, w.low);
  const vec<T> t = 1 / ((1 + l.p) + l.q), s = scale<T>(t, l.k);
  const vec<T> slope = a * fma(a * a, broadcast(3 * Coef<T>::kGelu3), broadcast(Coef<T>::kGelu1));
  const vec<T> d = scale<T>(t * (1 - slope * (1 - s)), l.k);
  return x > 0 ? 1 - d : d;
}

/// sigmoid(v) (1 + v (1 - sigmoid(v))), v = alpha x; the two sides add up to 1.
template <class T>
NNFAST_INLINE vec<T> silu_derivative(vec<T> x, vec<T> alpha) {
  const vec<T> v = alpha * x, b = at_most(abs(v), T{sizeof(T) == 4 ? 173 : 1418});
  const auto l = logistic<T>(b);
  const vec<T> t = 1 / ((1 + l.p) + l.q), s = scale<T>(t, l.k);
  const vec<T> d = scale<T>(t * (1 - b * (1 - s)), l.k);
  return v > 0 ? 1 - d : d;
}

/// x tanh(softplus(x)). With e = exp(x), n = e (e + 2): tanh(log(1 + e)) = n / (n + 2) = 1 - 2 / (n + 2); on the left
/// it is e (e + 2) / (n + 2) = e (1 - (e + e^2) / (n + 2)). So an error of the quotient counts less than half
/// everywhere, and 2^k of e comes last: e itself may be too small for T where x e is not.
template <class T>
NNFAST_INLINE vec<T> mish_of(vec<T> x) {
  // From 20 (40) up the factor is 1; below -110 (-755) all is 0.
  constexpr T kLeast = sizeof(T) == 4 ? -110 : -755, kMost = sizeof(T) == 4 ? 20 : 40;
  const vec<T> c = at_least(x, kLeast);
  const auto parts = exp_parts<T>(at_most(c, kMost));
  const vec<T> f = parts.fraction(), e = scale<T>(1 + f, parts.k);
  const auto right = c > 0;
  const vec<T> w = (right ? vec<T>{} + 2 : fma(e, e, e)) / fma(e, e + 2, broadcast(T{2}));
  // (1 + f) (1 - w) with one large rounding
  const vec<T> g = right ? vec<T>{} : f, k = right ? vec<T>{} : parts.k;
  return scale<T>(c * (1 + (g - fma(w, g, w))), k);
}
/// e ((e + 2) (n + 2) + 4 x (1 + e)) / (n + 2)^2
template <class T>
NNFAST_INLINE vec<T> mish_derivative(vec<T> x) {
  // Without fused products the roundings of the quotient add up to 4.3 ULP; in double they do not show.
  if constexpr (sizeof(T) == 4 && !kHasFma) {
    return narrow(mish_derivative<double>(widen_low(x)), mish_derivative<double>(widen_high(x)));
  }
  const vec<T> c = at_most(at_least(x, T{sizeof(T) == 4 ? -110 : -755}), T{sizeof(T) == 4 ? 20 : 40});
  const auto parts = exp_parts<T>(c);
  const vec<T> p = 1 + parts.fraction(), e = scale<T>(p, parts.k), n2 = fma(e, e + 2, broadcast(T{2}));
  return scale<T>(p * (fma(e + 2, n2, 4 * c * (1 + e)) / (n2 * n2)), parts.k);
}

// The names by register type, for all who compute with registers.
#define NNFAST_OVERLOAD(name, of)                          \
  NNFAST_INLINE f32v name(f32v x) { return of<float>(x); } \
  NNFAST_INLINE f64v name(f64v x) { return of<double>(x); }
NNFAST_OVERLOAD(exp, exp_of)
NNFAST_OVERLOAD(expm1, expm1_of)
NNFAST_OVERLOAD(log, log_of)
NNFAST_OVERLOAD(log1p, log1p_of)
NNFAST_OVERLOAD(erf, erf_of)
NNFAST_OVERLOAD(tanh, tanh_of)
NNFAST_OVERLOAD(sigmoid, sigmoid_of)
NNFAST_OVERLOAD(softplus, softplus_of)
#undef NNFAST_OVERLOAD

}  // namespace nnfast::NNFAST_ISA
