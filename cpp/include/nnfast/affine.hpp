#pragma once
// y = x W + b:  x (batch, in), W (in, out), b (out) or null, y (batch, out). x, W, dy of any strides.
// x may be float where the rest is double.

#include "nnfast/gemm.hpp"

namespace nnfast {

template <class S, class T>
void affine_forward(Team& team, MatrixView<const S> x, MatrixView<const T> W, const T* b, MatrixView<T> y);

/// dx = dy W^T,  dW = x^T dy,  db = sum of dy over the batch. An absent output is not computed.
template <class S, class T>
void affine_backward(Team& team, MatrixView<const S> x, MatrixView<const T> W, MatrixView<const T> dy, MatrixView<T> dx,
                     MatrixView<T> dW, T* db);

}  // namespace nnfast
