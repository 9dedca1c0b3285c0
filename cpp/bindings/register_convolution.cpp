#include <pybind11/stl.h>

#include <algorithm>
#include <vector>

#include "array_view.hpp"
#include "nnfast/convolution.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

/// Windows of images of that shape; ValueError where not one fits.
Windows windows(const char* function, Shape shape, index_t filter_h, index_t filter_w, index_t stride, index_t pad) {
  if (shape.size() != 4) {
    value_error(function, ": x has shape ", shape_text(shape), "; expected (batch, channels, height, width)");
  }
  if (filter_h < 1 || filter_w < 1) {
    value_error(function, ": the window has shape (", filter_h, ", ", filter_w, "); expected at least (1, 1)");
  }
  if (stride < 1) value_error(function, ": stride is ", stride, "; expected at least 1");
  if (pad < 0) value_error(function, ": pad is ", pad, "; expected at least 0");
  const Windows w{shape[0], shape[1], shape[2], shape[3], filter_h, filter_w, stride, pad};
  if (w.height + 2 * pad < filter_h || w.width + 2 * pad < filter_w) {
    value_error(function, ": x has shape ", shape_text(shape), " and pad is ", pad, "; expected a window (", filter_h,
                ", ", filter_w, ") that fits");
  }
  return w;
}

Windows windows_of(const char* function, const Array& x, const Array& W, index_t stride, index_t pad) {
  if (W.ndim() != 4 || x.ndim() != 4 || W.shape(1) != x.shape(1)) {
    value_error(function, ": x has shape ", shape_text(x.shape()), " and W has shape ", shape_text(W.shape()),
                "; expected (batch, channels, height, width) and (filters, channels, height, width)");
  }
  return windows(function, x.shape(), W.shape(2), W.shape(3), stride, pad);
}

Shape as_shape(const std::vector<index_t>& v) { return {v.data(), v.size()}; }

void check_shape(const char* function, const char* argument, const Array& a, const std::vector<index_t>& expected) {
  if (same_shape(a.shape(), as_shape(expected))) return;
  value_error(function, ": ", argument, " has shape ", shape_text(a.shape()), "; expected ",
              shape_text(as_shape(expected)));
}

// A patch is copied and copied back.
double copying(const Windows& w) { return 0.5 * static_cast<double>(w.batch * w.positions() * w.filter()); }

double multiplying(const Windows& w, index_t filters) {
  const auto products = static_cast<double>(w.batch * w.positions() * w.filter());
  return 0.5 * products + products * static_cast<double>(filters) / 20;
}

template <class T>
MatrixView<const T> filter_matrix(const Array& W, const Windows& w) {
  return {W.data<const T>(), W.shape(0), w.filter()};
}

py::object im2col(py::handle x_in, index_t filter_h, index_t filter_w, index_t stride, index_t pad) {
  const Array x = contiguous(as_floats(x_in, "im2col", "x", true));
  const Windows w = windows("im2col", x.shape(), filter_h, filter_w, stride, pad);
  Array col = new_array(true, {w.batch * w.positions(), w.filter()});
  compute(copying(w), [&](Team& team) { patches(team, w, x.data<const double>(), col.data<double>()); });
  return col.release();
}

py::object col2im(py::handle col_in, const std::vector<index_t>& x_shape, index_t filter_h, index_t filter_w,
                  index_t stride, index_t pad) {
  const Array col = contiguous(as_floats(col_in, "col2im", "col", true));
  const Windows w = windows("col2im", as_shape(x_shape), filter_h, filter_w, stride, pad);
  check_shape("col2im", "col", col, {w.batch * w.positions(), w.filter()});
  Array x = new_array(true, as_shape(x_shape));
  compute(copying(w), [&](Team& team) { add_patches(team, w, col.data<const double>(), x.data<double>()); });
  return x.release();
}

/// b as (filters,) elements; nothing for None.
Array filter_bias(const Array& b, const Array& W, bool is_double) {
  if (!b || (b.ndim() == 1 && b.shape(0) == W.shape(0))) return b ? contiguous(b) : b;
  if (b.size() != 1) {
    value_error("convolution: b has shape ", shape_text(b.shape()), " but W has shape ", shape_text(W.shape()),
                "; expected (", W.shape(0), ",) or a number");
  }
  const Array filled = new_array(is_double, {W.shape(0)});
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(filled.data<T>(), W.shape(0), *b.data<const T>());
  });
  return filled;
}

py::object convolution(py::handle x_in, py::handle W_in, py::handle b_in, index_t stride, index_t pad) {
  constexpr const char* kFunction = "convolution";
  Operand x_read(x_in, kFunction, "x");
  Operand W_read(W_in, kFunction, "W");
  Operand b_read = Operand::optional(b_in, kFunction, "b");
  const bool is_double = promote({&x_read, &W_read, &b_read});
  const Array x = contiguous(x_read.array);
  const Array W = contiguous(W_read.array);
  const Windows w = windows_of(kFunction, x, W, stride, pad);
  const Array b = filter_bias(b_read.array, W, is_double);
  const index_t filters = W.shape(0);
  Array y = new_array(is_double, {w.batch, filters, w.out_h(), w.out_w()});
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const double work = multiplying(w, filters);
    const Array space = new_array(is_double, {convolution_workspace<T>(w, filters, threads_for(work), false)});
    compute(work, [&](Team& team) {
      convolution_forward(team, w, filters, x.data<const T>(), filter_matrix<T>(W, w), b.data<const T>(), y.data<T>(),
                          space.data<T>());
    });
  });
  return y.release();
}

