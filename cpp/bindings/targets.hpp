#pragma once
// Labels or dense targets with their weights, checked, as the core's losses take them.

#include "array_view.hpp"
#include "nnfast/loss.hpp"

namespace nnfast::bindings {

/// Owns what its Targets point to.
struct TargetArrays {
  Array labels;         // int64, contiguous, or null
  Array dense;          // of y's dtype, contiguous, or null
  Array class_weight;   // of y's dtype, contiguous, or null
  Array sample_weight;  // of y's dtype, contiguous, or null
  index_t batch = 0;
  index_t cols = 0;

  template <class T>
  [[nodiscard]] Targets<T> view() const {
    Targets<T> t;
    t.labels = labels.data<const index_t>();
    if (dense) t.dense = {dense.data<const T>(), batch, cols};
    t.class_weight = class_weight.data<const T>();
    t.sample_weight = sample_weight.data<const T>();
    return t;
  }
};

/// Targets for scores of shape y_shape: (batch..., cols), or (batch,) for one output. Integers of shape (batch...) are
/// labels where the loss takes labels; everything else must have y's shape (or, for one output, be as long as y).
///
/// TypeError: labels that are not integers. IndexError: a label outside 0..cols-1 that is not ignored. ValueError:
/// shapes, and weights that are negative or not finite.
TargetArrays read_targets(const LossSpec& spec, const char* function, py::handle t, Shape y_shape,
                          py::handle class_weight, py::handle sample_weight, bool is_double);

/// What the loss calls the scores in its messages.
const char* scores_name(const LossSpec& spec);

/// Rows and columns of scores of that shape; ValueError where the loss cannot take it.
std::pair<index_t, index_t> score_shape(const LossSpec& spec, const char* function, Shape y_shape);

/// ValueError where the spec's reduction divides by nothing.
void check_reduction(const LossSpec& spec, const char* function, Shape y_shape);

}  // namespace nnfast::bindings
