// What nnfast.compat calls for every step of a course's own training loop. Each function does the ordinary case, exact
// arrays of float32 or float64 whose shapes fit, and returns None (or False) for everything else, which the caller then
// leaves to NumPy's formula: so values, dtypes and messages outside the ordinary case stay NumPy's own.

#include <algorithm>
#include <cmath>
#include <vector>

#include "array_memory.hpp"
#include "course.hpp"
#include "nnfast/activation.hpp"
#include "nnfast/affine.hpp"
#include "nnfast/gemm.hpp"
#include "nnfast/normalization.hpp"
#include "nnfast/softmax.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

using npy = py::detail::npy_api;

/// A C = A B whose A may be float in a product of doubles. B is converted where it has to be.
template <class F>
void with_operands(Array& a, Array& b, F&& f) {
  if (!a.is_double() && b.is_double()) {
    f(matrix_view<const float>(a), matrix_view<const double>(b));
  } else if (a.is_double()) {
    b = as_floats(b, true);
    f(matrix_view<const double>(a), matrix_view<const double>(b));
  } else {
    f(matrix_view<const float>(a), matrix_view<const float>(b));
  }
}

// ---- affine

/// b as the row that the product's dtype takes in; false where NumPy would make more of it than a row.
bool read_row(py::handle b_in, const Array& W, bool is_double, Array& row) {
  const Array b = ordinary(b_in);
  if (!b || (b.is_double() && !is_double)) return false;
  const index_t out = W.shape(1);
  const bool fits = (b.ndim() == 1 && b.shape(0) == out) || (b.ndim() == 2 && b.shape(0) == 1 && b.shape(1) == out);
  if (!fits) return false;
  row = contiguous(as_floats(b, is_double));
  return true;
}

py::object affine(py::handle x_in, py::handle W_in, py::handle b_in) {
  Array x = ordinary(x_in, 2);
  Array W = ordinary(W_in, 2);
  if (!x || !W || x.shape(1) != W.shape(0)) return py::none();
  const bool is_double = x.is_double() || W.is_double();
  Array b;
  if (!read_row(b_in, W, is_double, b)) return py::none();
  Array y = new_array(is_double, {x.shape(0), W.shape(1)});
  with_operands(x, W, [&]<class S, class T>(MatrixView<const S> x_view, MatrixView<const T> W_view) {
    const auto y_view = contiguous_rows<T>(y);
    compute(gemm_nanoseconds(y_view.rows, y_view.cols, x_view.cols) * static_cast<double>(sizeof(T)) / 4,
            [&](Team& team) { affine_forward(team, x_view, W_view, b.data<const T>(), y_view); });
  });
  return y.release();
}

/// (dx or None, dW, db); each product in NumPy's promotion of its own operands.
py::object affine_gradients(py::handle dout_in, py::handle x_in, py::handle W_in, bool want_dx) {
  Array dout = ordinary(dout_in, 2);
  Array x = ordinary(x_in, 2);
  Array W = ordinary(W_in, 2);
  if (!dout || !x || !W) return py::none();
  const index_t batch = x.shape(0);
  const index_t in = W.shape(0);
  const index_t out = W.shape(1);
  if (x.shape(1) != in || dout.shape(0) != batch || dout.shape(1) != out) return py::none();

  Array dW = new_array(x.is_double() || dout.is_double(), {in, out});
  Array db = new_array(dout.is_double(), {out});
  Array dx = want_dx ? new_array(dout.is_double() || W.is_double(), {batch, in}) : Array();
  Array x_turned = transposed(x);
  Array W_turned = want_dx ? transposed(W) : Array();
  Array dout_too = dout;
  const double one_product = gemm_nanoseconds(batch, in, out) * (dW.is_double() ? 2 : 1);
  with_operands(x_turned, dout, [&]<class Sx, class Tw>(MatrixView<const Sx> x_view, MatrixView<const Tw> dout_view) {
    GemmOptions<Tw> options;
    const bool sums = db.is_double() == dW.is_double();
    options.b_column_sums = sums ? db.data<Tw>() : nullptr;
    const auto dW_view = contiguous_rows<Tw>(dW);
    const auto weights = [&](Team& team) { gemm(team, x_view, dout_view, dW_view, options); };
    if (!want_dx) {
      compute(one_product, weights);
    } else {
      with_operands(dout_too, W_turned,
                    [&]<class Sd, class Td>(MatrixView<const Sd> dy_view, MatrixView<const Td> Wt_view) {
                      const auto dx_view = contiguous_rows<Td>(dx);
                      compute(2 * one_product, [&](Team& team) {
                        weights(team);
                        gemm(team, dy_view, Wt_view, dx_view);
                      });
                    });
    }
  });
  py::object db_object = db.object();
  if (db.is_double() != dW.is_double()) db_object = py::reinterpret_borrow<py::object>(dout_in).attr("sum")(0);
  return py::make_tuple(want_dx ? dx.release() : py::none(), dW.release(), std::move(db_object));
}

