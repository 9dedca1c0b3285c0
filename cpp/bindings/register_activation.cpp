#include <string>
#include <vector>

#include "array_view.hpp"
#include "names.hpp"
#include "nnfast/activation.hpp"
#include "nnfast/maxout.hpp"
#include "nnfast/vector_math.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

// A compare and a move that cannot be guessed.
constexpr double kMaxoutNanoseconds = 1.5;

Activation checked(int f) {
  if (f < 0 || f >= kActivations) {
    value_error("activation: f is ", f, "; expected one of ACTIVATIONS, 0..", kActivations - 1);
  }
  return static_cast<Activation>(f);
}

/// What the function is called in Python: gelu has two forms under one name.
const char* public_name(Activation f) { return f == Activation::gelu_tanh ? "gelu" : activation_name(f); }

ActivationParams read_params(Activation f, const char* function, py::handle alpha, py::handle beta) {
  const ActivationParams params{read_number(alpha, function, "alpha"),
                                read_number(beta, function, f == Activation::selu ? "gamma" : "beta")};
  if (f == Activation::celu && params.alpha == 0) value_error(function, ": alpha is 0; expected a number other than 0");
  return params;
}

const char* backward_name(Activation f) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (int i = 0; i < kActivations; ++i)
      all.push_back(public_name(static_cast<Activation>(i)) + std::string("_backward"));
    return all;
  }();
  return names[static_cast<std::size_t>(f)].c_str();
}

/// One thread's time: a few operations per element, or a handful of exponentials.
double nanoseconds(Activation f, index_t n, bool is_double) {
  const bool plain = f <= Activation::leaky_relu || f == Activation::hard_sigmoid || f == Activation::hard_swish ||
                     f == Activation::softsign;
  return static_cast<double>(n) * (plain ? 0.2 : 1.0) * (is_double ? 2 : 1);
}

void check_same_shape(const char* function, const Array& dy, const char* other, const Array& x) {
  if (!same_shape(dy.shape(), x.shape())) {
    value_error(function, ": dy has shape ", shape_text(dy.shape()), " but ", other, " has shape ",
                shape_text(x.shape()), "; expected equal shapes");
  }
}

py::object forward(int index, py::handle x, py::handle alpha, py::handle beta, py::handle out) {
  const Activation f = checked(index);
  const char* const function = public_name(f);
  const ActivationParams params = read_params(f, function, alpha, beta);
  const Array in = contiguous(as_floats(x, function, "x"));
  Array y = output(out, function, in.shape(), in.is_double());
  if (!out.is_none()) check_overlap(function, "out", y, "x", in, true);
  const index_t n = in.size();
  visit_dtype(in.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(nanoseconds(f, n, in.is_double()),
            [&](Team& team) { activation_forward(team, f, params, in.data<const T>(), y.data<T>(), n); });
  });
  return y.release();
}

/// The backward pass from the input or the output, whichever came: from the input, an activation whose derivative is
/// taken from the output computes its output first.
py::object backward(int index, py::handle dy, py::handle saved, bool saved_is_output, py::handle alpha, py::handle beta,
                    py::handle out) {
  const Activation f = checked(index);
  const char* const function = backward_name(f);
  const char* const saved_name = saved_is_output ? "y" : "x";
  const ActivationParams params = read_params(f, function, alpha, beta);
  const bool from_output = derivative_from_output(f, params);
  if (saved_is_output && !from_output) {
    value_error("activation_backward_from_output: the output of ", activation_name(f),
                " does not determine its derivative; expected activation_backward with the input x");
  }
  Operand gradient(dy, function, "dy");
  Operand operand(saved, function, saved_name);
  const bool is_double = promote({&gradient, &operand});
  check_same_shape(function, gradient.array, saved_name, operand.array);
  const Array g = contiguous(gradient.array);
  const Array s = contiguous(operand.array);
  Array dx = output(out, function, g.shape(), is_double);
  if (!out.is_none()) {
    check_overlap(function, "out", dx, "dy", g, true);
    check_overlap(function, "out", dx, saved_name, s, true);
  }
  const bool recompute = from_output && !saved_is_output && f != Activation::identity;
  const Array y = recompute ? new_array(is_double, g.shape()) : Array();
  const index_t n = g.size();
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    compute(nanoseconds(f, n, is_double) * (recompute ? 2 : 1), [&](Team& team) {
      if (recompute) {
        activation_forward(team, f, params, s.data<const T>(), y.data<T>(), n);
        team.barrier();
      }
      activation_backward(team, f, params, g.data<const T>(), (recompute ? y : s).data<const T>(), dx.data<T>(), n);
    });
  });
  return dx.release();
}

