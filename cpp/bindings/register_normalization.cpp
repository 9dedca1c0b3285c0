#include <limits>
#include <string>
#include <vector>

#include "array_view.hpp"
#include "nnfast/normalization.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

constexpr const char* kBatch = "batch_normalization";
constexpr const char* kBatchBackward = "batch_normalization_backward";
constexpr const char* kLayer = "layer_normalization";
constexpr const char* kLayerBackward = "layer_normalization_backward";
constexpr double kMax = std::numeric_limits<double>::max();

double nanoseconds(const Array& x) { return 2.0 * static_cast<double>(x.size()); }

double read_eps(py::handle eps, const char* function) {
  const double value = read_number(eps, function, "eps");
  check_range(value, 0, kMax, function, "eps", "a number >= 0");
  return value;
}

/// The shape of one number per row: x's without its last dimension.
Shape row_shape(const Array& x) { return x.shape().first(static_cast<std::size_t>(x.ndim() - 1)); }

index_t row_count(const Array& x) {
  index_t rows = 1;
  for (const index_t n : row_shape(x)) rows *= n;
  return rows;
}

void check_has_rows(const char* function, const Array& x) {
  if (x.ndim() == 0) value_error(function, ": x has shape (); expected (..., features)");
}

/// One number per column of x (or per row: `expected`), contiguous. An absent array stays absent.
void read_vector(const char* function, const char* argument, Array& a, const Array& x, Shape expected) {
  if (!a) return;
  if (!same_shape(a.shape(), expected)) {
    value_error(function, ": ", argument, " has shape ", shape_text(a.shape()), " but x has shape ",
                shape_text(x.shape()), "; expected ", shape_text(expected));
  }
  a = contiguous(a);
}

Shape columns(const Array& x) { return x.shape().last(1); }

void check_gradient(const char* function, const Array& dy, const Array& x) {
  if (!same_shape(dy.shape(), x.shape())) {
    value_error(function, ": dy has shape ", shape_text(dy.shape()), " but x has shape ", shape_text(x.shape()),
                "; expected equal shapes");
  }
}

py::tuple batch_train(py::handle x_in, py::handle gamma_in, py::handle beta_in, py::handle eps_in,
                      const std::string& function_name) {
  const char* const function = function_name.c_str();
  const double eps = read_eps(eps_in, function);
  Operand x(x_in, function, "x");
  Operand gamma = Operand::optional(gamma_in, function, "gamma");
  Operand beta = Operand::optional(beta_in, function, "beta");
  const bool is_double = promote({&x, &gamma, &beta});
  check_has_rows(function, x.array);
  if (row_count(x.array) == 0) {
    value_error(function, ": x has shape ", shape_text(x.array.shape()), "; expected at least one row to train on");
  }
  const Array in = contiguous(x.array);
  read_vector(function, "gamma", gamma.array, in, columns(in));
  read_vector(function, "beta", beta.array, in, columns(in));
  Array y = new_array(is_double, in.shape());
  Array mean = new_array(is_double, columns(in));
  Array var = new_array(is_double, columns(in));
  Array inv_std = new_array(is_double, columns(in));
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto in_rows = contiguous_rows<const T>(in);
    const auto y_rows = contiguous_rows<T>(y);
    compute(nanoseconds(in), [&](Team& team) {
      batch_normalization_train(team, in_rows, gamma.array.data<const T>(), beta.array.data<const T>(), eps,
                                mean.data<T>(), var.data<T>(), inv_std.data<T>(), y_rows);
    });
  });
  return py::make_tuple(y.release(), mean.release(), var.release(), inv_std.release());
}

py::object batch_inference(py::handle x_in, py::handle gamma_in, py::handle beta_in, py::handle mean_in,
                           py::handle var_in, py::handle eps_in) {
  const double eps = read_eps(eps_in, kBatch);
  Operand x(x_in, kBatch, "x");
  Operand gamma = Operand::optional(gamma_in, kBatch, "gamma");
  Operand beta = Operand::optional(beta_in, kBatch, "beta");
  Operand mean(mean_in, kBatch, "running_mean");
  Operand var(var_in, kBatch, "running_var");
  const bool is_double = promote({&x, &gamma, &beta, &mean, &var});
  check_has_rows(kBatch, x.array);
  const Array in = contiguous(x.array);
  read_vector(kBatch, "gamma", gamma.array, in, columns(in));
  read_vector(kBatch, "beta", beta.array, in, columns(in));
  read_vector(kBatch, "running_mean", mean.array, in, columns(in));
  read_vector(kBatch, "running_var", var.array, in, columns(in));
  Array y = new_array(is_double, in.shape());
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto in_rows = contiguous_rows<const T>(in);
    const auto y_rows = contiguous_rows<T>(y);
    compute(nanoseconds(in), [&](Team& team) {
      batch_normalization_inference(team, in_rows, gamma.array.data<const T>(), beta.array.data<const T>(),
                                    mean.array.data<const T>(), var.array.data<const T>(), eps, y_rows);
    });
  });
  return y.release();
}