// ---- relu

/// (y, x <= 0)
py::object relu(py::handle x_in) {
  const Array given = ordinary(x_in);
  if (!given) return py::none();
  const Array x = contiguous(given);
  Array y = new_array(x.is_double(), x.shape());
  Array mask = new_bool(x.shape());
  const index_t n = x.size();
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(n) * 0.4,
            [&](Team& team) { relu_masked(team, x.data<const T>(), y.data<T>(), mask.data<bool>(), n); });
  });
  return py::make_tuple(y.release(), mask.release());
}

/// dout[mask] = 0 in place.
bool zero_masked_py(py::handle dout_in, py::handle mask_in) {
  const Array dout = ordinary(dout_in);
  if (!dout || !dout.c_contiguous() || !dout.writeable() || Py_TYPE(mask_in.ptr()) != npy::get().PyArray_Type_) {
    return false;
  }
  const Array mask(py::reinterpret_borrow<py::object>(mask_in));
  if (mask.type_num() != npy::NPY_BOOL_ || !mask.c_contiguous() || !same_shape(mask.shape(), dout.shape()))
    return false;
  const index_t n = dout.size();
  visit_dtype(dout.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(n) * 0.3,
            [&](Team& team) { zero_masked(team, mask.data<const bool>(), dout.data<T>(), n); });
  });
  return true;
}

// ---- softmax with cross-entropy, the book's way

/// The class of each row of t for scores of shape (batch, classes): labels, or the first largest of one-hot rows.
/// Nothing where NumPy has to have a look.
Array classes(py::handle t_in, index_t batch, index_t count) {
  if (Py_TYPE(t_in.ptr()) != npy::get().PyArray_Type_) return {};
  const Array t(py::reinterpret_borrow<py::object>(t_in));
  const char kind = t.kind();
  if (t.ndim() == 1 && t.shape(0) == batch && count > 1 && (kind == 'i' || kind == 'u')) {
    Array labels = contiguous(as_int64(t));
    const auto* const label = labels.data<const index_t>();
    for (index_t i = 0; i < batch; ++i) {
      if (label[i] < -count || label[i] >= count) return {};
    }
    return labels;
  }
  if (t.ndim() != 2 || t.shape(0) != batch || t.shape(1) != count) return {};
  if (kind != 'f' && kind != 'i' && kind != 'u') return {};
  const Array rows = contiguous(as_floats(t, true));
  const index_t shape[] = {batch};
  Array labels = new_int64(Shape(shape));
  for (index_t i = 0; i < batch; ++i) {
    const auto* const row = rows.data<const double>() + i * count;
    index_t best = 0;
    for (index_t j = 1; j < count && row[best] == row[best]; ++j) {
      if (!(row[j] <= row[best])) best = j;
    }
    labels.data<index_t>()[i] = best;
  }
  return labels;
}

index_t wrapped(index_t label, index_t count) { return label < 0 ? label + count : label; }

/// Along the last axis. A row that comes out as NaN is one that NumPy may have to warn of.
template <class T>
bool softmax_rows(MatrixView<const T> x, MatrixView<T> y) {
  compute(1.5 * static_cast<double>(x.rows * x.cols), [&](Team& team) { softmax_forward(team, x, y); });
  for (index_t i = 0; i < y.rows; ++i) {
    if (std::isnan(*y.at(i))) return false;
  }
  return true;
}

