#pragma once
#include "nnfast/matrix.hpp"

namespace nnfast {

/// The columns that one thread does of nnfast/normalization.hpp. Every pointer is at the first of these columns.
template <class T>
struct NormalizationArgs {
  index_t rows;
  index_t cols;
  const T* x;
  index_t x_row;
  const T* gamma;  // null: 1
  const T* beta;   // null: 0
  double eps;
  T* mean;     // written by the training forward pass, else read: (cols), for layer normalization (rows)
  T* var;      // likewise
  T* inv_std;  // likewise
  T* y;
  index_t y_row;
  T* xc;  // x - mean and (x - mean) inv_std, rows as far apart as those of y; null: not wanted
  T* xn;
  const T* dy;
  index_t dy_row;
  T* dx;  // null: not wanted
  index_t dx_row;
  T* dgamma;  // null: not wanted
  T* dbeta;
};

/// kernels/columnwise.hpp. One thread.
template <class T>
struct ColumnwiseKernels {
  using Kernel = void (*)(const NormalizationArgs<T>& a);
  Kernel batch_normalization_train;
  Kernel batch_normalization_inference;
  Kernel batch_normalization_backward;
  Kernel batch_normalization_inference_backward;
  /// dgamma, dbeta from every row of x and dy
  Kernel layer_normalization_parameters;
};

}  // namespace nnfast
