// What nnfast.compat calls for every step of a course's own training loop. Each function does the ordinary case, exact
// arrays of float32 or float64 whose shapes fit, and returns None (or False) for everything else, which the caller then
// leaves to NumPy's formula: so values, dtypes and messages outside the ordinary case stay NumPy's own.

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "array_memory.hpp"
#include "array_view.hpp"
#include "nnfast/activation.hpp"
#include "nnfast/affine.hpp"
#include "nnfast/gemm.hpp"
#include "nnfast/normalization.hpp"
#include "nnfast/optimizer.hpp"
#include "nnfast/softmax.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

using npy = py::detail::npy_api;

/// The array itself where it is one of float32 or float64, aligned and native, and no subclass; else nothing.
Array ordinary(py::handle value) {
  if (Py_TYPE(value.ptr()) != npy::get().PyArray_Type_) return {};
  Array a(py::reinterpret_borrow<py::object>(value));
  const int type = a.type_num();
  if ((type != npy::NPY_FLOAT_ && type != npy::NPY_DOUBLE_) || !a.aligned() || !a.native()) return {};
  return a;
}

Array ordinary(py::handle value, int ndim) {
  Array a = ordinary(value);
  return a && a.ndim() == ndim && a.size() > 0 ? a : Array();
}

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

Array transposed(const Array& a) { return Array(a.object().attr("T")); }

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
    GemmOptions<T> options;
    options.epilogue.bias = b.data<const T>();
    const auto y_view = contiguous_rows<T>(y);
    compute(gemm_nanoseconds(y_view.rows, y_view.cols, x_view.cols) * static_cast<double>(sizeof(T)) / 4,
            [&](Team& team) { gemm(team, x_view, W_view, y_view, options); });
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
                                var.data<T>(), inv_std.data<T>(), contiguous_rows<T>(out));
      team.barrier();
      const T* const centre = mean.data<const T>();
      const T* const scale = inv_std.data<const T>();
      const Range rows = team.share(x_rows.rows);
      for (index_t i = rows.begin; i < rows.end; ++i) {
        const T* const from = x_rows.at(i);
        T* const c = xc.data<T>() + i * cols;
        T* const n = xn.data<T>() + i * cols;
        for (index_t j = 0; j < cols; ++j) {
          c[j] = from[j] - centre[j];
          n[j] = c[j] * scale[j];
        }
      }
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

// ---- optimizers

/// p and its states: arrays that may be written to, of one dtype and shape, in C order, apart from one another and from
/// g; else false.
bool updatable(const Array& g, std::initializer_list<const Array*> arrays) {
  const Array* first = nullptr;
  for (const Array* a : arrays) {
    if (!*a || !a->c_contiguous() || !a->writeable()) return false;
    if (first == nullptr) first = a;
    if (a->is_double() != first->is_double() || !same_shape(a->shape(), first->shape())) return false;
    const index_t bytes = a->size() * (a->is_double() ? 8 : 4);
    if (a->bytes() < g.bytes() + bytes && g.bytes() < a->bytes() + bytes) return false;
    if (a != first && a->bytes() < first->bytes() + bytes && first->bytes() < a->bytes() + bytes) return false;
  }
  return g.c_contiguous() && g.is_double() == first->is_double() && same_shape(g.shape(), first->shape());
}

OptimizerSpec spec_of(int kind, double lr, double first, double second, double eps) {
  OptimizerSpec spec;
  spec.kind = static_cast<Optimizer>(kind);
  spec.lr = lr;
  spec.momentum = spec.rho = spec.beta1 = first;
  spec.beta2 = second;
  spec.eps = eps;
  spec.eps_outside_hat = true;
  return spec;
}

/// The numbers of an update; false where one is no Python number, which NumPy may broadcast.
template <class... Values>
bool read_numbers(std::pair<py::handle, double*> first, Values... others) {
  const auto& [value, number] = first;
  if (PyFloat_Check(value.ptr()) == 0 && PyLong_Check(value.ptr()) == 0) return false;
  *number = PyFloat_AsDouble(value.ptr());
  if (*number == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return false;
  }
  if constexpr (sizeof...(others) == 0) {
    return true;
  } else {
    return read_numbers(others...);
  }
}
using Number = std::pair<py::handle, double*>;

constexpr index_t kBlock = 1024;  // elements that stay in L1 between a copy and an update

/// p -= lr g and its like in place. `m`, `v`: states, None where the kind has fewer.
bool optimize(int kind, py::handle p_in, py::handle g_in, py::handle m_in, py::handle v_in, index_t t, py::handle lr_in,
              py::handle first_in, py::handle second_in, double eps) {
  double lr = 0;
  double first = 0;
  double second = 0;
  if (!read_numbers(Number(lr_in, &lr), Number(first_in, &first), Number(second_in, &second))) return false;
  const Array p = ordinary(p_in);
  const Array g = ordinary(g_in);
  if (!p || !g) return false;
  const Array m = m_in.is_none() ? Array() : ordinary(m_in);
  const Array v = v_in.is_none() ? Array() : ordinary(v_in);
  if ((!m_in.is_none() && !m) || (!v_in.is_none() && !v)) return false;
  const bool fits = m ? updatable(g, {&p, &m, &v}) : v ? updatable(g, {&p, &v}) : updatable(g, {&p});
  if (!fits) return false;
  const OptimizerSpec spec = spec_of(kind, lr, first, second, eps);
  const index_t n = p.size();
  visit_dtype(p.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(n) * (p.is_double() ? 2.0 : 1.0), [&](Team& team) {
      optimizer_update(team, spec, t, 1.0, p.data<T>(), g.data<const T>(), m.data<T>(), v.data<T>(), n);
    });
  });
  return true;
}

