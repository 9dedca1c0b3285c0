#pragma once
// Batch and layer normalization. x, y, dy, dx (rows, cols) with unit column stride; y may be x, dx may be dy.
//   y = gamma (x - mean) inv_std + beta,  inv_std = 1 / sqrt(var + eps),  var the biased variance (two passes, but
//   one about the first element for rows of float)
// Sums, in double, are in an order fixed by the shape: over the batch in a grid of chunks, over a row in 16 (float) or
// 32 (double) lanes.

#include "nnfast/parallel.hpp"

namespace nnfast {

/// Statistics per column over the rows; mean, var, inv_std (cols) are outputs. gamma, beta (cols) may be null (1, 0).
/// xc = x - mean and xn = (x - mean) inv_std, with y's row stride, are written where they are not null.
template <class T>
void batch_normalization_train(Team& team, MatrixView<const T> x, const T* gamma, const T* beta, double eps, T* mean,
                               T* var, T* inv_std, MatrixView<T> y, T* xc = nullptr, T* xn = nullptr);
/// running <- momentum running + (1 - momentum) batch; `unbiased`: var * rows / (rows - 1) enters (torch), else var.
template <class T>
void update_running_statistics(Team& team, const T* mean, const T* var, index_t rows, index_t cols, double momentum,
                               bool unbiased, T* running_mean, T* running_var);
template <class T>
void batch_normalization_inference(Team& team, MatrixView<const T> x, const T* gamma, const T* beta,
                                   const T* running_mean, const T* running_var, double eps, MatrixView<T> y);
/// From the x, mean, inv_std of the training forward. dgamma, dbeta (cols) may be null, dx absent.
/// dx = gamma inv_std (dy - (dbeta + xn dgamma) / rows)
template <class T>
void batch_normalization_backward(Team& team, MatrixView<const T> x, const T* gamma, const T* mean, const T* inv_std,
                                  MatrixView<const T> dy, MatrixView<T> dx, T* dgamma, T* dbeta);
/// Backward of the inference form: dx = dy gamma / sqrt(running_var + eps), dgamma = sum dy xn, dbeta = sum dy.
template <class T>
void batch_normalization_inference_backward(Team& team, MatrixView<const T> x, const T* gamma, const T* running_mean,
                                            const T* running_var, double eps, MatrixView<const T> dy, MatrixView<T> dx,
                                            T* dgamma, T* dbeta);

/// Statistics per row over the columns; mean, inv_std (rows) are outputs.
template <class T>
void layer_normalization_forward(Team& team, MatrixView<const T> x, const T* gamma, const T* beta, double eps, T* mean,
                                 T* inv_std, MatrixView<T> y);
/// dgamma, dbeta (cols) may be null, dx absent. dgamma and dbeta need every row of x and dy: they come first, then a
/// barrier where both they and dx are wanted, then dx, which may be dy or x.
template <class T>
void layer_normalization_backward(Team& team, MatrixView<const T> x, const T* gamma, const T* mean, const T* inv_std,
                                  MatrixView<const T> dy, MatrixView<T> dx, T* dgamma, T* dbeta);

}  // namespace nnfast
