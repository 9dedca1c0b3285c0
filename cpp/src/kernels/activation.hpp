#pragma once
// Elementwise activations: one struct per function, its formula and its derivatives on one register; loops and table
// below. alpha and beta come as registers. The derivative is multiplied by dy here so that a zero may win over dy.

#include "kernels/math.hpp"
#include "kernels/table/activation.hpp"

namespace nnfast::NNFAST_ISA {
namespace {

struct Identity {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return x;
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T>, vec<T>, vec<T>) {
    return dy;
  }
};

struct Step {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return x > 0 ? vec<T>{} + 1 : (x != x ? x : vec<T>{});
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T>, vec<T>, vec<T>, vec<T>) {
    return vec<T>{};
  }
};

struct Relu {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return x <= 0 ? vec<T>{} : x;  // NaN stays
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T>, vec<T>) {
    return y <= 0 ? vec<T>{} : dy;
  }
};

/// Of a function with both derivatives: whether y tells the sign of x.
struct AlphaTells {
  template <class T>
  NNFAST_INLINE static bool output_suffices(T alpha, T) {
    return alpha > 0;
  }
};

struct LeakyRelu : AlphaTells {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T> alpha, vec<T>) {
    return x >= 0 ? x : alpha * x;
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T> alpha, vec<T>) {
    return y >= 0 ? dy : alpha * dy;
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T> alpha, vec<T>) {
    return x >= 0 ? dy : alpha * dy;
  }
};

/// a (s.high + s.low) + more, rounded about once
template <class T>
NNFAST_INLINE vec<T> times(vec<T> a, Sum<T> s, vec<T> more) {
  const vec<T> low = fma(a, s.low, more);
  if constexpr (kHasFma) return fma(a, s.high, low);
  const auto p = two_product<T>(a, s.high);
  const vec<T> size = abs(p.high);  // p.low is only known between these
  const auto exact = (size > T{sizeof(T) == 4 ? 0x1p-100 : 0x1p-960}) & (size < Format<T>::kInfinity);
  return p.high + ((exact ? p.low : vec<T>{}) + low);
}

struct Elu : AlphaTells {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T> alpha, vec<T>) {
    return x >= 0 ? x : times<T>(alpha, expm1_sum<T>(x, vec<T>{}), vec<T>{});
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T> alpha, vec<T>) {
    return y > 0 ? dy : dy * (y + alpha);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T> alpha, vec<T>) {
    return x > 0 ? dy : dy * (alpha * exp(x));
  }
};

struct Selu {
  template <class T>
  NNFAST_INLINE static bool output_suffices(T alpha, T gamma) {
    return alpha > 0 && gamma > 0;
  }
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T> alpha, vec<T> gamma) {
    const auto factor = two_product<T>(gamma, alpha);
    const auto e = expm1_sum<T>(x, vec<T>{});
    return x >= 0 ? gamma * x : times<T>(factor.high, e, factor.low * e.high);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T> alpha, vec<T> gamma) {
    return y > 0 ? dy * gamma : dy * (y + gamma * alpha);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T> alpha, vec<T> gamma) {
    return dy * (x > 0 ? gamma : gamma * alpha * exp(x));
  }
};

struct Celu : AlphaTells {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T> alpha, vec<T>) {
    // The quotient's own error counts where it is large; where it is tiny it may underflow, and y is x.
    const vec<T> inverse = 1 / alpha, z = x / alpha;
    const auto back = two_product<T>(z, alpha);
    const vec<T> z_low = abs(z) < 100 ? ((x - back.high) - back.low) * inverse : vec<T>{};
    auto e = expm1_sum<T>(at_most(z, kExpHigh<T>), z_low);
    e.low = e.high < Format<T>::kInfinity ? e.low : vec<T>{};  // for alpha < 0
    const vec<T> y = times<T>(alpha, e, vec<T>{});
    return (x >= 0) | (abs(z) < T{0x1p-60F}) ? x : y;
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T> alpha, vec<T>) {
    return y > 0 ? dy : dy * (1 + y / alpha);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T> alpha, vec<T>) {
    return x > 0 ? dy : dy * exp(x / alpha);
  }
};

struct Gelu {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return gelu_of<T>(x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T>, vec<T>) {
    return dy * gelu_derivative<T>(x);
  }
};

struct GeluTanh {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return gelu_tanh_of<T>(x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T>, vec<T>) {
    return dy * gelu_tanh_derivative<T>(x);
  }
};

