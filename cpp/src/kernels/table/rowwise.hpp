#pragma once
#include "nnfast/matrix.hpp"

namespace nnfast {

inline constexpr int kLosses = 6;

/// The rows that one thread does of nnfast/loss.hpp. Every pointer is at the first of these rows.
template <class T>
struct LossArgs {
  index_t rows;
  index_t cols;
  const T* y;
  index_t y_row;
  const index_t* labels;  // or null, then
  const T* dense;
  index_t dense_row;
  const T* class_weight;   // (cols), null: 1
  const T* sample_weight;  // (rows), null: 1
  bool has_ignore_index;
  index_t ignore_index;
  double normalizer;
  T label_smoothing;
  T factor;
  T delta;
  T margin;
  T* loss;  // (rows)
  T* dy;    // null: not wanted; may be y
  index_t dy_row;
  unsigned char* correct;  // (rows), null: not wanted
};

/// The rows that one thread does of layer normalization; gamma, beta may be null.
template <class T>
struct LayerNormalizationArgs {
  index_t rows;
  index_t cols;
  const T* x;
  index_t x_row;
  const T* gamma;
  const T* beta;
  double eps;
  T* mean;     // (rows): written by the forward pass, read by the backward pass
  T* inv_std;  // (rows)
  T* y;
  index_t y_row;
  const T* dy;
  index_t dy_row;
  T* dx;
  index_t dx_row;
};

/// kernels/rowwise.hpp, kernels/loss.hpp. One thread.
template <class T>
struct RowwiseKernels {
  using Forward = void (*)(const T* x, index_t x_row, T* y, index_t y_row, index_t rows, index_t cols);
  using Backward = void (*)(const T* dy, index_t dy_row, const T* y, index_t y_row, T* dx, index_t dx_row, index_t rows,
                            index_t cols);
  Forward softmax;
  Backward softmax_backward;
  Forward log_softmax;
  Backward log_softmax_backward;
  void (*loss[kLosses])(const LossArgs<T>& a);  // by enum Loss
  double (*sum)(const T* x, index_t n);
  void (*layer_normalization)(const LayerNormalizationArgs<T>& a);
  void (*layer_normalization_backward)(const LayerNormalizationArgs<T>& a);
};

}  // namespace nnfast