py::tuple convolution_backward_py(py::handle dy_in, py::handle x_in, py::handle W_in, index_t stride, index_t pad) {
  constexpr const char* kFunction = "convolution_backward";
  Operand dy_read(dy_in, kFunction, "dy");
  Operand x_read(x_in, kFunction, "x");
  Operand W_read(W_in, kFunction, "W");
  const bool is_double = promote({&dy_read, &x_read, &W_read});
  const Array dy = contiguous(dy_read.array);
  const Array x = contiguous(x_read.array);
  const Array W = contiguous(W_read.array);
  const Windows w = windows_of(kFunction, x, W, stride, pad);
  const index_t filters = W.shape(0);
  check_shape(kFunction, "dy", dy, {w.batch, filters, w.out_h(), w.out_w()});
  Array dx = new_array(is_double, x.shape());
  Array dW = new_array(is_double, W.shape());
  Array db = new_array(is_double, {filters});
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const double work = 3 * multiplying(w, filters);
    const Array space = new_array(is_double, {convolution_workspace<T>(w, filters, threads_for(work), true)});
    compute(work, [&](Team& team) {
      convolution_backward(team, w, filters, x.data<const T>(), filter_matrix<T>(W, w), dy.data<const T>(),
                           dx.data<T>(), dW.data<T>(), db.data<T>(), space.data<T>());
    });
  });
  return py::make_tuple(dx.release(), dW.release(), db.release());
}

py::tuple max_pool(py::handle x_in, index_t pool_h, index_t pool_w, index_t stride, index_t pad) {
  const Array x = contiguous(as_floats(x_in, "max_pool", "x"));
  const Windows w = windows("max_pool", x.shape(), pool_h, pool_w, stride, pad);
  const index_t shape[] = {w.batch, w.channels, w.out_h(), w.out_w()};
  Array y = new_array(x.is_double(), Shape(shape));
  Array where = new_int64(Shape(shape));
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(y.size() * pool_h * pool_w),
            [&](Team& team) { max_pool_forward(team, w, x.data<const T>(), y.data<T>(), where.data<index_t>()); });
  });
  return py::make_tuple(y.release(), where.release());
}

py::object max_pool_backward_py(py::handle dy_in, py::handle where_in, const std::vector<index_t>& x_shape,
                                index_t pool_h, index_t pool_w, index_t stride, index_t pad) {
  constexpr const char* kFunction = "max_pool_backward";
  const Array dy = contiguous(as_floats(dy_in, kFunction, "dy"));
  const Array where = contiguous(as_int64(as_array(where_in, kFunction, "arg_max")));
  const Windows w = windows(kFunction, as_shape(x_shape), pool_h, pool_w, stride, pad);
  const std::vector<index_t> y_shape = {w.batch, w.channels, w.out_h(), w.out_w()};
  check_shape(kFunction, "dy", dy, y_shape);
  check_shape(kFunction, "arg_max", where, y_shape);
  const auto* const at = where.data<const index_t>();
  for (index_t i = 0; i < where.size(); ++i) {
    if (at[i] < 0 || at[i] >= pool_h * pool_w) {
      index_error(kFunction, ": arg_max holds ", at[i], "; expected indices in 0..", pool_h * pool_w - 1);
    }
  }
  Array dx = new_array(dy.is_double(), as_shape(x_shape));
  visit_dtype(dy.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(dx.size() + 2 * dy.size()),
            [&](Team& team) { max_pool_backward(team, w, dy.data<const T>(), at, dx.data<T>()); });
  });
  return dx.release();
}

}  // namespace

void register_convolution(py::module_& m) {
  using namespace py::literals;
  m.def("im2col", &im2col, "x"_a, "filter_h"_a, "filter_w"_a, "stride"_a, "pad"_a);
  m.def("col2im", &col2im, "col"_a, "x_shape"_a, "filter_h"_a, "filter_w"_a, "stride"_a, "pad"_a);
  m.def("convolution", &convolution, "x"_a, "W"_a, "b"_a, "stride"_a, "pad"_a);
  m.def("convolution_backward", &convolution_backward_py, "dy"_a, "x"_a, "W"_a, "stride"_a, "pad"_a);
  m.def("max_pool", &max_pool, "x"_a, "pool_h"_a, "pool_w"_a, "stride"_a, "pad"_a);
  m.def("max_pool_backward", &max_pool_backward_py, "dy"_a, "arg_max"_a, "x_shape"_a, "pool_h"_a, "pool_w"_a,
        "stride"_a, "pad"_a);
}

}  // namespace nnfast::bindings
