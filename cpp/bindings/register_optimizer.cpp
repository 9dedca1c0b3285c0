#include <limits>
#include <vector>

#include "array_view.hpp"
#include "names.hpp"
#include "nnfast/dropout.hpp"
#include "nnfast/optimizer.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

constexpr std::array kKinds = {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"};
constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kBelowOne = 1 - std::numeric_limits<double>::epsilon() / 2;

// ---- OptimizerSpec

const char* kind_of(const OptimizerSpec& spec) { return kKinds[static_cast<std::size_t>(spec.kind)]; }

struct Field {
  const char* name;
  double OptimizerSpec::* member;
  double minimum;
  double maximum;
  const char* expected;
};

constexpr Field kFields[] = {
    {"lr", &OptimizerSpec::lr, 0, kMax, "a finite number >= 0"},
    {"momentum", &OptimizerSpec::momentum, 0, 1, "a number in 0..1"},
    {"rho", &OptimizerSpec::rho, 0, 1, "a number in 0..1"},
    {"beta1", &OptimizerSpec::beta1, 0, kBelowOne, "a number in 0..1, below 1"},
    {"beta2", &OptimizerSpec::beta2, 0, kBelowOne, "a number in 0..1, below 1"},
    {"eps", &OptimizerSpec::eps, 0, kMax, "a finite number >= 0"},
    {"weight_decay", &OptimizerSpec::weight_decay, 0, kMax, "a finite number >= 0"},
    {"l1", &OptimizerSpec::l1, 0, kMax, "a finite number >= 0"},
    {"clip_value", &OptimizerSpec::clip_value, 0, kMax, "a finite number >= 0"},
    {"clip_norm", &OptimizerSpec::clip_norm, 0, kMax, "a finite number >= 0"},
};

void set(OptimizerSpec& spec, const Field& field, double value) {
  check_range(value, field.minimum, field.maximum, kind_of(spec), field.name, field.expected);
  spec.*field.member = value;
}

OptimizerSpec make_spec(const std::string& kind, double lr, double momentum, double rho, double beta1, double beta2,
                        double eps, bool torch_form, bool eps_outside_hat, double weight_decay, bool decoupled,
                        double l1, double clip_value, double clip_norm) {
  OptimizerSpec spec;
  spec.kind = static_cast<Optimizer>(index_of(kind, kKinds, "OptimizerSpec", "kind"));
  const double values[] = {lr, momentum, rho, beta1, beta2, eps, weight_decay, l1, clip_value, clip_norm};
  static_assert(std::size(values) == std::size(kFields));
  for (std::size_t i = 0; i < std::size(kFields); ++i) set(spec, kFields[i], values[i]);
  spec.torch_form = torch_form;
  spec.eps_outside_hat = eps_outside_hat;
  spec.decoupled = decoupled;
  return spec;
}

py::tuple spec_state(const OptimizerSpec& s) {
  return py::make_tuple(kind_of(s), s.lr, s.momentum, s.rho, s.beta1, s.beta2, s.eps, s.torch_form, s.eps_outside_hat,
                        s.weight_decay, s.decoupled, s.l1, s.clip_value, s.clip_norm);
}

OptimizerSpec spec_from_state(const py::tuple& s) {
  if (s.size() != 14) value_error("OptimizerSpec: a pickle of ", s.size(), " items; expected 14");
  const auto number = [&s](std::size_t i) { return s[i].cast<double>(); };
  const auto flag = [&s](std::size_t i) { return s[i].cast<bool>(); };
  return make_spec(s[0].cast<std::string>(), number(1), number(2), number(3), number(4), number(5), number(6), flag(7),
                   flag(8), number(9), flag(10), number(11), number(12), number(13));
}

// ---- optimizer_update

/// The arrays of one update: the parameters, then their states. All are written to.
struct Updated {
  std::vector<Array> given;
  std::vector<Array> flat;  // the same where that is C-contiguous, else a copy to be copied back
};

void update(const OptimizerSpec& spec, index_t t, py::handle params, py::handle grads, const py::sequence& states,
            py::handle grad_scale_in) {
  constexpr const char* kFunction = "optimizer_update";
  const double grad_scale = read_number(grad_scale_in, kFunction, "grad_scale", true);
  if (t < 1) value_error(kFunction, ": t is ", t, "; expected 1, 2, ...");
  const int expected_states = optimizer_states(spec.kind);
  if (static_cast<int>(states.size()) != expected_states) {
    value_error(kFunction, ": states holds ", states.size(), " arrays; expected ", expected_states, " for ",
                kind_of(spec));
  }
  Updated arrays;
  arrays.given.push_back(in_place(params, kFunction, "params"));
  const bool is_double = arrays.given[0].is_double();
  for (const py::handle state : states) {
    const Array v = in_place(state, kFunction, "states");
    if (v.is_double() != is_double || !same_shape(v.shape(), arrays.given[0].shape())) {
      value_error(kFunction, ": states holds ", dtype_text(v), " of shape ", shape_text(v.shape()), "; expected ",
                  dtype_text(arrays.given[0]), " of shape ", shape_text(arrays.given[0].shape()));
    }
    for (const Array& other : arrays.given) check_overlap(kFunction, "states", v, "params or states", other, false);
    arrays.given.push_back(v);
  }
  Array g = as_floats(grads, kFunction, "grads", is_double);
  if (!same_shape(g.shape(), arrays.given[0].shape())) {
    value_error(kFunction, ": grads has shape ", shape_text(g.shape()), " but params has shape ",
                shape_text(arrays.given[0].shape()), "; expected equal shapes");
  }
  for (const Array& a : arrays.given) check_overlap(kFunction, "params or states", a, "grads", g, false);

  // Elementwise: any order of the elements will do as long as it is the same for all.
  if (arrays.given[0].f_contiguous() && !arrays.given[0].c_contiguous()) {
    for (Array& a : arrays.given) a = transposed(a);
    g = transposed(g);
  }
  for (const Array& a : arrays.given) arrays.flat.push_back(contiguous(a));
  g = contiguous(g);

  const index_t n = g.size();
  visit_dtype(is_double, [&](auto zero) {
    using T = decltype(zero);
    T* const p = arrays.flat[0].data<T>();
    // One state array is v; two are m, v.
    T* const v = expected_states > 0 ? arrays.flat.back().data<T>() : nullptr;
    T* const m = expected_states > 1 ? arrays.flat[1].data<T>() : nullptr;
    compute(static_cast<double>(n) * (is_double ? 2.0 : 1.0),
            [&](Team& team) { optimizer_update(team, spec, t, grad_scale, p, g.data<const T>(), m, v, n); });
  });
  for (std::size_t i = 0; i < arrays.given.size(); ++i) {
    if (arrays.flat[i].bytes() != arrays.given[i].bytes()) copy_into(arrays.given[i], arrays.flat[i]);
  }
}

/// What update() will ask of these two, for callers that update many arrays or none.
void check_update(const std::string& function, py::handle params, py::handle grads) {
  const Array p = in_place(params, function.c_str(), "params");
  const Operand g(grads, function.c_str(), "grads");
  check_overlap(function.c_str(), "params", p, "grads", g.array, false);
}

// ---- Elementwise

template <class Op>
py::object elementwise(const char* function, const char* argument, py::handle x_in, py::handle out, double nanoseconds,
                       Op op) {
  const Array x = contiguous(as_floats(x_in, function, argument));
  Array y = output(out, function, x.shape(), x.is_double());
  if (!out.is_none()) check_overlap(function, "out", y, argument, x, true);
  const index_t n = x.size();
  visit_dtype(x.is_double(), [&](auto zero) {
    using T = decltype(zero);
    compute(nanoseconds * static_cast<double>(n) * (x.is_double() ? 2 : 1),
            [&](Team& team) { op(team, x.data<const T>(), y.data<T>(), n); });
  });
  return y.release();
}

/// Forward and backward are one operation: both multiply by the mask.
py::object masked(const char* function, const char* argument, py::handle x, py::handle ratio_in, py::handle seed,
                  py::handle stream, py::handle step, py::handle out) {
  constexpr auto kMax64 = std::numeric_limits<std::uint64_t>::max();
  constexpr auto kMax32 = std::numeric_limits<std::uint32_t>::max();
  const double ratio = read_number(ratio_in, function, "ratio");
  check_range(ratio, 0, kBelowOne, function, "ratio", "a number in 0..1, below 1");
  const DropoutKey key{read_unsigned(seed, kMax64, function, "seed"),
                       static_cast<std::uint32_t>(read_unsigned(stream, kMax32, function, "stream")),
                       read_unsigned(step, kMax64, function, "step")};
  return elementwise(function, argument, x, out, 1.0,
                     [&](Team& team, auto* from, auto* to, index_t n) { dropout(team, key, ratio, from, to, n); });
}

py::object clip_py(py::handle x, py::handle limit_in, py::handle out) {
  const double limit = read_number(limit_in, "clip", "limit", true);
  check_range(limit, 0, std::numeric_limits<double>::infinity(), "clip", "limit", "a number >= 0");
  return elementwise("clip", "x", x, out, 0.2,
                     [&](Team& team, auto* from, auto* to, index_t n) { clip(team, from, to, n, limit); });
}

py::object scale_py(py::handle x, py::handle factor_in, py::handle out) {
  const double factor = read_number(factor_in, "scale", "factor", true);
  return elementwise("scale", "x", x, out, 0.2,
                     [&](Team& team, auto* from, auto* to, index_t n) { scale(team, from, to, n, factor); });
}

double squared_norm(const py::sequence& arrays) {
  double total = 0;
  for (const py::handle value : arrays) {
    const Array x = contiguous(as_floats(value, "squared_norm", "arrays"));
    const index_t n = x.size();
    std::vector<double> partial(static_cast<std::size_t>(sum_partials(n)));
    visit_dtype(x.is_double(), [&](auto zero) {
      using T = decltype(zero);
      compute(0.3 * static_cast<double>(n),
              [&](Team& team) { squares_partial(team, x.data<const T>(), n, partial.data()); });
    });
    total += sum_of_partials(partial.data(), sum_partials(n));
  }
  return total;
}

}  // namespace

