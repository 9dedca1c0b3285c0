#include "array_view.hpp"
#include "nnfast/softmax.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

// One thread's time per element: an exponential and three passes over a row in cache.
constexpr double kNanoseconds = 1.5;

/// Where `axis` counts from the front. A 0-d array has no axis.
int checked_axis(const char* function, const Array& x, index_t axis) {
  const int ndim = x.ndim();
  if (ndim == 0) value_error(function, ": x has shape (); expected at least one dimension");
  if (axis < -ndim || axis >= ndim) {
    value_error(function, ": axis is ", axis, " but x has shape ", shape_text(x.shape()), "; expected an axis in ",
                -ndim, "..", ndim - 1);
  }
  return static_cast<int>(axis < 0 ? axis + ndim : axis);
}

Array swapped(const Array& a, int axis) { return Array(a.object().attr("swapaxes")(axis, a.ndim() - 1)); }

/// Row-wise operations work along the last axis; along another one they do so on a transposed copy.
Array axis_last(const Array& a, int axis) { return contiguous(axis == a.ndim() - 1 ? a : swapped(a, axis)); }

/// Writes the rows back to where they came from.
void put_back(const Array& rows, const Array& out, int axis) {
  swapped(out, axis).object().attr("__setitem__")(py::ellipsis(), rows.object());
}

template <class Op>
py::object forward(const char* function, py::handle x_in, index_t axis_in, py::handle out, Op op) {
  const Array x = as_floats(x_in, function, "x");
  const int axis = checked_axis(function, x, axis_in);
  const bool last = axis == x.ndim() - 1;
  Array y = output(out, function, x.shape(), x.is_double());
  if (!out.is_none()) check_overlap(function, "out", y, "x", x, true);
  const Array from = axis_last(x, axis);
  const Array to = last ? y : new_array(x.is_double(), from.shape());
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    const auto from_rows = contiguous_rows<const T>(from);
    const auto to_rows = contiguous_rows<T>(to);
    compute(kNanoseconds * static_cast<double>(from.size()), [&](Team& team) { op(team, from_rows, to_rows); });
  });
  if (!last) put_back(to, y, axis);
  return y.release();
}

template <class Op>
py::object backward(const char* function, py::handle dy_in, py::handle y_in, index_t axis_in, Op op) {
  Operand dy(dy_in, function, "dy");
  Operand y(y_in, function, "y");
  const bool is_double = promote({&dy, &y});
  if (!same_shape(dy.array.shape(), y.array.shape())) {
    value_error(function, ": dy has shape ", shape_text(dy.array.shape()), " but y has shape ",
                shape_text(y.array.shape()), "; expected equal shapes");
  }
  const int axis = checked_axis(function, y.array, axis_in);
  const bool last = axis == y.array.ndim() - 1;
  const Array from_dy = axis_last(dy.array, axis);
  const Array from_y = axis_last(y.array, axis);
  const Array to = new_array(is_double, from_y.shape());
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto dy_rows = contiguous_rows<const T>(from_dy);
    const auto y_rows = contiguous_rows<const T>(from_y);
    const auto dx_rows = contiguous_rows<T>(to);
    compute(kNanoseconds * static_cast<double>(to.size()), [&](Team& team) { op(team, dy_rows, y_rows, dx_rows); });
  });
  return last ? to.object() : contiguous(swapped(to, axis)).release();
}

}  // namespace

void register_softmax(py::module_& m) {
  using namespace py::literals;
  m.def(
      "softmax",
      [](py::handle x, index_t axis, py::handle out) {
        return forward("softmax", x, axis, out,
                       [](Team& team, auto from, auto to) { softmax_forward(team, from, to); });
      },
      "x"_a, "axis"_a = -1, "out"_a = py::none());
  m.def(
      "log_softmax",
      [](py::handle x, index_t axis, py::handle out) {
        return forward("log_softmax", x, axis, out,
                       [](Team& team, auto from, auto to) { log_softmax_forward(team, from, to); });
      },
      "x"_a, "axis"_a = -1, "out"_a = py::none());
  m.def(
      "softmax_backward",
      [](py::handle dy, py::handle y, index_t axis) {
        return backward("softmax_backward", dy, y, axis,
                        [](Team& team, auto g, auto s, auto dx) { softmax_backward(team, g, s, dx); });
      },
      "dy"_a, "y"_a, "axis"_a = -1);
  m.def(
      "log_softmax_backward",
      [](py::handle dy, py::handle y, index_t axis) {
        return backward("log_softmax_backward", dy, y, axis,
                        [](Team& team, auto g, auto s, auto dx) { log_softmax_backward(team, g, s, dx); });
      },
      "dy"_a, "y"_a, "axis"_a = -1);
}

}  // namespace nnfast::bindings