/// v = momentum v - lr g in a new array, which is returned (None where NumPy has to do it); p += v in place.
py::object optimize_with_new_velocity(py::handle p_in, py::handle g_in, py::handle v_in, py::handle lr_in,
                                      py::handle momentum_in) {
  double lr = 0;
  double momentum = 0;
  if (!read_numbers(Number(lr_in, &lr), Number(momentum_in, &momentum))) return py::none();
  const Array p = ordinary(p_in);
  const Array g = ordinary(g_in);
  const Array old = ordinary(v_in);
  if (!p || !g || !old || !updatable(g, {&p, &old})) return py::none();
  const OptimizerSpec spec = spec_of(static_cast<int>(Optimizer::momentum), lr, momentum, 0, 0);
  Array v = new_array(p.is_double(), p.shape());
  const index_t n = p.size();
  visit_dtype(p.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(n) * (p.is_double() ? 2.0 : 1.0), [&](Team& team) {
      const Range share = team.share(n, kBlock);
      Team alone(0, 1, nullptr);
      for (index_t i = share.begin; i < share.end; i += kBlock) {
        const index_t count = std::min(kBlock, share.end - i);
        std::copy_n(old.data<const T>() + i, count, v.data<T>() + i);
        optimizer_update<T>(alone, spec, 1, 1.0, p.data<T>() + i, g.data<const T>() + i, nullptr, v.data<T>() + i,
                            count);
      }
    });
  });
  return v.release();
}

/// Nesterov's update of the Korean edition: v = mu v - lr g, then p += mu^2 v - (1 + mu) lr g, in place.
bool nesterov_with_new_velocity(py::handle p_in, py::handle g_in, py::handle v_in, py::handle lr_in,
                                py::handle momentum_in) {
  double lr = 0;
  double momentum = 0;
  if (!read_numbers(Number(lr_in, &lr), Number(momentum_in, &momentum))) return false;
  const Array p = ordinary(p_in);
  const Array g = ordinary(g_in);
  const Array v = ordinary(v_in);
  if (!p || !g || !v || !updatable(g, {&p, &v})) return false;
  visit_dtype(p.is_double(), [&](auto zero) {
    using T = decltype(zero);
    const auto mu = static_cast<T>(momentum);
    const auto rate = static_cast<T>(lr);
    T* const parameter = p.data<T>();
    T* const velocity = v.data<T>();
    const T* const gradient = g.data<const T>();
    compute(static_cast<double>(p.size()), [&](Team& team) {
      const Range share = team.share(p.size(), kBlock);
      for (index_t i = share.begin; i < share.end; ++i) {
        velocity[i] = velocity[i] * mu - rate * gradient[i];
        parameter[i] += mu * mu * velocity[i] - (1 + mu) * rate * gradient[i];
      }
    });
  });
  return true;
}

/// (next p, [next states]), all new: one pass over memory.
py::tuple optimizer_step(const OptimizerSpec& spec, index_t t, py::handle p_in, py::handle g_in,
                         const py::sequence& states_in) {
  constexpr const char* kFunction = "optimizer_step";
  const Array p = contiguous(as_floats(p_in, kFunction, "params"));
  const bool is_double = p.is_double();
  const auto same_as_p = [&](py::handle value, const char* argument) {
    Array a = contiguous(as_floats(value, kFunction, argument, is_double));
    if (!same_shape(a.shape(), p.shape())) {
      value_error(kFunction, ": ", argument, " has shape ", shape_text(a.shape()), " but params has shape ",
                  shape_text(p.shape()), "; expected equal shapes");
    }
    return a;
  };
  if (t < 1) value_error(kFunction, ": t is ", t, "; expected 1, 2, ...");
  const Array g = same_as_p(g_in, "grads");
  const auto count = static_cast<std::size_t>(optimizer_states(spec.kind));
  if (states_in.size() != count) {
    value_error(kFunction, ": states holds ", states_in.size(), " arrays; expected ", count);
  }
  Array old[2];
  Array now[2];
  for (std::size_t i = 0; i < count; ++i) {
    old[i] = same_as_p(states_in[i], "states");
    now[i] = new_array(is_double, p.shape());
  }
  Array next = new_array(is_double, p.shape());
  const index_t n = p.size();
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(n) * (is_double ? 2.0 : 1.0), [&](Team& team) {
      const Range share = team.share(n, kBlock);
      Team alone(0, 1, nullptr);
      for (index_t i = share.begin; i < share.end; i += kBlock) {
        const index_t block = std::min(kBlock, share.end - i);
        std::copy_n(p.data<const T>() + i, block, next.data<T>() + i);
        for (std::size_t s = 0; s < count; ++s) std::copy_n(old[s].data<const T>() + i, block, now[s].data<T>() + i);
        // One state is v; two are m, v.
        T* const v = count > 0 ? now[count - 1].data<T>() + i : nullptr;
        T* const m = count > 1 ? now[0].data<T>() + i : nullptr;
        optimizer_update<T>(alone, spec, t, 1.0, next.data<T>() + i, g.data<const T>() + i, m, v, block);
      }
    });
  });
  py::list states;
  for (std::size_t i = 0; i < count; ++i) states.append(now[i].release());
  return py::make_tuple(next.release(), std::move(states));
}

