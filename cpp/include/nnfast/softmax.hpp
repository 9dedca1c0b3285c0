#pragma once
// Row-wise softmax and log-softmax. Unit column stride; y may be x.

#include "nnfast/parallel.hpp"

namespace nnfast {

/// y_ij = exp(x_ij - max_i) (1 / sum_j exp(x_ij - max_i)). A row with NaN, +inf, or all -inf is NaN.
template <class T>
void softmax_forward(Team& team, MatrixView<const T> x, MatrixView<T> y);
/// dx = y (dy - sum_j dy_ij y_ij)
template <class T>
void softmax_backward(Team& team, MatrixView<const T> dy, MatrixView<const T> y, MatrixView<T> dx);
/// y_ij = (x_ij - max_i) - log sum_j exp(x_ij - max_i)
template <class T>
void log_softmax_forward(Team& team, MatrixView<const T> x, MatrixView<T> y);
/// dx = dy - exp(y) sum_j dy_ij
template <class T>
void log_softmax_backward(Team& team, MatrixView<const T> dy, MatrixView<const T> y, MatrixView<T> dx);

}  // namespace nnfast
