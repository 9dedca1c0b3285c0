#pragma once
// Labels or dense targets with their weights, checked, as the core's losses take them.

#include "array_view.hpp"
#include "nnfast/loss.hpp"

namespace nnfast::bindings {

/// Owns what its Targets point to.
struct TargetArrays {
  Array labels;         // int64, contiguous, or null
  Array dense;          // of y's dtype, unit column stride, or null
  Array class_weight;   // of y's dtype, contiguous, or null
  Array sample_weight;  // of y's dtype, contiguous, or null

  template <class T>
  [[nodiscard]] Targets<T> view() const;
};

/// Targets of `batch` rows of scores with `cols` columns; `leading` is the shape of a label array (batch elements), and
/// dense targets have that shape followed by cols (or, where y_is_1d, `leading` alone). Integers of the shape of labels
/// are labels, everything else must have the shape of dense targets.
///
/// TypeError: labels that are not integers. ValueError: shapes, weights that are negative or not finite, losses that
/// take no labels or no dense targets. IndexError: a label outside 0..cols-1 that is not ignored.
TargetArrays read_targets(const LossSpec& spec, const char* function, py::handle t, Shape leading, index_t cols,
                          bool y_is_1d, py::handle class_weight, py::handle sample_weight, bool is_double);

}  // namespace nnfast::bindings
