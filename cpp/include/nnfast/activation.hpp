#pragma once
// Elementwise activations y = f(x) and their derivatives. Contiguous arrays of n elements; in == out is allowed.

#include "nnfast/parallel.hpp"

namespace nnfast {

/// The order is the order of the kernel tables and of the Python names in activation_name().
enum class Activation : int {
  identity,      // x
  step,          // 1 if x > 0 else 0 (NaN -> NaN); derivative 0
  relu,          // max(0, x)
  leaky_relu,    // x if x >= 0 else alpha x
  elu,           // x if x > 0 else alpha (exp(x) - 1)
  selu,          // gamma (x if x > 0 else alpha (exp(x) - 1))
  celu,          // x if x > 0 else alpha (exp(x / alpha) - 1)
  gelu,          // x Phi(x)
  gelu_tanh,     // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  silu,          // x sigmoid(alpha x)    (alpha = 1: swish)
  mish,          // x tanh(softplus(x))
  sigmoid,       // 1 / (1 + exp(-x))
  hard_sigmoid,  // max(0, min(1, alpha x + beta))
  hard_swish,    // x max(0, min(1, x/6 + 1/2))
  log_sigmoid,   // -softplus(-x)
  tanh,
  softplus,  // log(1 + exp(x))
  softsign,  // x / (1 + |x|)
};
inline constexpr int kActivations = 18;

/// The ONNX operator's attributes; an activation that has none ignores them. `beta` is selu's gamma.
struct ActivationParams {
  double alpha = 0;
  double beta = 0;
};

const char* activation_name(Activation f);

/// Whether activation_backward takes the output y (relu, sigmoid, tanh, ...: y determines f') or the input x
/// (gelu, gelu_tanh, silu, mish, hard_swish; leaky_relu, elu, selu and celu when alpha <= 0, selu when gamma <= 0).
bool derivative_from_output(Activation f, ActivationParams params);

/// y = f(x)
template <class T>
void activation_forward(Team& team, Activation f, ActivationParams params, const T* x, T* y, index_t n);

/// dx = dy f'(x); `saved` is y or x, as derivative_from_output says.
template <class T>
void activation_backward(Team& team, Activation f, ActivationParams params, const T* dy, const T* saved, T* dx,
                         index_t n);

/// y = x if x >= 0 else alpha x, with one alpha (rows x cols by period: alpha[j % alpha_size], j the column).
/// alpha_size is 1 or cols.
template <class T>
void prelu_forward(Team& team, MatrixView<const T> x, const T* alpha, index_t alpha_size, MatrixView<T> y);
/// dx = dy (x >= 0 ? 1 : alpha); dalpha = sum over rows (and over columns where alpha_size is 1) of dy min(x, 0),
/// summed in a fixed order. dalpha may be null, or dx absent.
template <class T>
void prelu_backward(Team& team, MatrixView<const T> x, const T* alpha, index_t alpha_size, MatrixView<const T> dy,
                    MatrixView<T> dx, T* dalpha);

/// y = x where x > 0 or NaN, else 0; mask = x <= 0.
template <class T>
void relu_masked(Team& team, const T* x, T* y, bool* mask, index_t n);
/// dy = 0 where the mask is on, in place.
template <class T>
void zero_masked(Team& team, const bool* mask, T* dy, index_t n);

}  // namespace nnfast
