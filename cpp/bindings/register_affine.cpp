#include <algorithm>
#include <cmath>
#include <vector>

#include "array_view.hpp"
#include "nnfast/affine.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

void check_matrix(const char* function, const char* argument, const Array& a) {
  if (a.ndim() == 2) return;
  value_error(function, ": ", argument, " has shape ", shape_text(a.shape()), "; expected two dimensions");
}

// ---- gemm

py::object gemm_py(py::handle a_in, py::handle b_in, py::handle c_in, py::handle alpha_in, py::handle beta_in) {
  constexpr const char* kFunction = "gemm";
  const double alpha = read_number(alpha_in, kFunction, "alpha");
  const double beta = read_number(beta_in, kFunction, "beta");
  Operand a(a_in, kFunction, "a");
  Operand b(b_in, kFunction, "b");
  Operand c;
  if (!c_in.is_none()) c = Operand(in_place(c_in, kFunction, "c").object(), kFunction, "c");
  const bool is_double = promote({&a, &b, &c});
  check_matrix(kFunction, "a", a.array);
  check_matrix(kFunction, "b", b.array);
  const index_t m = a.array.shape(0);
  const index_t n = b.array.shape(1);
  const index_t k = a.array.shape(1);
  if (b.array.shape(0) != k) {
    value_error(kFunction, ": a has shape ", shape_text(a.array.shape()), " but b has shape ",
                shape_text(b.array.shape()), "; expected b (", k, ", n)");
  }
  const Array given = c.array ? Array(py::reinterpret_borrow<py::object>(c_in)) : Array();
  if (given) {
    const index_t expected[] = {m, n};
    if (given.is_double() != is_double) {
      type_error(kFunction, ": c has dtype float32 but a, b make float64; expected c of dtype float64");
    }
    if (!same_shape(given.shape(), expected)) {
      value_error(kFunction, ": c has shape ", shape_text(given.shape()), "; expected ", shape_text(expected));
    }
    check_overlap(kFunction, "c", given, "a", a.array, false);
    check_overlap(kFunction, "c", given, "b", b.array, false);
  } else if (beta != 0) {
    value_error(kFunction, ": beta is ", beta, " but c is None; expected c");
  }

  // The core writes rows of adjacent elements. Columns of adjacent elements are the rows of the transposed product,
  // which has the same bits as long as it does not matter which factor alpha meets. Other layouts go through a copy.
  bool transpose = false;
  Array target = given ? given : new_array(is_double, {m, n});
  if (given) {
    const index_t item = is_double ? 8 : 4;
    const bool unit_columns = n <= 1 || given.strides(1) == item;
    const bool unit_rows = m <= 1 || given.strides(0) == item;
    transpose = !unit_columns && unit_rows && std::abs(alpha) == 1;
    if (!unit_columns && !transpose) {
      target = new_array(is_double, {m, n});
      if (beta != 0) copy_into(target, given);
    }
  }
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    auto A = matrix_view<const T>(a.array);
    auto B = matrix_view<const T>(b.array);
    auto C = matrix_view<T>(target);
    if (transpose) {
      std::swap(A, B);
      A = A.transposed();
      B = B.transposed();
      C = C.transposed();
      if (C.cols <= 1) C.col_stride = 1;
    }
    GemmOptions<T> options;
    options.alpha = static_cast<T>(alpha);
    options.beta = static_cast<T>(beta);
    compute(gemm_nanoseconds(m, n, k), [&](Team& team) { gemm(team, A, B, C, options); });
  });
  if (!given) return target.release();
  if (target.bytes() != given.bytes()) copy_into(given, target);
  return given.object();
}

// ---- affine

void check_weight(const char* function, const Array& x, const Array& W) {
  check_matrix(function, "W", W);
  if (x.ndim() == 0 || x.shape(x.ndim() - 1) != W.shape(0)) {
    value_error(function, ": x has shape ", shape_text(x.shape()), " but W has shape ", shape_text(W.shape()),
                "; expected x (..., ", W.shape(0), ")");
  }
}

/// b as (out,) contiguous elements.
Array read_bias(const Array& b, const Array& W, bool is_double) {
  const index_t out = W.shape(1);
  const bool row = (b.ndim() == 1 && b.shape(0) == out) || (b.ndim() == 2 && b.shape(0) == 1 && b.shape(1) == out);
  if (row) return contiguous(b);
  if (b.size() != 1) {
    value_error("affine: b has shape ", shape_text(b.shape()), " but W has shape ", shape_text(W.shape()),
                "; expected b (", out, ",), (1, ", out, ") or a number");
  }
  const Array filled = new_array(is_double, {out});
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(filled.data<T>(), out, *b.data<const T>());
  });
  return filled;
}