struct Silu {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T> alpha, vec<T>) {
    return alpha[0] == 1 ? silu_of<T>(x) : silu_of<T>(x, alpha);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T> alpha, vec<T>) {
    return dy * silu_derivative<T>(x, alpha);
  }
};

struct Mish {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return mish_of<T>(x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T>, vec<T>) {
    return dy * mish_derivative<T>(x);
  }
};

struct Sigmoid {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return sigmoid(x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T>, vec<T>) {
    return dy * (y * (1 - y));
  }
};

struct HardSigmoid {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T> alpha, vec<T> beta) {
    const vec<T> y = fma(alpha, x, beta);
    return y <= 0 ? vec<T>{} : (y >= 1 ? vec<T>{} + 1 : y);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T> alpha, vec<T>) {
    return (y <= 0) | (y >= 1) ? vec<T>{} : dy * alpha;
  }
};

struct HardSwish {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return x >= 3 ? x : (x <= -3 ? vec<T>{} : x * ((x + 3) / 6));
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_input(vec<T> dy, vec<T> x, vec<T>, vec<T>) {
    return x >= 3 ? dy : (x <= -3 ? vec<T>{} : dy * (x / 3 + 0.5F));
  }
};

struct LogSigmoid {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return -softplus(-x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T>, vec<T>) {
    return dy * -expm1(y);
  }
};

struct Tanh {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return tanh(x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T>, vec<T>) {
    return dy * ((1 - y) * (1 + y));
  }
};

struct Softplus {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    return softplus(x);
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T>, vec<T>) {
    return dy * -expm1(-y);
  }
};

struct Softsign {
  template <class T>
  NNFAST_INLINE static vec<T> forward(vec<T> x, vec<T>, vec<T>) {
    // From 2^60 on it is 1; an infinity by itself would be NaN.
    const vec<T> c = at_most(at_least(x, T{-0x1p60F}), T{0x1p60F});
    return c / (1 + abs(c));
  }
  template <class T>
  NNFAST_INLINE static vec<T> from_output(vec<T> dy, vec<T> y, vec<T>, vec<T>) {
    const vec<T> r = 1 - abs(y);
    return dy * (r * r);
  }
};

template <class T, class F>
void forward(const T* x, T* y, index_t n, T alpha, T beta) {
  const vec<T> a = broadcast(alpha), b = broadcast(beta);
  write_all<T>(y, n, x == y, [&](index_t i, index_t left) NNFAST_LAMBDA {
    return F::template forward<T>(load_n(x + i, left), a, b);
  });
}

template <class T, class F>
void from_output(const T* dy, const T* y, T* dx, index_t n, T alpha, T beta) {
  const vec<T> a = broadcast(alpha), b = broadcast(beta);
  write_all<T>(dx, n, dx == dy || dx == y, [&](index_t i, index_t left) NNFAST_LAMBDA {
    return F::template from_output<T>(load_n(dy + i, left), load_n(y + i, left), a, b);
  });
}

/// From x by way of y where there is no formula of its own, and wherever y determines f': both ways then agree to the
/// bit, as do a layer, which keeps y, and a function, which is given x.
template <class T, class F>
void from_input(const T* dy, const T* x, T* dx, index_t n, T alpha, T beta) {
  const vec<T> a = broadcast(alpha), b = broadcast(beta), any = a;
  constexpr bool kFromOutput = requires { F::template from_output<T>(any, any, a, b); };
  constexpr bool kFromInput = requires { F::template from_input<T>(any, any, a, b); };
  if constexpr (kFromInput) {
    bool output_suffices = false;
    if constexpr (kFromOutput) output_suffices = F::output_suffices(alpha, beta);
    if (!output_suffices) {
      write_all<T>(dx, n, dx == dy || dx == x, [&](index_t i, index_t left) NNFAST_LAMBDA {
        return F::template from_input<T>(load_n(dy + i, left), load_n(x + i, left), a, b);
      });
      return;
    }
  }
  if constexpr (kFromOutput) {
    write_all<T>(dx, n, dx == dy || dx == x, [&](index_t i, index_t left) NNFAST_LAMBDA {
      const vec<T> y = F::template forward<T>(load_n(x + i, left), a, b);
      return F::template from_output<T>(load_n(dy + i, left), y, a, b);
    });
  }
}

template <class T>
void add_bias(T* c, const T* bias, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(c + i, load_n(c + i, n - i) + load_n(bias + i, n - i), n - i);
}