/// Of the training form with (mean, inv_std), or of the inference form with (running_mean, running_var).
py::tuple batch_backward(py::handle dy_in, py::handle x_in, py::handle gamma_in, py::handle mean_in,
                         py::handle spread_in, double eps, bool training) {
  const char* const mean_name = training ? "mean" : "running_mean";
  const char* const spread_name = training ? "inv_std" : "running_var";
  Operand dy(dy_in, kBatchBackward, "dy");
  Operand x(x_in, kBatchBackward, "x");
  Operand gamma = Operand::optional(gamma_in, kBatchBackward, "gamma");
  Operand mean(mean_in, kBatchBackward, mean_name);
  Operand spread(spread_in, kBatchBackward, spread_name);
  const bool is_double = promote({&dy, &x, &gamma, &mean, &spread});
  check_has_rows(kBatchBackward, x.array);
  check_gradient(kBatchBackward, dy.array, x.array);
  const Array in = contiguous(x.array);
  const Array g = contiguous(dy.array);
  read_vector(kBatchBackward, "gamma", gamma.array, in, columns(in));
  read_vector(kBatchBackward, mean_name, mean.array, in, columns(in));
  read_vector(kBatchBackward, spread_name, spread.array, in, columns(in));
  Array dx = new_array(is_double, in.shape());
  Array dgamma = new_array(is_double, columns(in));
  Array dbeta = new_array(is_double, columns(in));
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto in_rows = contiguous_rows<const T>(in);
    const auto g_rows = contiguous_rows<const T>(g);
    const auto dx_rows = contiguous_rows<T>(dx);
    compute(2 * nanoseconds(in), [&](Team& team) {
      if (training) {
        batch_normalization_backward(team, in_rows, gamma.array.data<const T>(), mean.array.data<const T>(),
                                     spread.array.data<const T>(), g_rows, dx_rows, dgamma.data<T>(), dbeta.data<T>());
      } else {
        batch_normalization_inference_backward(team, in_rows, gamma.array.data<const T>(), mean.array.data<const T>(),
                                               spread.array.data<const T>(), eps, g_rows, dx_rows, dgamma.data<T>(),
                                               dbeta.data<T>());
      }
    });
  });
  return py::make_tuple(dx.release(), dgamma.release(), dbeta.release());
}

void update_running(py::handle running_mean_in, py::handle running_var_in, py::handle mean_in, py::handle var_in,
                    index_t rows, py::handle momentum_in, bool unbiased) {
  const double momentum = read_number(momentum_in, kBatch, "momentum");
  check_range(momentum, 0, 1, kBatch, "momentum", "a number in 0..1");
  const index_t fewest = unbiased ? 2 : 1;
  if (rows < fewest) {
    value_error(kBatch, ": the batch has ", rows, " rows; expected at least ", fewest, " for the ",
                unbiased ? "unbiased variance" : "variance");
  }
  const Array running_mean = in_place(running_mean_in, kBatch, "running_mean");
  const bool is_double = running_mean.is_double();
  in_place(running_mean_in, kBatch, "running_mean", is_double, running_mean.shape());
  const Array running_var = in_place(running_var_in, kBatch, "running_var", is_double, running_mean.shape());
  check_overlap(kBatch, "running_mean", running_mean, "running_var", running_var, false);
  Array mean = as_floats(mean_in, kBatch, "mean", is_double);
  Array var = as_floats(var_in, kBatch, "var", is_double);
  if (mean.ndim() != 1 || !same_shape(mean.shape(), running_mean.shape()) || !same_shape(mean.shape(), var.shape())) {
    value_error(kBatch, ": running_mean has shape ", shape_text(running_mean.shape()), "; expected ",
                shape_text(mean.shape()));
  }
  mean = contiguous(mean);
  var = contiguous(var);
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    compute(static_cast<double>(mean.size()), [&](Team& team) {
      update_running_statistics(team, mean.data<const T>(), var.data<const T>(), rows, mean.size(), momentum, unbiased,
                                running_mean.data<T>(), running_var.data<T>());
    });
  });
}