py::object softmax(py::handle x_in) {
  const Array given = ordinary(x_in);
  if (!given || given.ndim() == 0 || given.size() == 0) return py::none();
  const Array x = contiguous(given);
  Array y = new_array(x.is_double(), x.shape());
  bool done = false;
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    done = softmax_rows(contiguous_rows<const T>(x), contiguous_rows<T>(y));
  });
  return done ? y.release() : py::none();
}

/// (loss, y): y = softmax(x), loss = -sum(log(y[i, t_i] + 1e-7)) / batch.
py::object softmax_with_loss(py::handle x_in, py::handle t_in) {
  Array x = ordinary(x_in, 2);
  if (!x) return py::none();
  const index_t batch = x.shape(0);
  const index_t count = x.shape(1);
  const Array labels = classes(t_in, batch, count);
  if (!labels) return py::none();
  x = contiguous(x);
  Array y = new_array(x.is_double(), x.shape());
  double loss = 0;
  bool done = false;
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    done = softmax_rows(contiguous_rows<const T>(x), contiguous_rows<T>(y));
    const T* const probability = y.data<const T>();
    const auto* const label = labels.data<const index_t>();
    for (index_t i = 0; i < batch; ++i) {
      loss -= static_cast<double>(std::log(probability[i * count + wrapped(label[i], count)] + static_cast<T>(1e-7)));
    }
  });
  if (!done) return py::none();
  return py::make_tuple(loss / static_cast<double>(batch), y.release());
}

/// dx = (y - t) / batch of such a y.
py::object softmax_with_loss_gradient(py::handle y_in, py::handle t_in) {
  Array y = ordinary(y_in, 2);
  if (!y) return py::none();
  y = contiguous(y);
  const index_t batch = y.shape(0);
  const index_t count = y.shape(1);
  const Array one_hot = ordinary(t_in, 2);
  Array labels;
  Array t;
  if (one_hot) {
    if (!same_shape(one_hot.shape(), y.shape()) || (one_hot.is_double() && !y.is_double())) return py::none();
    t = contiguous(as_floats(one_hot, y.is_double()));
  } else {
    const Array raw(py::reinterpret_borrow<py::object>(t_in));
    if (Py_TYPE(t_in.ptr()) != npy::get().PyArray_Type_ || raw.ndim() != 1) return py::none();
    labels = classes(t_in, batch, count);
    if (!labels) return py::none();
  }
  Array dx = new_array(y.is_double(), y.shape());
  visit_dtype(y.is_double(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = y.data<const T>();
    T* const to = dx.data<T>();
    const T rows = static_cast<T>(batch);
    if (t) {
      const T* const target = t.data<const T>();
      for (index_t i = 0; i < batch * count; ++i) to[i] = (from[i] - target[i]) / rows;
      return;
    }
    const auto* const label = labels.data<const index_t>();
    for (index_t i = 0; i < batch * count; ++i) to[i] = from[i] / rows;
    for (index_t i = 0; i < batch; ++i) {
      const index_t at = i * count + wrapped(label[i], count);
      to[at] = (from[at] - 1) / rows;
    }
  });
  return dx.release();
}

// ---- batch normalization, the book's way