template <class T>
void prelu(const T* x, const T* alpha, index_t alpha_size, T* y, index_t n) {
  const vec<T> one_alpha = broadcast(alpha[0]);
  for (index_t i = 0; i < n; i += kLanes<T>) {
    const vec<T> xv = load_n(x + i, n - i), a = alpha_size == 1 ? one_alpha : load_n(alpha + i, n - i);
    store_n(y + i, xv >= 0 ? xv : a * xv, n - i);
  }
}

// Lanes of the sums are those of a 64-byte block, whatever the register's size, and are halved in the same order.
template <class T>
void prelu_backward(const T* dy, const T* x, const T* alpha, index_t alpha_size, T* dx, T* dalpha, index_t n) {
  constexpr std::size_t kBlock = 64 / sizeof(T);
  const vec<T> one_alpha = broadcast(alpha[0]);
  T sum[kBlock] = {};
  for (index_t i = 0; i < n; i += kLanes<T>) {
    const vec<T> xv = load_n(x + i, n - i), dyv = load_n(dy + i, n - i);
    const vec<T> a = alpha_size == 1 ? one_alpha : load_n(alpha + i, n - i);
    if (dx != nullptr) store_n(dx + i, xv >= 0 ? dyv : a * dyv, n - i);
    if (dalpha == nullptr) continue;
    const vec<T> da = xv >= 0 ? vec<T>{} : dyv * xv;
    if (alpha_size == 1) {
      T* part = sum + static_cast<std::size_t>(i) % kBlock;
      store(part, load(part) + da);
    } else {
      store_n(dalpha + i, load_n(dalpha + i, n - i) + da, n - i);
    }
  }
  if (dalpha == nullptr || alpha_size != 1) return;
  for (std::size_t half = kBlock / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) sum[j] += sum[j + half];
  }
  dalpha[0] += sum[0];
}

/// As many bytes as a register of T has lanes.
template <class T>
using lane_bytes __attribute__((vector_size(kLanes<T>))) = std::int8_t;

template <class T>
void relu_masked(const T* x, T* y, bool* mask, index_t n) {
  index_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    const vec<T> v = load(x + i);
    const auto off = v <= zero<T>();
    store<T>(y + i, select(off, zero<T>(), v));
    const lane_bytes<T> bytes = __builtin_convertvector(off, lane_bytes<T>) & 1;
    __builtin_memcpy(mask + i, &bytes, sizeof(bytes));
  }
  for (; i < n; ++i) {
    mask[i] = x[i] <= T{0};
    y[i] = mask[i] ? T{0} : x[i];
  }
}

template <class T>
void zero_masked(const bool* on, T* dy, index_t n) {
  index_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    lane_bytes<T> bytes;
    __builtin_memcpy(&bytes, on + i, sizeof(bytes));
    const auto off = __builtin_convertvector(bytes, mask<T>) != 0;
    store<T>(dy + i, select(off, zero<T>(), load(dy + i)));
  }
  for (; i < n; ++i) {
    if (on[i]) dy[i] = T{0};
  }
}

template <class T, auto g>
void map(const T* x, T* y, index_t n) {
  write_all<T>(y, n, x == y, [&](index_t i, index_t left) NNFAST_LAMBDA { return g(load_n(x + i, left)); });
}

template <class T, class F>
constexpr auto from_output_or_null() -> typename ActivationKernels<T>::Backward {
  if constexpr (requires(vec<T> v) { F::template from_output<T>(v, v, v, v); }) {
    return from_output<T, F>;
  } else {
    return nullptr;
  }
}

template <class T, class... F>
constexpr ActivationKernels<T> make_activation_kernels() {
  static_assert(sizeof...(F) == kActivations);
  return {{forward<T, F>...},
          {from_output_or_null<T, F>()...},
          {from_input<T, F>...},
          add_bias<T>,
          prelu<T>,
          prelu_backward<T>,
          relu_masked<T>,
          zero_masked<T>,
          map<T, exp_of<T>>,
          map<T, expm1_of<T>>,
          map<T, log_of<T>>,
          map<T, log1p_of<T>>,
          map<T, erf_of<T>>};
}

}  // namespace

/// In the order of Activation.
template <class T>
constexpr ActivationKernels<T> activation_kernels =
    make_activation_kernels<T, Identity, Step, Relu, LeakyRelu, Elu, Selu, Celu, Gelu, GeluTanh, Silu, Mish, Sigmoid,
                            HardSigmoid, HardSwish, LogSigmoid, Tanh, Softplus, Softsign>();

}  // namespace nnfast::NNFAST_ISA
