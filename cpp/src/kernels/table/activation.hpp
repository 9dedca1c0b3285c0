#pragma once
#include "nnfast/activation.hpp"

namespace nnfast {

/// kernels/activation.hpp. One thread, contiguous rows of n elements.
template <class T>
struct ActivationKernels {
  using Forward = void (*)(const T* x, T* y, index_t n, T alpha, T beta);
  /// `saved` as derivative_from_output says.
  using Backward = void (*)(const T* dy, const T* saved, T* dx, index_t n, T alpha, T beta);
  Forward forward[kActivations];
  /// Two derivatives: from the output, null where that never determines f', and from the input. Where the output
  /// determines f' both give the same bits.
  Backward backward_from_output[kActivations];
  Backward backward_from_input[kActivations];
  /// c += bias (n), in place
  void (*add_bias)(T* c, const T* bias, index_t n);
  void (*prelu)(const T* x, const T* alpha, index_t alpha_size, T* y, index_t n);
  /// dx; dalpha[j] += dy min(x, 0) for alpha_size == n. For alpha_size == 1 the row's sum, lanes combined in a fixed
  /// order, is added to dalpha[0]. dalpha may be null.
  void (*prelu_backward)(const T* dy, const T* x, const T* alpha, index_t alpha_size, T* dx, T* dalpha, index_t n);
  /// y = mask ? 0 : x with mask = x <= 0; dy = mask ? 0 : dy
  void (*relu_masked)(const T* x, T* y, bool* mask, index_t n);
  void (*zero_masked)(const bool* mask, T* dy, index_t n);
  /// elementwise maths for tests and vector users: y = g(x)
  void (*exp)(const T* x, T* y, index_t n);
  void (*expm1)(const T* x, T* y, index_t n);
  void (*log)(const T* x, T* y, index_t n);
  void (*log1p)(const T* x, T* y, index_t n);
  void (*erf)(const T* x, T* y, index_t n);
};

}  // namespace nnfast
