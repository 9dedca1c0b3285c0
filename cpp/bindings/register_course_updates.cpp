// Updates of parameters and numerical gradients as the courses' own code asks for them, see register_course.cpp.

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "course.hpp"
#include "nnfast/optimizer.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

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

void register_course_updates(py::module_& m) {
  using namespace py::literals;
  m.def("course_optimize", &optimize, "kind"_a, "p"_a, "g"_a, "m"_a, "v"_a, "t"_a, "lr"_a, "first"_a, "second"_a,
        "eps"_a);
  m.def("course_optimize_with_new_velocity", &optimize_with_new_velocity, "p"_a, "g"_a, "v"_a, "lr"_a, "momentum"_a);
  m.def("course_nesterov_with_new_velocity", &nesterov_with_new_velocity, "p"_a, "g"_a, "v"_a, "lr"_a, "momentum"_a);
  m.def("course_numerical_gradient", &numerical_gradient, "f"_a, "x"_a, "grad"_a, "h"_a);
  m.def("optimizer_step", &optimizer_step, "spec"_a, "t"_a, "params"_a, "grads"_a, "states"_a);
}

}  // namespace nnfast::bindings
