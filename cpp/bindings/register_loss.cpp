#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <optional>

#include "names.hpp"
#include "nnfast/loss.hpp"
#include "register.hpp"
#include "targets.hpp"

namespace nnfast::bindings {
namespace {

constexpr std::array kKinds = {
    "softmax_cross_entropy", "sigmoid_cross_entropy", "squared_error", "absolute_error", "huber", "hinge"};
constexpr std::array kReductions = {"none", "sum", "mean", "batch_mean"};
constexpr double kMax = std::numeric_limits<double>::max();

// About what a column of a row costs one thread, in nanoseconds, with exp and log where a loss has them.
constexpr double kCheap = 0.5;
constexpr double kDear = 2;

const char* kind_of(const LossSpec& spec) { return kKinds[static_cast<std::size_t>(spec.loss)]; }

void set_reduction(LossSpec& spec, const std::string& name) {
  spec.reduction = static_cast<Reduction>(index_of(name, kReductions, kind_of(spec), "reduction"));
}
void set_factor(LossSpec& spec, double value) {
  check_range(value, -kMax, kMax, kind_of(spec), "factor", "a finite number");
  spec.factor = value;
}
void set_delta(LossSpec& spec, double value) {
  check_range(value, std::numeric_limits<double>::min(), kMax, kind_of(spec), "delta", "a finite number > 0");
  spec.delta = value;
}
void set_margin(LossSpec& spec, double value) {
  check_range(value, -kMax, kMax, kind_of(spec), "margin", "a finite number");
  spec.margin = value;
}
void set_label_smoothing(LossSpec& spec, double value) {
  check_range(value, 0, 1, kind_of(spec), "label_smoothing", "a number in 0..1");
  spec.label_smoothing = value;
}
void set_ignore_index(LossSpec& spec, std::optional<index_t> value) {
  spec.has_ignore_index = value.has_value();
  spec.ignore_index = value.value_or(LossSpec{}.ignore_index);
}
std::optional<index_t> ignore_index(const LossSpec& spec) {
  return spec.has_ignore_index ? std::optional(spec.ignore_index) : std::nullopt;
}

LossSpec make_spec(const std::string& kind, const std::string& reduction, double factor, double delta, double margin,
                   double label_smoothing, std::optional<index_t> ignored) {
  LossSpec spec;
  spec.loss = static_cast<Loss>(index_of(kind, kKinds, "LossSpec", "kind"));
  set_reduction(spec, reduction);
  set_factor(spec, factor);
  set_delta(spec, delta);
  set_margin(spec, margin);
  set_label_smoothing(spec, label_smoothing);
  set_ignore_index(spec, ignored);
  return spec;
}

struct Result {
  py::object loss;
  py::object dy;
};

Result evaluate(const LossSpec& spec, const std::string& function_name, py::handle y, py::handle t,
                py::handle class_weight, py::handle sample_weight, bool backward) {
  const char* const function = function_name.c_str();
  Operand scores(y, function, scores_name(spec));
  // Dense targets take part in the promotion unless they are integers: one-hot rows follow the scores.
  const Array raw_targets = as_array(t, function, "t");
  Operand targets;
  const bool dense = raw_targets.ndim() == scores.array.ndim();
  if (dense && raw_targets.kind() == 'f') targets = Operand(raw_targets.object(), function, "t");
  const bool is_double = promote({&scores, &targets});

  const Array y_read = contiguous(scores.array);
  const Shape shape = y_read.shape();
  const auto [batch, cols] = score_shape(spec, function, shape);
  const TargetArrays read = read_targets(spec, function, targets.array ? targets.array.object() : raw_targets.object(),
                                         shape, class_weight, sample_weight, is_double);
  check_reduction(spec, function, shape);

  const bool per_sample = spec.reduction == Reduction::none;
  const Shape samples = shape.size() == 1 ? shape : shape.first(shape.size() - 1);
  const Array row_loss = new_array(is_double, samples);
  const Array dy = backward ? new_array(is_double, shape) : Array();
  const bool dear = spec.loss == Loss::softmax_cross_entropy || spec.loss == Loss::sigmoid_cross_entropy;
  const double nanoseconds = static_cast<double>(batch) * (20 + static_cast<double>(cols) * (dear ? kDear : kCheap));

  double total = 0;
  visit_dtype(is_double, [&, rows = batch, columns = cols](auto zero) {
    using T = decltype(zero);
    const Targets<T> view = read.view<T>();
    const MatrixView<const T> y_view(y_read.data<const T>(), rows, columns);
    const MatrixView<T> dy_view = backward ? MatrixView<T>(dy.data<T>(), rows, columns) : MatrixView<T>();
    const double normalizer = loss_normalizer(spec, view, rows, columns);
    T* const losses = row_loss.data<T>();
    compute(nanoseconds, [&](Team& team) { loss_rows(team, spec, y_view, view, normalizer, losses, dy_view); });
    if (!per_sample) total = sum_rows(losses, rows) / normalizer;
  });
  return {per_sample ? row_loss.object() : py::float_(total), backward ? dy.object() : py::none()};
}

}  // namespace

void register_loss(py::module_& m) {
  using namespace py::literals;
  py::class_<LossSpec>(m, "LossSpec",
                       "kind: softmax_cross_entropy, sigmoid_cross_entropy, squared_error, absolute_error, huber, "
                       "hinge.\nreduction: none, sum, mean, batch_mean.")
      .def(py::init(&make_spec), "kind"_a, py::kw_only(), "reduction"_a = "mean", "factor"_a = 1.0, "delta"_a = 1.0,
           "margin"_a = 1.0, "label_smoothing"_a = 0.0, "ignore_index"_a = py::none())
      .def_property_readonly("kind", &kind_of)
      .def_property(
          "reduction", [](const LossSpec& spec) { return kReductions[static_cast<std::size_t>(spec.reduction)]; },
          &set_reduction)
      .def_property(
          "factor", [](const LossSpec& spec) { return spec.factor; }, &set_factor)
      .def_property(
          "delta", [](const LossSpec& spec) { return spec.delta; }, &set_delta)
      .def_property(
          "margin", [](const LossSpec& spec) { return spec.margin; }, &set_margin)
      .def_property(
          "label_smoothing", [](const LossSpec& spec) { return spec.label_smoothing; }, &set_label_smoothing)
      .def_property("ignore_index", &ignore_index, &set_ignore_index)
      .def(py::pickle(
          [](const LossSpec& spec) {
            return py::make_tuple(kind_of(spec), kReductions[static_cast<std::size_t>(spec.reduction)], spec.factor,
                                  spec.delta, spec.margin, spec.label_smoothing, ignore_index(spec));
          },
          [](const py::tuple& state) {
            if (state.size() != 7) value_error("LossSpec: a pickle of ", state.size(), " items; expected 7");
            return make_spec(state[0].cast<std::string>(), state[1].cast<std::string>(), state[2].cast<double>(),
                             state[3].cast<double>(), state[4].cast<double>(), state[5].cast<double>(),
                             state[6].cast<std::optional<index_t>>());
          }));

  m.def(
      "loss",
      [](const LossSpec& spec, const std::string& function, py::handle y, py::handle t, py::handle class_weight,
         py::handle sample_weight) { return evaluate(spec, function, y, t, class_weight, sample_weight, false).loss; },
      "spec"_a, "function"_a, "y"_a, "t"_a, "class_weight"_a = py::none(), "sample_weight"_a = py::none());
  m.def(
      "loss_backward",
      [](const LossSpec& spec, const std::string& function, py::handle y, py::handle t, py::handle class_weight,
         py::handle sample_weight) {
        Result r = evaluate(spec, function, y, t, class_weight, sample_weight, true);
        return py::make_tuple(std::move(r.loss), std::move(r.dy));
      },
      "spec"_a, "function"_a, "y"_a, "t"_a, "class_weight"_a = py::none(), "sample_weight"_a = py::none());
}

}  // namespace nnfast::bindings
