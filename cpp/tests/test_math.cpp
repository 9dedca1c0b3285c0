// The vector mathematics against a wider type: error in ULP, class of the result (NaN, infinite, sign), monotony,
// symmetry, range; equal bits on AVX2 and AVX-512. Samples by default; with --exhaustive all 2^32 floats.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "check.hpp"
#include "dispatch/select.hpp"
#include "everywhere.hpp"
#include "math_reference.hpp"
#include "nnfast/activation.hpp"
#include "nnfast/runtime.hpp"

namespace {

using nnfast::Activation;
using nnfast::index_t;

constexpr index_t kBlock = 4096;

/// y = f(x) as the table in use has it.
template <class T>
using Map = void (*)(const T* x, T* y, index_t n);

template <class T, Activation f>
void activation(const T* x, T* y, index_t n) {
  const bool selu = f == Activation::selu;
  const T alpha = selu ? static_cast<T>(reference::kSeluAlpha) : T{1};
  nnfast::kernels<T>().activation.forward[static_cast<int>(f)](x, y, n, alpha, static_cast<T>(reference::kSeluGamma));
}
// An alpha other than 1 that is exact in every type.
constexpr double kOtherAlpha = 0.71875;
template <class T, Activation f>
void with_other_alpha(const T* x, T* y, index_t n) {
  nnfast::kernels<T>().activation.forward[static_cast<int>(f)](x, y, n, static_cast<T>(kOtherAlpha), T{0});
}

/// What is tested under one name of accuracy.inc.
template <class T, class R>
struct Function {
  Map<T> map;
  R (*reference)(R);
};

#define ACTIVATION(f) activation<T, Activation::f>
template <class T, class R>
std::vector<Function<T, R>> functions(const std::string& name) {
  constexpr R kAlpha = static_cast<R>(kOtherAlpha);
#define MATHS(f) [](const T* x, T* y, index_t n) { nnfast::kernels<T>().activation.f(x, y, n); }
  if (name == "exp") return {{MATHS(exp), [](R x) { return std::exp(x); }}};
  if (name == "expm1") return {{MATHS(expm1), [](R x) { return std::expm1(x); }}};
  if (name == "log") return {{MATHS(log), [](R x) { return std::log(x); }}};
  if (name == "log1p") return {{MATHS(log1p), [](R x) { return std::log1p(x); }}};
  if (name == "erf") return {{MATHS(erf), [](R x) { return std::erf(x); }}};
#undef MATHS
  if (name == "tanh") return {{ACTIVATION(tanh), [](R x) { return std::tanh(x); }}};
  if (name == "sigmoid") return {{ACTIVATION(sigmoid), reference::sigmoid<R>}};
  if (name == "softplus") return {{ACTIVATION(softplus), reference::softplus<R>}};
  if (name == "log_sigmoid") return {{ACTIVATION(log_sigmoid), [](R x) { return -reference::softplus(-x); }}};
  if (name == "elu") return {{ACTIVATION(elu), [](R x) { return x > 0 ? x : std::expm1(x); }}};
  if (name == "selu") {
    return {{ACTIVATION(selu), [](R x) {
               const R alpha = static_cast<T>(reference::kSeluAlpha), gamma = static_cast<T>(reference::kSeluGamma);
               return gamma * (x > 0 ? x : alpha * std::expm1(x));
             }}};
  }
  if (name == "celu") {
    return {{ACTIVATION(celu), [](R x) { return x > 0 ? x : std::expm1(x); }},
            {with_other_alpha<T, Activation::celu>, [](R x) { return x > 0 ? x : kAlpha * std::expm1(x / kAlpha); }}};
  }
  if (name == "softsign") return {{ACTIVATION(softsign), reference::softsign<R>}};
  if (name == "silu") {
    return {{ACTIVATION(silu), [](R x) { return reference::silu(x, R{1}); }},
            {with_other_alpha<T, Activation::silu>, [](R x) { return reference::silu(x, kAlpha); }}};
  }
  if (name == "hard_swish") return {{ACTIVATION(hard_swish), reference::hard_swish<R>}};
  if (name == "gelu") return {{ACTIVATION(gelu), reference::gelu<R>}};
  if (name == "gelu_tanh") return {{ACTIVATION(gelu_tanh), reference::gelu_tanh<R>}};
  if (name == "mish") return {{ACTIVATION(mish), reference::mish<R>}};
  return {};
}

/// |y - want| in units of the last place of T at `want`.
template <class T, class R>
double ulps(T y, R want) {
  constexpr int kLeast = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
  int exponent = kLeast;
  if constexpr (std::is_same_v<R, double>) {  // the exhaustive run spends its time here
    exponent = static_cast<int>(std::bit_cast<std::uint64_t>(want) >> 52 & 0x7ff) - 1023;
  } else if (want != 0) {
    exponent = std::ilogb(want);
  }
  exponent = std::max(kLeast, exponent + 1 - std::numeric_limits<T>::digits);
  const R error = std::fabs(static_cast<R>(y) - want);
  if constexpr (std::is_same_v<R, double>) {
    return error * std::bit_cast<double>(static_cast<std::uint64_t>(1023 - exponent) << 52);
  } else {
    return static_cast<double>(std::ldexp(error, -exponent));
  }
}

template <class T>
struct Worst {
  double normal = 0;
  T normal_at = 0;
  double subnormal = 0;
  long wrong_class = 0;
  T wrong_at = 0;
};

/// Calls f(x, n) with blocks of inputs: special ones first, then the sample.
template <class T, class F>
void for_inputs(F&& f) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x;
  for (const T v : {T{0}, Limits::denorm_min(), Limits::min() / 2, Limits::min(), Limits::epsilon(), T{0.5}, T{1}, T{2},
                    T{3}, T{88}, T{104}, T{745}, Limits::max(), Limits::infinity(), Limits::quiet_NaN()}) {
    for (const T s : {v, -v}) {
      x.push_back(s);
      x.push_back(std::nextafter(s, T{0}));
      x.push_back(std::nextafter(s, Limits::infinity()));
    }
  }
  f(x.data(), static_cast<index_t>(x.size()));
  x.resize(static_cast<std::size_t>(kBlock));
  std::size_t n = 0;
  const auto put = [&](T v) {
    x[n++] = v;
    if (n == x.size()) {
      f(x.data(), kBlock);
      n = 0;
    }
  };
  if constexpr (std::is_same_v<T, float>) {
    const std::uint64_t stride = check::exhaustive() ? 1 : 1021;  // prime: every exponent, all sorts of mantissas
    for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32); i += stride) {
      put(std::bit_cast<float>(static_cast<std::uint32_t>(i)));
    }
  } else {
    // A quarter each of all bit patterns and of the ranges where the functions bend.
    std::mt19937_64 random(1);
    const auto uniform = [&](double range) { return (static_cast<double>(random() >> 11) * 0x1p-52 - 1) * range; };
    const long count = check::exhaustive() ? 20'000'000 : 40'000;
    for (long i = 0; i < count; ++i) {
      put(std::bit_cast<double>(random()));
      put(uniform(4));
      put(uniform(40));
      put(uniform(760));
    }
  }
  if (n != 0) f(x.data(), static_cast<index_t>(n));
}