/// (out, xc, xn, mean, var, std): xc = x - mean, xn = xc / std, out = gamma xn + beta.
py::object batch_normalization(py::handle x_in, py::handle gamma_in, py::handle beta_in, double eps) {
  const Array given = ordinary(x_in, 2);
  Array gamma = ordinary(gamma_in, 1);
  Array beta = ordinary(beta_in, 1);
  if (!given || !gamma || !beta) return py::none();
  const bool is_double = given.is_double();
  const index_t cols = given.shape(1);
  for (const Array* a : {&gamma, &beta}) {
    if (a->is_double() != is_double || a->shape(0) != cols) return py::none();
  }
  const Array x = contiguous(given);
  gamma = contiguous(gamma);
  beta = contiguous(beta);
  const Shape row = x.shape().last(1);
  Array out = new_array(is_double, x.shape());
  Array xc = new_array(is_double, x.shape());
  Array xn = new_array(is_double, x.shape());
  Array mean = new_array(is_double, row);
  Array var = new_array(is_double, row);
  Array deviation = new_array(is_double, row);
  const Array inv_std = new_array(is_double, row);
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto x_rows = contiguous_rows<const T>(x);
    compute(4.0 * static_cast<double>(x.size()), [&](Team& team) {
      batch_normalization_train(team, x_rows, gamma.data<const T>(), beta.data<const T>(), eps, mean.data<T>(),
                                var.data<T>(), inv_std.data<T>(), contiguous_rows<T>(out), xc.data<T>(), xn.data<T>());
    });
    for (index_t j = 0; j < cols; ++j) deviation.data<T>()[j] = std::sqrt(var.data<T>()[j] + static_cast<T>(eps));
  });
  return py::make_tuple(out.release(), xc.release(), xn.release(), mean.release(), var.release(), deviation.release());
}

/// (dx, dgamma, dbeta)
py::object batch_normalization_gradients(py::handle dout_in, py::handle xc_in, py::handle gamma_in,
                                         py::handle deviation_in) {
  Array dout = ordinary(dout_in, 2);
  Array xc = ordinary(xc_in, 2);
  Array gamma = ordinary(gamma_in, 1);
  const Array deviation = ordinary(deviation_in, 1);
  if (!dout || !xc || !gamma || !deviation || !same_shape(dout.shape(), xc.shape())) return py::none();
  const bool is_double = dout.is_double();
  const index_t cols = dout.shape(1);
  for (const Array& a : {xc, gamma, deviation}) {
    if (a.is_double() != is_double || a.shape(a.ndim() - 1) != cols || !a.c_contiguous()) return py::none();
  }
  dout = contiguous(dout);
  Array dx = new_array(is_double, dout.shape());
  Array dgamma = new_array(is_double, {cols});
  Array dbeta = new_array(is_double, {cols});
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> mean(static_cast<std::size_t>(cols), T{0});
    std::vector<T> inv_std(static_cast<std::size_t>(cols));
    for (index_t j = 0; j < cols; ++j) inv_std[static_cast<std::size_t>(j)] = 1 / deviation.data<const T>()[j];
    compute(4.0 * static_cast<double>(dout.size()), [&](Team& team) {
      batch_normalization_backward<T>(team, contiguous_rows<const T>(xc), gamma.data<const T>(), mean.data(),
                                      inv_std.data(), contiguous_rows<const T>(dout), contiguous_rows<T>(dx),
                                      dgamma.data<T>(), dbeta.data<T>());
    });
  });
  return py::make_tuple(dx.release(), dgamma.release(), dbeta.release());
}

}  // namespace

void register_course(py::module_& m) {
  using namespace py::literals;
  m.def("core_seconds", &Stopwatch::seconds);
  m.def("pool_arrays_of_numpy", &pool_arrays_of_numpy, "on"_a);
  m.def("course_affine", &affine, "x"_a, "W"_a, "b"_a);
  m.def("course_affine_gradients", &affine_gradients, "dout"_a, "x"_a, "W"_a, "want_dx"_a);
  m.def("course_relu", &relu, "x"_a);
  m.def("course_zero_masked", &zero_masked_py, "dout"_a, "mask"_a);
  m.def("course_softmax", &softmax, "x"_a);
  m.def("course_softmax_with_loss", &softmax_with_loss, "x"_a, "t"_a);
  m.def("course_softmax_with_loss_gradient", &softmax_with_loss_gradient, "y"_a, "t"_a);
  m.def("course_batch_normalization", &batch_normalization, "x"_a, "gamma"_a, "beta"_a, "eps"_a);
  m.def("course_batch_normalization_gradients", &batch_normalization_gradients, "dout"_a, "xc"_a, "gamma"_a, "std"_a);
}

}  // namespace nnfast::bindings