/// alpha is one number or one per column of x.
void check_alpha(const char* function, const Array& x, const Array& alpha) {
  const index_t cols = x.ndim() == 0 ? 1 : x.shape(x.ndim() - 1);
  if (alpha.size() == 1 || (alpha.ndim() == 1 && alpha.size() == cols)) return;
  value_error(function, ": alpha has shape ", shape_text(alpha.shape()), " but x has shape ", shape_text(x.shape()),
              "; expected one number or (", cols, ",)");
}

py::object prelu(py::handle x_in, py::handle alpha_in) {
  constexpr const char* kFunction = "prelu";
  Operand x_read(x_in, kFunction, "x");
  Operand alpha_read(alpha_in, kFunction, "alpha");
  const bool is_double = promote({&x_read, &alpha_read});
  check_alpha(kFunction, x_read.array, alpha_read.array);
  const Array x = contiguous(x_read.array);
  const Array alpha = contiguous(alpha_read.array);
  Array y = new_array(is_double, x.shape());
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    compute(nanoseconds(Activation::leaky_relu, x.size(), is_double), [&](Team& team) {
      prelu_forward(team, contiguous_rows<const T>(x), alpha.data<const T>(), alpha.size(), contiguous_rows<T>(y));
    });
  });
  return y.release();
}

py::tuple prelu_gradients(py::handle dy_in, py::handle x_in, py::handle alpha_in) {
  constexpr const char* kFunction = "prelu_backward";
  Operand dy_read(dy_in, kFunction, "dy");
  Operand x_read(x_in, kFunction, "x");
  Operand alpha_read(alpha_in, kFunction, "alpha");
  const bool is_double = promote({&dy_read, &x_read, &alpha_read});
  check_same_shape(kFunction, dy_read.array, "x", x_read.array);
  check_alpha(kFunction, x_read.array, alpha_read.array);
  const Array dy = contiguous(dy_read.array);
  const Array x = contiguous(x_read.array);
  const Array alpha = contiguous(alpha_read.array);
  Array dx = new_array(is_double, x.shape());
  Array dalpha = new_array(is_double, alpha.shape());
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    compute(2 * nanoseconds(Activation::leaky_relu, x.size(), is_double), [&](Team& team) {
      prelu_backward(team, contiguous_rows<const T>(x), alpha.data<const T>(), alpha.size(),
                     contiguous_rows<const T>(dy), contiguous_rows<T>(dx), dalpha.data<T>());
    });
  });
  return py::make_tuple(dx.release(), dalpha.release());
}

/// x (..., out pieces); the columns of y.
index_t maxout_columns(const char* function, const Array& x, index_t pieces) {
  if (pieces < 1) value_error(function, ": pieces is ", pieces, "; expected an integer >= 1");
  if (x.ndim() == 0 || x.shape(x.ndim() - 1) % pieces != 0) {
    value_error(function, ": x has shape ", shape_text(x.shape()), "; expected (..., columns) with a multiple of ",
                pieces, " columns");
  }
  return x.shape(x.ndim() - 1) / pieces;
}