py::object affine_py(py::handle x_in, py::handle W_in, py::handle b_in, py::handle out) {
  constexpr const char* kFunction = "affine";
  Operand x(x_in, kFunction, "x");
  Operand W(W_in, kFunction, "W");
  Operand b = Operand::optional(b_in, kFunction, "b");
  Operand* const all[] = {&x, &W, &b};
  const bool is_double = promotes_to_double(all);
  // Float data against double weights become doubles while they are packed.
  const bool mixed = is_double && is_single(x.array);
  if (!mixed) x.array = as_floats(x.array, is_double);
  W.array = as_floats(W.array, is_double);
  if (b.array) b.array = as_floats(b.array, is_double);
  check_weight(kFunction, x.array, W.array);
  const Array bias = b.array ? read_bias(b.array, W.array, is_double) : Array();

  const Shape x_shape = x.array.shape();
  constexpr std::size_t kMaxDimensions = 64;  // NumPy's own limit
  index_t y_shape[kMaxDimensions];
  std::copy(x_shape.begin(), x_shape.end(), y_shape);
  y_shape[x_shape.size() - 1] = W.array.shape(1);
  Array y = output(out, kFunction, Shape(y_shape, x_shape.size()), is_double);
  if (!out.is_none()) {
    check_overlap(kFunction, "out", y, "x", x.array, false);
    check_overlap(kFunction, "out", y, "W", W.array, false);
    if (bias) check_overlap(kFunction, "out", y, "b", bias, false);
  }
  const auto multiply = [&]<class S, class T>(MatrixView<const S> x_view, MatrixView<const T> W_view) {
    const auto y_view = contiguous_rows<T>(y);
    compute(gemm_nanoseconds(y_view.rows, y_view.cols, x_view.cols),
            [&](Team& team) { affine_forward(team, x_view, W_view, bias.data<const T>(), y_view); });
  };
  if (mixed) {
    multiply(rows_view<const float>(x.array, false), matrix_view<const double>(W.array));
  } else {
    visit_dtype(is_double, [&](auto zero) {
      using T = decltype(zero);
      multiply(rows_view<const T>(x.array, false), matrix_view<const T>(W.array));
    });
  }
  return y.release();
}

py::tuple affine_backward_py(py::handle dy_in, py::handle x_in, py::handle W_in) {
  constexpr const char* kFunction = "affine_backward";
  Operand dy(dy_in, kFunction, "dy");
  Operand x(x_in, kFunction, "x");
  Operand W(W_in, kFunction, "W");
  Operand* const all[] = {&dy, &x, &W};
  const bool is_double = promotes_to_double(all);
  const bool mixed = is_double && is_single(x.array);
  if (!mixed) x.array = as_floats(x.array, is_double);
  dy.array = as_floats(dy.array, is_double);
  W.array = as_floats(W.array, is_double);
  check_weight(kFunction, x.array, W.array);
  std::vector<index_t> expected(x.array.shape().begin(), x.array.shape().end());
  expected.back() = W.array.shape(1);
  if (!same_shape(dy.array.shape(), expected)) {
    value_error(kFunction, ": dy has shape ", shape_text(dy.array.shape()), " but x has shape ",
                shape_text(x.array.shape()), " and W has shape ", shape_text(W.array.shape()), "; expected dy ",
                shape_text(expected));
  }
  Array dx = new_array(is_double, x.array.shape());
  Array dW = new_array(is_double, W.array.shape());
  Array db = new_array(is_double, {W.array.shape(1)});
  const auto multiply = [&]<class S, class T>(MatrixView<const S> x_view, MatrixView<const T> W_view) {
    const auto dy_view = rows_view<const T>(dy.array, false);
    const auto dx_view = contiguous_rows<T>(dx);
    const auto dW_view = contiguous_rows<T>(dW);
    compute(2 * gemm_nanoseconds(dy_view.rows, dy_view.cols, x_view.cols),
            [&](Team& team) { affine_backward(team, x_view, W_view, dy_view, dx_view, dW_view, db.data<T>()); });
  };
  if (mixed) {
    multiply(rows_view<const float>(x.array, false), matrix_view<const double>(W.array));
  } else {
    visit_dtype(is_double, [&](auto zero) {
      using T = decltype(zero);
      multiply(rows_view<const T>(x.array, false), matrix_view<const T>(W.array));
    });
  }
  return py::make_tuple(dx.release(), dW.release(), db.release());
}

}  // namespace

void register_affine(py::module_& m) {
  using namespace py::literals;
  m.def("gemm", &gemm_py, "a"_a, "b"_a, "c"_a = py::none(), "alpha"_a = 1.0, "beta"_a = 0.0);
  m.def("affine", &affine_py, "x"_a, "W"_a, "b"_a = py::none(), "out"_a = py::none());
  m.def("affine_backward", &affine_backward_py, "dy"_a, "x"_a, "W"_a);
}

}  // namespace nnfast::bindings