void register_optimizer(py::module_& m) {
  using namespace py::literals;
  const OptimizerSpec defaults;
  py::class_<OptimizerSpec> spec(m, "OptimizerSpec",
                                 "kind: sgd, momentum, nesterov, adagrad, rmsprop, adam; see "
                                 "cpp/include/nnfast/optimizer.hpp for the fields.");
  spec.def(py::init(&make_spec), "kind"_a, py::kw_only(), "lr"_a, "momentum"_a = defaults.momentum,
           "rho"_a = defaults.rho, "beta1"_a = defaults.beta1, "beta2"_a = defaults.beta2, "eps"_a = defaults.eps,
           "torch_form"_a = false, "eps_outside_hat"_a = false, "weight_decay"_a = 0.0, "decoupled"_a = false,
           "l1"_a = 0.0, "clip_value"_a = 0.0, "clip_norm"_a = 0.0)
      .def_property_readonly("kind", &kind_of)
      .def_property_readonly("states", [](const OptimizerSpec& s) { return optimizer_states(s.kind); })
      .def_readwrite("torch_form", &OptimizerSpec::torch_form)
      .def_readwrite("eps_outside_hat", &OptimizerSpec::eps_outside_hat)
      .def_readwrite("decoupled", &OptimizerSpec::decoupled)
      .def(py::pickle(&spec_state, &spec_from_state));
  for (const Field& field : kFields) {
    spec.def_property(
        field.name, [&field](const OptimizerSpec& s) { return s.*field.member; },
        [&field](OptimizerSpec& s, double value) { set(s, field, value); });
  }

  m.def("optimizer_update", &update, "spec"_a, "t"_a, "params"_a, "grads"_a, "states"_a, "grad_scale"_a = 1.0);
  m.def("check_update", &check_update, "function"_a, "params"_a, "grads"_a);
  m.def("clip", &clip_py, "x"_a, "limit"_a, "out"_a = py::none());
  m.def("scale", &scale_py, "x"_a, "factor"_a, "out"_a = py::none());
  m.def("squared_norm", &squared_norm, "arrays"_a);
  m.def(
      "dropout",
      [](py::handle x, py::handle ratio, py::handle seed, py::handle stream, py::handle step, py::handle out) {
        return masked("dropout", "x", x, ratio, seed, stream, step, out);
      },
      "x"_a, "ratio"_a, "seed"_a, "stream"_a, "step"_a, "out"_a = py::none());
  m.def(
      "dropout_backward",
      [](py::handle dy, py::handle ratio, py::handle seed, py::handle stream, py::handle step, py::handle out) {
        return masked("dropout_backward", "dy", dy, ratio, seed, stream, step, out);
      },
      "dy"_a, "ratio"_a, "seed"_a, "stream"_a, "step"_a, "out"_a = py::none());
}

}  // namespace nnfast::bindings
