#pragma once
// Losses over scores y (batch, cols) and targets. Per-sample losses L_i; the total is sum_i L_i / normalizer.
//
//   softmax_cross_entropy  L_i = -w_i sum_j q_ij log softmax(y_i)_j;  q one-hot of the label or a given row, smoothed:
//                          q <- (1 - label_smoothing) q + label_smoothing / cols, then q_ij <- class_weight_j q_ij, as
//                          in torch; what has q_ij = 0 adds nothing, even where y_ij = -inf
//   sigmoid_cross_entropy  L_i = w_i sum_j max(y, 0) - y t + log(1 + exp(-|y|))
//   squared_error          L_i = w_i factor sum_j (y - t)^2
//   absolute_error         L_i = w_i sum_j |y - t|                       (derivative 0 at y = t)
//   huber                  L_i = w_i sum_j (d^2/2 if |d| <= delta else delta (|d| - delta/2)),  d = y - t
//   hinge                  L_i = w_i sum_{j != t_i} max(0, y_ij - y_i,t_i + margin)   (labels only)
//
// w_i is sample_weight_i, for hinge times class_weight[t_i]. The elementwise losses take labels as one-hot rows and no
// class weights.
// A label equal to ignore_index gives L_i = 0, dy_i = 0 and weighs nothing.

#include "nnfast/parallel.hpp"

namespace nnfast {

enum class Loss : int {
  softmax_cross_entropy,
  sigmoid_cross_entropy,
  squared_error,
  absolute_error,
  huber,
  hinge,
};

enum class Reduction : int {
  none,        // normalizer 1, per-sample losses wanted
  sum,         // normalizer 1
  mean,        // softmax_cross_entropy, hinge: sum of sample_weight_i class_weight[t_i] (dense: of sample_weight_i).
               // The elementwise losses: cols * sum of sample_weight_i
  batch_mean,  // sum of sample_weight_i, for all
};

struct LossSpec {
  Loss loss = Loss::softmax_cross_entropy;
  Reduction reduction = Reduction::mean;
  double factor = 1;  // squared_error
  double delta = 1;   // huber
  double margin = 1;  // hinge
  double label_smoothing = 0;
  bool has_ignore_index = false;
  index_t ignore_index = -100;
};

/// Either labels (batch) or dense (batch, cols, unit column stride); weights may be null.
template <class T>
struct Targets {
  const index_t* labels = nullptr;
  MatrixView<const T> dense;
  const T* class_weight = nullptr;   // (cols,)
  const T* sample_weight = nullptr;  // (batch,)
};

/// Index of the first label outside 0..cols-1 that is not ignored, or -1.
index_t first_bad_label(const LossSpec& spec, const index_t* labels, index_t batch, index_t cols);

/// What the sum of L_i is divided by. One thread, O(batch); an all-ignored batch gives 0 (the mean is then NaN).
template <class T>
double loss_normalizer(const LossSpec& spec, const Targets<T>& t, index_t batch, index_t cols);

/// row_loss (batch): L_i, not divided. dy, unless absent: the derivative of (sum_i L_i) / normalizer; dy may be y.
/// correct (batch), unless null: 1 where argmax y_i is the label (or argmax of the dense row), else 0; 0 where ignored.
/// sigmoid_cross_entropy: 1 where y_ij > 0 for every j with t_ij > 1/2 and y_ij <= 0 for the others.
template <class T>
void loss_rows(Team& team, const LossSpec& spec, MatrixView<const T> y, const Targets<T>& t, double normalizer,
               T* row_loss, MatrixView<T> dy, unsigned char* correct = nullptr);

/// Sum in float64 with a grid of chunks and a combination order that depend on n only. One thread.
template <class T>
double sum_rows(const T* row_loss, index_t n);

}  // namespace nnfast
