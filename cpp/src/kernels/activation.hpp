#pragma once
// Elementwise activations: one struct per function, its formula and its derivatives on one register; loops and table
// below. alpha and beta come as registers. The derivative is multiplied by dy here so that a zero may win over dy.

#include "kernels/math.hpp"
#include "kernels/table/activation.hpp"

namespace nnfast::NNFAST_ISA {
namespace {

struct Identity {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return x;
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V, V, V) {
    return dy;
  }
};

struct Step {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return x > 0 ? V{} + 1 : (x != x ? x : V{});
  }
  template <class V>
  NNFAST_INLINE static V from_output(V, V, V, V) {
    return V{};
  }
};

struct Relu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return x <= 0 ? V{} : x;  // NaN stays
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V, V) {
    return y <= 0 ? V{} : dy;
  }
};

struct LeakyRelu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V alpha, V) {
    return x >= 0 ? x : alpha * x;
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V alpha, V) {
    return y >= 0 ? dy : alpha * dy;
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V alpha, V) {
    return x >= 0 ? dy : alpha * dy;
  }
};

struct Elu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V alpha, V) {
    return x > 0 ? x : alpha * expm1(x);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V alpha, V) {
    return y > 0 ? dy : dy * (y + alpha);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V alpha, V) {
    return x > 0 ? dy : dy * (alpha * exp(x));
  }
};

struct Selu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V alpha, V gamma) {
    return gamma * (x > 0 ? x : alpha * expm1(x));
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V alpha, V gamma) {
    return y > 0 ? dy * gamma : dy * (y + gamma * alpha);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V alpha, V gamma) {
    return dy * gamma * (x > 0 ? V{} + 1 : alpha * exp(x));
  }
};

struct Celu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V alpha, V) {
    return x > 0 ? x : alpha * expm1(x / alpha);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V alpha, V) {
    return y > 0 ? dy : dy * (1 + y / alpha);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V alpha, V) {
    return x > 0 ? dy : dy * exp(x / alpha);
  }
};

struct Gelu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return gelu(x);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V, V) {
    return dy * (erfc(x * -0.70710678F) / 2 + x * (0.39894228F * exp(x * x * -0.5F)));
  }
};

struct GeluTanh {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return gelu_tanh(x);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V, V) {
    const V s = sigmoid(x * (1.5957691F + 0.0713548F * x * x));
    return dy * (s + x * s * (1 - s) * (1.5957691F + 0.2140644F * x * x));
  }
};

struct Silu {
  template <class V>
  NNFAST_INLINE static V forward(V x, V alpha, V) {
    return x * sigmoid(alpha * x);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V alpha, V) {
    const V s = sigmoid(alpha * x);
    return dy * (s * (1 + alpha * x * (1 - s)));
  }
};

struct Mish {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return mish(x);
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V, V) {
    const V t = tanh(softplus(x));
    return dy * (t + x * sigmoid(x) * (1 - t) * (1 + t));
  }
};

struct Sigmoid {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return sigmoid(x);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V, V) {
    return dy * (y * (1 - y));
  }
};

struct HardSigmoid {
  template <class V>
  NNFAST_INLINE static V forward(V x, V alpha, V beta) {
    const V y = fma(alpha, x, beta);
    return y <= 0 ? V{} : (y >= 1 ? V{} + 1 : y);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V alpha, V) {
    return (y <= 0) | (y >= 1) ? V{} : dy * alpha;
  }
};

struct HardSwish {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return x >= 3 ? x : (x <= -3 ? V{} : x * ((x + 3) / 6));
  }
  template <class V>
  NNFAST_INLINE static V from_input(V dy, V x, V, V) {
    return x >= 3 ? dy : (x <= -3 ? V{} : dy * (x / 3 + 0.5F));
  }
};

struct LogSigmoid {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return -softplus(-x);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V, V) {
    return dy * -expm1(y);
  }
};

struct Tanh {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return tanh(x);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V, V) {
    return dy * ((1 - y) * (1 + y));
  }
};

struct Softplus {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return softplus(x);
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V, V) {
    return dy * -expm1(-y);
  }
};

struct Softsign {
  template <class V>
  NNFAST_INLINE static V forward(V x, V, V) {
    return x / (1 + (x < 0 ? -x : x));
  }
  template <class V>
  NNFAST_INLINE static V from_output(V dy, V y, V, V) {
    const V r = 1 - (y < 0 ? -y : y);
    return dy * (r * r);
  }
};

template <class T, class F>
void forward(const T* x, T* y, index_t n, T alpha, T beta) {
  const vec<T> a = broadcast(alpha), b = broadcast(beta);
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, F::forward(load_n(x + i, n - i), a, b), n - i);
}

template <class T, class F>
void from_output(const T* dy, const T* y, T* dx, index_t n, T alpha, T beta) {
  const vec<T> a = broadcast(alpha), b = broadcast(beta);
  for (index_t i = 0; i < n; i += kLanes<T>) {
    store_n(dx + i, F::from_output(load_n(dy + i, n - i), load_n(y + i, n - i), a, b), n - i);
  }
}

template <class T, class F>
void from_input(const T* dy, const T* x, T* dx, index_t n, T alpha, T beta) {
  const vec<T> a = broadcast(alpha), b = broadcast(beta);
  for (index_t i = 0; i < n; i += kLanes<T>) {
    const vec<T> dyv = load_n(dy + i, n - i), xv = load_n(x + i, n - i);
    vec<T> dxv;
    if constexpr (requires { F::from_input(dyv, xv, a, b); }) {
      dxv = F::from_input(dyv, xv, a, b);
    } else {
      dxv = F::from_output(dyv, F::forward(xv, a, b), a, b);
    }
    store_n(dx + i, dxv, n - i);
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
    store_n(dx + i, xv >= 0 ? dyv : a * dyv, n - i);
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

template <class T>
void exp_all(const T* x, T* y, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, exp(load_n(x + i, n - i)), n - i);
}
template <class T>
void expm1_all(const T* x, T* y, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, expm1(load_n(x + i, n - i)), n - i);
}
template <class T>
void log_all(const T* x, T* y, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, log(load_n(x + i, n - i)), n - i);
}
template <class T>
void log1p_all(const T* x, T* y, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, log1p(load_n(x + i, n - i)), n - i);
}
template <class T>
void erf_all(const T* x, T* y, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store_n(y + i, erf(load_n(x + i, n - i)), n - i);
}

template <class T, class F>
constexpr auto from_output_or_null() -> typename ActivationKernels<T>::Backward {
  if constexpr (requires(vec<T> v) { F::from_output(v, v, v, v); }) {
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
          exp_all<T>,
          expm1_all<T>,
          log_all<T>,
          log1p_all<T>,
          erf_all<T>};
}

}  // namespace

/// In the order of Activation.
template <class T>
constexpr ActivationKernels<T> activation_kernels =
    make_activation_kernels<T, Identity, Step, Relu, LeakyRelu, Elu, Selu, Celu, Gelu, GeluTanh, Silu, Mish, Sigmoid,
                            HardSigmoid, HardSwish, LogSigmoid, Tanh, Softplus, Softsign>();

}  // namespace nnfast::NNFAST_ISA