py::object maxout(py::handle x_in, index_t pieces) {
  constexpr const char* kFunction = "maxout";
  const Array x = contiguous(as_floats(x_in, kFunction, "x"));
  std::vector<index_t> shape(x.shape().begin(), x.shape().end());
  const index_t columns = maxout_columns(kFunction, x, pieces);
  shape.back() = columns;
  Array y = new_array(x.is_double(), shape);
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(kMaxoutNanoseconds * static_cast<double>(x.size()),
            [&](Team& team) { maxout_forward(team, contiguous_rows<const T>(x), contiguous_rows<T>(y)); });
  });
  return y.release();
}

py::object maxout_gradient(py::handle dy_in, py::handle x_in, index_t pieces) {
  constexpr const char* kFunction = "maxout_backward";
  Operand dy_read(dy_in, kFunction, "dy");
  Operand x_read(x_in, kFunction, "x");
  const bool is_double = promote({&dy_read, &x_read});
  const Array x = contiguous(x_read.array);
  const Array dy = contiguous(dy_read.array);
  std::vector<index_t> shape(x.shape().begin(), x.shape().end());
  const index_t columns = maxout_columns(kFunction, x, pieces);
  shape.back() = columns;
  if (!same_shape(dy.shape(), shape)) {
    value_error(kFunction, ": dy has shape ", shape_text(dy.shape()), " but x has shape ", shape_text(x.shape()),
                "; expected ", shape_text(shape));
  }
  Array dx = new_array(is_double, x.shape());
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    compute(kMaxoutNanoseconds * static_cast<double>(x.size()), [&](Team& team) {
      maxout_backward(team, contiguous_rows<const T>(dy), contiguous_rows<const T>(x), contiguous_rows<T>(dx));
    });
  });
  return dx.release();
}

py::object elementwise_math(const std::string& name, py::handle x) {
  static constexpr std::array kNames = {"exp", "expm1", "log", "log1p", "erf"};
  const auto f = static_cast<VectorFunction>(index_of(name, kNames, "vector_math", "name"));
  const Array in = contiguous(as_floats(x, name.c_str(), "x"));
  Array y = new_array(in.is_double(), in.shape());
  visit_dtype(in.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(nanoseconds(Activation::sigmoid, in.size(), in.is_double()),
            [&](Team& team) { vector_math(team, f, in.data<const T>(), y.data<T>(), in.size()); });
  });
  return y.release();
}

}  // namespace

void register_activation(py::module_& m) {
  using namespace py::literals;
  py::dict activations;
  for (int f = 0; f < kActivations; ++f) activations[activation_name(static_cast<Activation>(f))] = f;
  m.attr("ACTIVATIONS") = activations;

  m.def("activation", &forward, "f"_a, "x"_a, "alpha"_a = 0.0, "beta"_a = 0.0, "out"_a = py::none());
  m.def(
      "activation_backward",
      [](int f, py::handle dy, py::handle x, py::handle alpha, py::handle beta, py::handle out) {
        return backward(f, dy, x, false, alpha, beta, out);
      },
      "f"_a, "dy"_a, "x"_a, "alpha"_a = 0.0, "beta"_a = 0.0, "out"_a = py::none());
  m.def(
      "activation_backward_from_output",
      [](int f, py::handle dy, py::handle y, py::handle alpha, py::handle beta, py::handle out) {
        return backward(f, dy, y, true, alpha, beta, out);
      },
      "f"_a, "dy"_a, "y"_a, "alpha"_a = 0.0, "beta"_a = 0.0, "out"_a = py::none());
  m.def(
      "derivative_from_output",
      [](int f, double alpha, double beta) { return derivative_from_output(checked(f), {alpha, beta}); }, "f"_a,
      "alpha"_a = 0.0, "beta"_a = 0.0);
  m.def("vector_math", &elementwise_math, "name"_a, "x"_a);
  m.def("maxout", &maxout, "x"_a, "pieces"_a);
  m.def("maxout_backward", &maxout_gradient, "dy"_a, "x"_a, "pieces"_a);
  m.def("prelu", &prelu, "x"_a, "alpha"_a);
  m.def("prelu_backward", &prelu_gradients, "dy"_a, "x"_a, "alpha"_a);
}

}  // namespace nnfast::bindings