template <class T>
void check_accuracy(const std::string& name, double limit) {
  using R = std::conditional_t<std::is_same_v<T, float>, double, long double>;
  const std::vector<std::string> isas = nnfast::supported_isas();
  for (const Function<T, R>& function : functions<T, R>(name)) {
    std::vector<Worst<T>> worst(isas.size());
    std::vector<R> want(static_cast<std::size_t>(kBlock));
    std::vector<T> y(want.size()), with_fma(want.size());
    long different = 0;
    for_inputs<T>([&](const T* x, index_t n) {
      for (index_t i = 0; i < n; ++i) want[static_cast<std::size_t>(i)] = function.reference(x[i]);
      for (std::size_t isa = 0; isa < isas.size(); ++isa) {
        nnfast::set_isa(isas[isa]);
        function.map(x, y.data(), n);
        if (isas[isa] == "avx512") with_fma = y;
        if (isas[isa] == "avx2" && isas[0] == "avx512") {
          if (std::memcmp(y.data(), with_fma.data(), static_cast<std::size_t>(n) * sizeof(T)) == 0) continue;
          ++different;
        }
        Worst<T>& w = worst[isa];
        for (index_t i = 0; i < n; ++i) {
          const T result = y[static_cast<std::size_t>(i)];
          const R exact = want[static_cast<std::size_t>(i)];
          const T rounded = static_cast<T>(exact);
          if (std::isnan(rounded) && std::isnan(result)) continue;
          if (std::isnan(rounded) || std::isnan(result) || std::isinf(rounded) != std::isinf(result) ||
              std::signbit(rounded) != std::signbit(result)) {
            ++w.wrong_class;
            w.wrong_at = x[i];
            continue;
          }
          if (std::isinf(rounded)) continue;
          const double error = ulps(result, exact);
          if (std::fabs(exact) < static_cast<R>(std::numeric_limits<T>::min())) {
            if (error > w.subnormal) w.subnormal = error;
          } else if (error > w.normal) {
            w.normal = error;
            w.normal_at = x[i];
          }
        }
      }
    });
    for (std::size_t isa = 0; isa < isas.size(); ++isa) {
      if (isas[isa] == "avx2" && isas[0] == "avx512" && different == 0) worst[isa] = worst[0];
      const Worst<T>& w = worst[isa];
      std::printf("        %-11s float%-2d %-6s  %6.3f ULP at %-15.9g  %5.2f quanta where subnormal\n", name.c_str(),
                  static_cast<int>(sizeof(T)) * 8, isas[isa].c_str(), w.normal, static_cast<double>(w.normal_at),
                  w.subnormal);
      CHECK_MSG(w.normal <= limit, isas[isa] + ": " + std::to_string(w.normal));
      CHECK_MSG(w.subnormal <= limit, isas[isa] + ": " + std::to_string(w.subnormal));
      CHECK_MSG(w.wrong_class == 0,
                isas[isa] + ": " + std::to_string(w.wrong_class) + ", one at " + std::to_string(w.wrong_at));
    }
    CHECK_EQ(different, 0);
  }
  nnfast::set_isa(isas[0]);
}

}  // namespace

