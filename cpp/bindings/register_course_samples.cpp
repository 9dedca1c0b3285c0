// Samples that are columns, as in Nielsen's programs: lists of them as matrices, and descent over their mini-batches.

#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "course.hpp"
#include "nnfast/sigmoid_descent.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

/// Columns (width, 1) as the rows of a new matrix of their dtype; None where one of them is anything else.
py::object course_rows(const py::list& columns, index_t width) {
  const auto count = static_cast<index_t>(columns.size());
  if (count == 0 || width == 0) return py::none();
  const index_t shape[] = {count, width};
  Array rows;
  for (index_t i = 0; i < count; ++i) {
    const Array column = ordinary(columns[static_cast<std::size_t>(i)], 2);
    if (!column || column.shape(0) != width || column.shape(1) != 1 || !column.c_contiguous()) return py::none();
    if (i == 0) rows = new_array(column.is_double(), Shape(shape));
    if (column.is_double() != rows.is_double()) return py::none();
    visit_dtype(rows.is_double(), [&](auto zero) {
      using T = decltype(zero);
      std::memcpy(rows.data<T>() + i * width, column.data<const T>(), static_cast<std::size_t>(width) * sizeof(T));
    });
  }
  return rows.release();
}

/// Whether it was done: `weights` (in, out) and `biases` (out, 1) or (out,) of a sigmoid network after a step for every
/// `batch` of the rows `order` of x and y.
bool course_descent(py::handle x_in, py::handle y_in, py::handle order_in, index_t batch,
                    const std::vector<py::object>& weights, const std::vector<py::object>& biases, bool quadratic,
                    double eta, double decay) {
  Array x = ordinary(x_in, 2);
  Array y = ordinary(y_in, 2);
  if (!x || !y || !y.is_double() || !x.c_contiguous() || !y.c_contiguous() || x.shape(0) != y.shape(0) || batch < 1 ||
      weights.empty() || weights.size() != biases.size()) {
    return false;
  }
  std::vector<SigmoidLayer> layers;
  index_t width = x.shape(1);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Array W = ordinary(weights[i], 2);
    Array b = ordinary(biases[i]);
    if (!W || !b || !W.is_double() || !b.is_double() || !W.writeable() || !b.writeable() || W.shape(0) != width ||
        b.size() != W.shape(1) || !b.c_contiguous()) {
      return false;
    }
    layers.push_back({matrix_view<double>(W), b.data<double>()});
    const MatrixView<double>& view = layers.back().W;
    if (view.col_stride != 1 && view.row_stride != 1) return false;
    width = W.shape(1);
  }
  if (y.shape(1) != width) return false;
  const Array order = contiguous(as_int64(as_array(order_in, "course_descent", "order")));
  const std::span<const index_t> chosen(order.data<const index_t>(), static_cast<std::size_t>(order.size()));
  for (const index_t row : chosen) {
    if (row < 0 || row >= x.shape(0)) return false;
  }
  batch = std::min(batch, order.size());
  if (batch == 0) return true;
  visit_dtype(x.is_double(), [&](auto zero) {
    using S = decltype(zero);
    const SigmoidDescent<S> descent{
        matrix_view<const S>(x), matrix_view<const double>(y), chosen, batch, layers, quadratic, eta, decay};
    std::vector<double> memory(static_cast<std::size_t>(descent.workspace()));
    const Stopwatch watch;
    const GilRelease released;
    run(threads_for(descent.nanoseconds_per_meeting()), [&](Team& team) { descent.run(team, memory.data()); });
  });
  return true;
}

}  // namespace

void register_course_samples(py::module_& m) {
  using namespace py::literals;
  m.def("course_rows", &course_rows, "columns"_a, "width"_a);
  m.def("course_descent", &course_descent, "x"_a, "y"_a, "order"_a, "batch"_a, "weights"_a, "biases"_a, "quadratic"_a,
        "eta"_a, "decay"_a);
}

}  // namespace nnfast::bindings