// ---- numerical gradient

/// (f(x + h e) - f(x - h e)) / 2h for one element, which is put back whatever f does.
template <class T>
double difference(py::handle f, py::handle x, T* element, double h) {
  const T before = *element;
  const auto call = [&](T value) {
    *element = value;
    return py::reinterpret_steal<py::object>(PyObject_CallOneArg(f.ptr(), x.ptr()));
  };
  const py::object above = call(before + static_cast<T>(h));
  const py::object below = above ? call(before - static_cast<T>(h)) : py::object();
  *element = before;
  if (!below) throw py::error_already_set();
  if (PyFloat_Check(above.ptr()) && PyFloat_Check(below.ptr())) {
    return (PyFloat_AS_DOUBLE(above.ptr()) - PyFloat_AS_DOUBLE(below.ptr())) / (2 * h);
  }
  const py::object slope = (above - below) / py::float_(2 * h);
  const double value = PyFloat_AsDouble(slope.ptr());
  if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return value;
}

/// Fills grad, of x's dtype and shape, by central differences: f is called with x itself, changed in place. False where
/// x is not an ordinary array that may be written to.
bool numerical_gradient(py::handle f, py::handle x_in, py::handle grad_in, double h) {
  const Array x = ordinary(x_in);
  const Array grad = ordinary(grad_in);
  if (!x || !grad || !x.writeable() || !grad.writeable() || !same_shape(x.shape(), grad.shape()) ||
      x.is_double() != grad.is_double()) {
    return false;
  }
  const int ndim = x.ndim();
  std::vector<index_t> index(static_cast<std::size_t>(ndim), 0);
  const index_t n = x.size();
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    char* element = x.bytes();
    char* result = grad.bytes();
    for (index_t i = 0; i < n; ++i) {
      *reinterpret_cast<T*>(result) = static_cast<T>(difference(f, x_in, reinterpret_cast<T*>(element), h));
      for (int axis = ndim - 1; axis >= 0; --axis) {
        index_t& at = index[static_cast<std::size_t>(axis)];
        element += x.strides(axis);
        result += grad.strides(axis);
        if (++at < x.shape(axis)) break;
        element -= at * x.strides(axis);
        result -= at * grad.strides(axis);
        at = 0;
      }
    }
  });
  return true;
}

}  // namespace

void register_course(py::module_& m) {
  using namespace py::literals;
  m.def("core_seconds", &Stopwatch::seconds);
  m.def("pool_arrays_of_numpy", &pool_arrays_of_numpy);
  m.def("course_affine", &affine, "x"_a, "W"_a, "b"_a);
  m.def("course_affine_gradients", &affine_gradients, "dout"_a, "x"_a, "W"_a, "want_dx"_a);
  m.def("course_relu", &relu, "x"_a);
  m.def("course_zero_masked", &zero_masked_py, "dout"_a, "mask"_a);
  m.def("course_softmax", &softmax, "x"_a);
  m.def("course_softmax_with_loss", &softmax_with_loss, "x"_a, "t"_a);
  m.def("course_softmax_with_loss_gradient", &softmax_with_loss_gradient, "y"_a, "t"_a);
  m.def("course_batch_normalization", &batch_normalization, "x"_a, "gamma"_a, "beta"_a, "eps"_a);
  m.def("course_batch_normalization_gradients", &batch_normalization_gradients, "dout"_a, "xc"_a, "gamma"_a, "std"_a);
  m.def("course_optimize", &optimize, "kind"_a, "p"_a, "g"_a, "m"_a, "v"_a, "t"_a, "lr"_a, "first"_a, "second"_a,
        "eps"_a);
  m.def("course_optimize_with_new_velocity", &optimize_with_new_velocity, "p"_a, "g"_a, "v"_a, "lr"_a, "momentum"_a);
  m.def("course_nesterov_with_new_velocity", &nesterov_with_new_velocity, "p"_a, "g"_a, "v"_a, "lr"_a, "momentum"_a);
  m.def("course_numerical_gradient", &numerical_gradient, "f"_a, "x"_a, "grad"_a, "h"_a);
  m.def("optimizer_step", &optimizer_step, "spec"_a, "t"_a, "params"_a, "grads"_a, "states"_a);
}

}  // namespace nnfast::bindings