#define NNFAST_ACCURACY(name, f32, f64) \
  TEST(math_float32_##name) { check_accuracy<float>(#name, f32); }
#include "kernels/accuracy.inc"
#undef NNFAST_ACCURACY
#define NNFAST_ACCURACY(name, f32, f64) \
  TEST(math_float64_##name) { check_accuracy<double>(#name, f64); }
#include "kernels/accuracy.inc"
#undef NNFAST_ACCURACY

namespace {

/// The float at place i of the line from -infinity (i = -0x7f800000) over 0 to infinity.
float float_at(std::int64_t i) {
  return i < 0 ? -std::bit_cast<float>(static_cast<std::uint32_t>(-i))
               : std::bit_cast<float>(static_cast<std::uint32_t>(i));
}

/// No step back along the line of floats: neighbours in windows all over it, with --exhaustive everywhere.
void check_monotone(const std::string& name) {
  constexpr std::int64_t kEnd = 0x7f800000;
  const std::int64_t stride = check::exhaustive() ? kBlock : kBlock * 509;
  const auto function = functions<float, double>(name).front();
  everywhere::on_every_isa([&](const std::string& isa) {
    std::vector<float> x(static_cast<std::size_t>(kBlock)), y(x.size());
    float last = -std::numeric_limits<float>::infinity();
    long back = 0;
    float back_at = 0;
    for (std::int64_t begin = -kEnd; begin <= kEnd; begin += stride) {
      std::size_t n = 0;
      for (std::int64_t i = begin; i < begin + kBlock && i <= kEnd; ++i) x[n++] = float_at(i);
      function.map(x.data(), y.data(), static_cast<index_t>(n));
      for (std::size_t i = 0; i < n; ++i) {
        if (std::isnan(y[i])) continue;  // log of negative numbers
        if (y[i] < last) {
          ++back;
          back_at = x[i];
        }
        last = y[i];
      }
    }
    CHECK_MSG(back == 0,
              name + ", " + isa + ": " + std::to_string(back) + " steps back, one at " + std::to_string(back_at));
  });
}

}  // namespace

TEST(math_monotone) {
  for (const char* name :
       {"exp", "expm1", "log", "log1p", "erf", "tanh", "sigmoid", "softplus", "log_sigmoid", "elu", "selu"}) {
    check_monotone(name);
  }
}

template <class T>
static void check_odd_and_range() {
  everywhere::on_every_isa([](const std::string& isa) {
    for (const std::string name : {"tanh", "erf", "softsign", "sigmoid"}) {
      const auto map = functions<T, long double>(name).front().map;
      long not_odd = 0, outside = 0;
      for_inputs<T>([&](const T* x, index_t n) {
        std::vector<T> minus(x, x + n), y(minus.size()), y_minus(minus.size());
        for (T& v : minus) v = -v;
        map(x, y.data(), n);
        map(minus.data(), y_minus.data(), n);
        for (std::size_t i = 0; i < y.size(); ++i) {
          if (std::isnan(y[i])) continue;
          not_odd += name != "sigmoid" && (y_minus[i] != -y[i] || std::signbit(y_minus[i]) == std::signbit(y[i]));
          outside += !(y[i] <= 1 && y[i] >= (name == "sigmoid" ? 0 : -1));
        }
      });
      CHECK_MSG(not_odd == 0, name + ", " + isa);
      CHECK_MSG(outside == 0, name + ", " + isa);
    }
  });
}
TEST(math_odd_and_in_range) {
  check_odd_and_range<float>();
  check_odd_and_range<double>();
}

TEST(math_known_values) {
  everywhere::on_every_isa([](const std::string& isa) {
    const auto at = [](const char* name, float x) {
      float y = 0;
      functions<float, double>(name).front().map(&x, &y, 1);
      return y;
    };
    const float inf = std::numeric_limits<float>::infinity();
    CHECK_MSG(at("exp", 0.0F) == 1 && at("exp", -inf) == 0 && at("exp", inf) == inf && at("exp", 89.0F) == inf, isa);
    CHECK_MSG(at("exp", -103.0F) == 0x1.p-149F && at("exp", -104.0F) == 0, isa);
    CHECK_MSG(at("log", 1.0F) == 0 && at("log", 0.0F) == -inf && std::isnan(at("log", -1.0F)), isa);
    CHECK_MSG(at("log1p", -1.0F) == -inf && std::isnan(at("log1p", -1.5F)) && at("log1p", inf) == inf, isa);
    CHECK_MSG(at("sigmoid", 0.0F) == 0.5F && at("sigmoid", inf) == 1 && at("sigmoid", -inf) == 0, isa);
    CHECK_MSG(at("gelu", 2e38F) == 2e38F && at("gelu", inf) == inf && at("gelu", -inf) == 0, isa);
    CHECK_MSG(at("gelu", -8.0F) < -4.9e-15F && at("gelu", -8.0F) > -5.1e-15F, isa);
    CHECK_MSG(at("gelu_tanh", -inf) == 0 && at("silu", -inf) == 0 && at("mish", -inf) == 0, isa);
    CHECK_MSG(at("silu", 3e38F) == 3e38F && at("mish", 3e38F) == 3e38F && at("gelu_tanh", 3e38F) == 3e38F, isa);
  });
}