py::tuple layer_forward(py::handle x_in, py::handle gamma_in, py::handle beta_in, py::handle eps_in,
                        const std::string& function_name) {
  const char* const function = function_name.c_str();
  const double eps = read_eps(eps_in, function);
  Operand x(x_in, function, "x");
  Operand gamma = Operand::optional(gamma_in, function, "gamma");
  Operand beta = Operand::optional(beta_in, function, "beta");
  const bool is_double = promote({&x, &gamma, &beta});
  check_has_rows(function, x.array);
  const Array in = contiguous(x.array);
  read_vector(function, "gamma", gamma.array, in, columns(in));
  read_vector(function, "beta", beta.array, in, columns(in));
  Array y = new_array(is_double, in.shape());
  Array mean = new_array(is_double, row_shape(in));
  Array inv_std = new_array(is_double, row_shape(in));
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto in_rows = contiguous_rows<const T>(in);
    const auto y_rows = contiguous_rows<T>(y);
    compute(nanoseconds(in), [&](Team& team) {
      layer_normalization_forward(team, in_rows, gamma.array.data<const T>(), beta.array.data<const T>(), eps,
                                  mean.data<T>(), inv_std.data<T>(), y_rows);
    });
  });
  return py::make_tuple(y.release(), mean.release(), inv_std.release());
}

py::tuple layer_backward(py::handle dy_in, py::handle x_in, py::handle gamma_in, py::handle mean_in,
                         py::handle inv_std_in) {
  Operand dy(dy_in, kLayerBackward, "dy");
  Operand x(x_in, kLayerBackward, "x");
  Operand gamma = Operand::optional(gamma_in, kLayerBackward, "gamma");
  Operand mean(mean_in, kLayerBackward, "mean");
  Operand inv_std(inv_std_in, kLayerBackward, "inv_std");
  const bool is_double = promote({&dy, &x, &gamma, &mean, &inv_std});
  check_has_rows(kLayerBackward, x.array);
  check_gradient(kLayerBackward, dy.array, x.array);
  const Array in = contiguous(x.array);
  const Array g = contiguous(dy.array);
  read_vector(kLayerBackward, "gamma", gamma.array, in, columns(in));
  read_vector(kLayerBackward, "mean", mean.array, in, row_shape(in));
  read_vector(kLayerBackward, "inv_std", inv_std.array, in, row_shape(in));
  Array dx = new_array(is_double, in.shape());
  Array dgamma = new_array(is_double, columns(in));
  Array dbeta = new_array(is_double, columns(in));
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    const auto in_rows = contiguous_rows<const T>(in);
    const auto g_rows = contiguous_rows<const T>(g);
    const auto dx_rows = contiguous_rows<T>(dx);
    compute(2 * nanoseconds(in), [&](Team& team) {
      layer_normalization_backward(team, in_rows, gamma.array.data<const T>(), mean.array.data<const T>(),
                                   inv_std.array.data<const T>(), g_rows, dx_rows, dgamma.data<T>(), dbeta.data<T>());
    });
  });
  return py::make_tuple(dx.release(), dgamma.release(), dbeta.release());
}

}  // namespace

void register_normalization(py::module_& m) {
  using namespace py::literals;
  m.def("batch_normalization_train", &batch_train, "x"_a, "gamma"_a, "beta"_a, "eps"_a, "function"_a = kBatch);
  m.def("batch_normalization_inference", &batch_inference, "x"_a, "gamma"_a, "beta"_a, "running_mean"_a,
        "running_var"_a, "eps"_a);
  m.def(
      "batch_normalization_backward",
      [](py::handle dy, py::handle x, py::handle gamma, py::handle mean, py::handle inv_std) {
        return batch_backward(dy, x, gamma, mean, inv_std, 0, true);
      },
      "dy"_a, "x"_a, "gamma"_a, "mean"_a, "inv_std"_a);
  m.def(
      "batch_normalization_inference_backward",
      [](py::handle dy, py::handle x, py::handle gamma, py::handle running_mean, py::handle running_var,
         py::handle eps) {
        return batch_backward(dy, x, gamma, running_mean, running_var, read_eps(eps, kBatchBackward), false);
      },
      "dy"_a, "x"_a, "gamma"_a, "running_mean"_a, "running_var"_a, "eps"_a);
  m.def("update_running_statistics", &update_running, "running_mean"_a, "running_var"_a, "mean"_a, "var"_a, "rows"_a,
        "momentum"_a, "unbiased"_a);
  m.def("layer_normalization", &layer_forward, "x"_a, "gamma"_a, "beta"_a, "eps"_a, "function"_a = kLayer);
  m.def("layer_normalization_backward", &layer_backward, "dy"_a, "x"_a, "gamma"_a, "mean"_a, "inv_std"_a);
}

}  // namespace nnfast::bindings
