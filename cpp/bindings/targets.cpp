#include "targets.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

namespace nnfast::bindings {
namespace {

/// Losses over classes: targets are labels or one row of class weights per sample. The others compare y with t.
bool over_classes(const LossSpec& spec) { return spec.loss == Loss::softmax_cross_entropy || spec.loss == Loss::hinge; }

Shape leading(Shape y_shape) { return y_shape.size() == 1 ? y_shape : y_shape.first(y_shape.size() - 1); }

/// "t[3]" or "t[1, 2]": the element with that index in C order.
std::string element_text(Shape shape, index_t flat) {
  std::string s;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    s = std::to_string(flat % shape[axis]) + (s.empty() ? "" : ", ") + s;
    flat /= shape[axis];
  }
  return "t[" + s + "]";
}

std::string expected_labels(const LossSpec& spec, index_t cols) {
  std::string s = text("a label in 0..", cols - 1);
  if (spec.has_ignore_index) s += text(" or ignore_index ", spec.ignore_index);
  return s;
}

/// Values of uint64 that int64 cannot hold would come out negative, and could even hit ignore_index.
void check_fits(const Array& labels, const LossSpec& spec, const char* function, index_t cols) {
  const Array c = contiguous(labels);
  const auto* value = c.data<const std::uint64_t>();
  for (index_t i = 0; i < c.size(); ++i) {
    if (value[i] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      index_error(function, ": ", element_text(labels.shape(), i), " is ", value[i], "; expected ",
                  expected_labels(spec, cols));
    }
  }
}

Array read_labels(const Array& t, const LossSpec& spec, const char* function, index_t batch, index_t cols) {
  const char kind = t.kind();
  if (t.size() > 0 && kind != 'i' && kind != 'u') {
    type_error(function, ": t has dtype ", dtype_text(t), "; expected integer labels (t.astype(int))");
  }
  const Array labels = contiguous(as_int64(t));
  if (kind == 'u' && t.object().attr("itemsize").cast<index_t>() == 8) {
    check_fits(as_native(t), spec, function, cols);
  }
  const auto* value = labels.data<const index_t>();
  const index_t bad = first_bad_label(spec, value, batch, cols);
  if (bad >= 0) {
    index_error(function, ": ", element_text(t.shape(), bad), " is ", value[bad], "; expected ",
                expected_labels(spec, cols));
  }
  return labels;
}

[[noreturn]] void refuse_shape(const Array& t, const LossSpec& spec, const char* function, Shape y_shape) {
  const bool classes = over_classes(spec);
  const Shape labels = leading(y_shape);
  std::string expected;
  if (classes) expected = "labels of shape " + shape_text(labels);
  if (!classes || spec.loss != Loss::hinge) {
    expected += (classes ? " or one row per sample, " : "") + shape_text(y_shape);
  }
  const bool integers = t.kind() == 'i' || t.kind() == 'u';
  if (classes && integers && t.ndim() == static_cast<int>(labels.size()) + 1 && t.shape(t.ndim() - 1) == 1) {
    expected += labels.size() == 1 ? "; t.ravel() makes labels of it" : "; t[..., 0] makes labels of it";
  } else if (!classes && integers && same_shape(t.shape(), labels)) {
    expected += "; one_hot(t, " + std::to_string(y_shape.back()) + ") makes rows of labels";
  }
  value_error(function, ": t has shape ", shape_text(t.shape()), " but ", scores_name(spec), " has shape ",
              shape_text(y_shape), "; expected ", expected);
}

Array read_weights(py::handle value, const char* function, const char* argument, Shape expected, bool is_double) {
  Array w = as_floats(value, function, argument, is_double, true);
  if (!w) return w;
  if (!same_shape(w.shape(), expected)) {
    value_error(function, ": ", argument, " has shape ", shape_text(w.shape()), "; expected ", shape_text(expected));
  }
  w = contiguous(w);
  visit_dtype(is_double, [&](auto zero) {
    const auto* p = w.data<const decltype(zero)>();
    for (index_t i = 0; i < w.size(); ++i) {
      if (!(p[i] >= zero && std::isfinite(p[i]))) {
        value_error(function, ": ", argument, " holds ", p[i], " at ", i, "; expected finite weights >= 0");
      }
    }
  });
  return w;
}

}  // namespace

const char* scores_name(const LossSpec& spec) {
  switch (spec.loss) {
    case Loss::softmax_cross_entropy:
    case Loss::sigmoid_cross_entropy: return "logits";
    case Loss::hinge: return "scores";
    default: return "y";
  }
}

std::pair<index_t, index_t> score_shape(const LossSpec& spec, const char* function, Shape y_shape) {
  const std::size_t fewest = over_classes(spec) ? 2 : 1;
  if (y_shape.size() < fewest) {
    value_error(function, ": ", scores_name(spec), " has shape ", shape_text(y_shape), "; expected (batch, ",
                over_classes(spec) ? "classes)" : "outputs) or (batch,)");
  }
  index_t batch = 1;
  for (const index_t n : leading(y_shape)) batch *= n;
  return {batch, y_shape.size() == 1 ? 1 : y_shape.back()};
}

void check_reduction(const LossSpec& spec, const char* function, Shape y_shape) {
  const auto [batch, cols] = score_shape(spec, function, y_shape);
  const bool by_rows = spec.reduction == Reduction::batch_mean || over_classes(spec);
  const bool by_elements = spec.reduction == Reduction::mean && !by_rows;
  if ((spec.reduction == Reduction::mean || spec.reduction == Reduction::batch_mean) &&
      (batch == 0 || (by_elements && cols == 0))) {
    value_error(function, ": ", scores_name(spec), " has shape ", shape_text(y_shape),
                "; expected at least one sample, as the mean over none is undefined");
  }
}

TargetArrays read_targets(const LossSpec& spec, const char* function, py::handle t, Shape y_shape,
                          py::handle class_weight, py::handle sample_weight, bool is_double) {
  TargetArrays result;
  std::tie(result.batch, result.cols) = score_shape(spec, function, y_shape);
  const index_t batch = result.batch;
  const index_t cols = result.cols;
  const Shape samples = leading(y_shape);
  const bool classes = over_classes(spec);

  const Array targets = as_array(t, function, "t");
  if (classes && same_shape(targets.shape(), samples)) {
    result.labels = read_labels(targets, spec, function, batch, cols);
  } else if (spec.loss != Loss::hinge &&
             (same_shape(targets.shape(), y_shape) || (cols == 1 && same_shape(targets.shape(), samples)))) {
    result.dense = contiguous(as_floats(targets.object(), function, "t", is_double));
  } else {
    refuse_shape(targets, spec, function, y_shape);
  }

  if (!class_weight.is_none() && !classes) {
    value_error(function, ": class_weight is given, but this loss knows no classes; expected sample_weight or None");
  }
  result.class_weight = read_weights(class_weight, function, "class_weight", Shape(&cols, 1), is_double);
  result.sample_weight = read_weights(sample_weight, function, "sample_weight", samples, is_double);
  return result;
}

}  // namespace nnfast::bindings
