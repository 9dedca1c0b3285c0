// class Plan: checks under the GIL, then whole steps without it.

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <optional>
#include <variant>

#include "nnfast/network.hpp"
#include "plan_arguments.hpp"
#include "register.hpp"
#include "targets.hpp"

namespace nnfast::bindings {
namespace {

// Rows of one call into the core while signals wait: about 10 ms of the widest nets people run on a CPU.
constexpr index_t kRowsPerCall = 4096;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

/// Runs pending signal handlers; their exception, if any.
std::optional<py::error_already_set> signal_error() {
  if (PyErr_CheckSignals() != 0) return py::error_already_set();
  return std::nullopt;
}

class PyPlan {
  // Here, as its return type is deduced.
  template <class F>
  decltype(auto) with_plan(F&& f) {
    if (is_double_) return f(*std::get<1>(plan_), double{});
    return f(*std::get<0>(plan_), float{});
  }

 public:
  PyPlan(const std::string& dtype, index_t in, const std::vector<py::dict>& dicts, double l1, double l2)
      : is_double_(dtype == "float64"), in_(in) {
    if (!is_double_ && dtype != "float32") value_error("Plan: dtype is '", dtype, "'; expected 'float32' or 'float64'");
    if (in < 0) value_error("Plan: in_features is ", in, "; expected 0 or more");
    std::vector<Layer> layers;
    index_t width = in;
    for (std::size_t i = 0; i < dicts.size(); ++i) {
      layers.push_back(LayerReader(dicts[i], i).read(width));
      width = layers.back().out;
      param_size_ = std::max(param_size_, LayerReader::parameters_end(layers.back()));
      state_size_ = std::max(state_size_, LayerReader::state_end(layers.back()));
    }
    out_ = width;
    if (is_double_) {
      plan_.emplace<std::unique_ptr<Plan<double>>>(std::make_unique<Plan<double>>(in, std::move(layers)));
    } else {
      plan_.emplace<std::unique_ptr<Plan<float>>>(std::make_unique<Plan<float>>(in, std::move(layers)));
    }
    set_l1(l1);
    set_l2(l2);
  }

  [[nodiscard]] const char* dtype() const { return is_double_ ? "float64" : "float32"; }
  [[nodiscard]] index_t in() const { return in_; }
  [[nodiscard]] index_t out() const { return out_; }
  [[nodiscard]] double l1() const { return l1_; }
  [[nodiscard]] double l2() const { return l2_; }
  [[nodiscard]] index_t completed_steps() const { return completed_steps_; }
  void set_l1(double value) {
    check_range(value, 0, 1e300, "Plan", "l1", "a finite number >= 0");
    l1_ = value;
    std::visit([&](auto& plan) { plan->l1 = value; }, plan_);
  }
  void set_l2(double value) {
    check_range(value, 0, 1e300, "Plan", "l2", "a finite number >= 0");
    l2_ = value;
    std::visit([&](auto& plan) { plan->l2 = value; }, plan_);
  }

  py::object predict(py::handle params, py::handle state, py::handle x, double x_scale, py::handle out) {
    const InputArray input(x, "predict", in_, is_double_, x_scale);
    const index_t shape[] = {input.batch, out_};
    const Shape result_shape = input.single ? Shape(shape + 1, 1) : Shape(shape, 2);
    Array y = output(out, "predict", result_shape, is_double_);
    if (!out.is_none()) check_overlap("predict", "out", y, "x", input.array, false);
    with_plan([&](auto& plan, auto zero) {
      using T = decltype(zero);
      const auto p = arrays<T>("predict", params, py::none(), state, false);
      predict_blocks(plan, p, input.view<T>(), input.batch, y.data<T>());
    });
    return y.release();
  }

  /// What predict_plain works on: flat arrays that live as long as the plan.
  void bind(py::handle params, py::handle state, const py::sequence& watched) {
    with_plan([&](auto&, auto zero) { arrays<decltype(zero)>("bind", params, py::none(), state, false); });
    params_ = Array(py::reinterpret_borrow<py::object>(params));
    state_ = Array(py::reinterpret_borrow<py::object>(state));
    watched_ = Watched(watched);
  }

  /// predict() for the plainest arguments; None where x must be looked at, or a layer's arrays have been replaced.
  py::object predict_plain(py::handle x) {
    if (!params_ || Py_TYPE(x.ptr()) != py::detail::npy_api::get().PyArray_Type_) return py::none();
    const Array input(py::reinterpret_borrow<py::object>(x));
    const int ndim = input.ndim();
    const int type = is_double_ ? py::detail::npy_api::NPY_DOUBLE_ : py::detail::npy_api::NPY_FLOAT_;
    if (input.type_num() != type || !input.c_contiguous() || !input.aligned() || !input.native() || ndim < 1 ||
        ndim > 2 || input.shape(ndim - 1) != in_ || !watched_.unchanged(true)) {
      return py::none();
    }
    const index_t shape[] = {ndim == 1 ? 1 : input.shape(0), out_};
    Array y = new_array(is_double_, ndim == 1 ? Shape(shape + 1, 1) : Shape(shape, 2));
    with_plan([&](auto& plan, auto zero) {
      using T = decltype(zero);
      Parameters<T> p;
      p.values = params_.data<T>();
      p.state = state_.data<T>();
      Inputs<T> view;
      view.values = input.data<const T>();
      predict_blocks(plan, p, view, shape[0], y.data<T>());
    });
    return y.release();
  }

  [[nodiscard]] bool unchanged() const { return watched_.unchanged(false); }

  std::pair<double, index_t> evaluate(py::handle params, py::handle state, py::handle x, py::handle t,
                                      const LossSpec& loss, py::handle class_weight, py::handle sample_weight,
                                      double x_scale) {
    const char* const function = "evaluate";
    const InputArray input(x, function, in_, is_double_, x_scale);
    const TargetArrays targets = read(function, loss, t, input, class_weight, sample_weight);
    return with_plan([&](auto& plan, auto zero) -> std::pair<double, index_t> {
      using T = decltype(zero);
      const auto p = arrays<T>(function, params, py::none(), state, false);
      const Targets<T> all = targets.view<T>();
      StepResult sum;
      by_blocks(input.batch, [&](index_t first, index_t rows) {
        Targets<T> block = all;
        if (block.labels != nullptr) block.labels += first;
        if (block.dense) block.dense = block.dense.block(first, 0, rows, block.dense.cols);
        if (block.sample_weight != nullptr) block.sample_weight += first;
        const StepResult part = plan.evaluate_rows(p, input.view<T>(first, in_), block, loss, rows);
        sum.loss += part.loss;
        sum.correct += part.correct;
      });
      const double normalizer = loss_normalizer(loss, all, input.batch, out_);
      return {sum.loss / normalizer + plan.penalty(p.values), sum.correct};
    });
  }

  py::object forward(py::handle params, py::handle state, py::handle x, std::uint64_t seed, std::uint64_t step) {
    const InputArray input(x, "forward", in_, is_double_, 1);
    const auto lock = training_lock("forward");
    Array y = new_array(is_double_, {input.batch, out_});
    with_plan([&](auto& plan, auto zero) {
      using T = decltype(zero);
      const auto p = arrays<T>("forward", params, py::none(), state, true);
      const GilRelease released;
      plan.forward(p, input.view<T>(), input.batch, seed, step, y.data<T>());
    });
    return y.release();
  }

  py::object backward(py::handle params, py::handle grads, py::handle state, py::handle dy, bool input_gradient) {
    const char* const function = "backward";
    const auto lock = training_lock(function);
    return with_plan([&](auto& plan, auto zero) -> py::object {
      using T = decltype(zero);
      const index_t batch = plan.recorded_batch();
      if (batch < 0) throw std::runtime_error("backward: there was no forward in training mode before it");
      const Array gradient = contiguous(as_floats(dy, function, "dy", is_double_));
      const index_t expected[] = {batch, out_};
      if (!same_shape(gradient.shape(), expected)) {
        value_error(function, ": dy has shape ", shape_text(gradient.shape()), "; expected ", shape_text(expected));
      }
      const auto p = arrays<T>(function, params, grads, state, true);
      Array dx;
      if (input_gradient) dx = new_array(is_double_, {batch, in_});
      {
        const GilRelease released;
        plan.backward(p, gradient.data<const T>(), dx.data<T>());
      }
      return input_gradient ? dx.release() : py::none();
    });
  }

  std::pair<double, index_t> gradient(py::handle params, py::handle grads, py::handle state, py::handle x, py::handle t,
                                      const LossSpec& loss, py::handle class_weight, py::handle sample_weight,
                                      std::uint64_t seed, std::uint64_t step) {
    return one_step("gradient", params, grads, state, x, t, loss, nullptr, py::none(), 1, class_weight, sample_weight,
                    seed, step);
  }

  std::pair<double, index_t> train_step(py::handle params, py::handle grads, py::handle state, py::handle x,
                                        py::handle t, const LossSpec& loss, const OptimizerSpec& optimizer,
                                        py::handle optimizer_states, index_t iteration, py::handle class_weight,
                                        py::handle sample_weight, std::uint64_t seed, std::uint64_t step) {
    return one_step("train_step", params, grads, state, x, t, loss, &optimizer, optimizer_states, iteration,
                    class_weight, sample_weight, seed, step);
  }

  py::tuple train_epoch(py::handle params, py::handle grads, py::handle state, py::handle x, py::handle t,
                        const LossSpec& loss, const OptimizerSpec& optimizer, py::handle optimizer_states,
                        index_t iteration, py::handle indices, index_t batch_size, py::handle lrs,
                        py::handle class_weight, py::handle sample_weight, std::uint64_t seed, std::uint64_t step,
                        double x_scale, py::handle progress) {
    const char* const function = "train_epoch";
    const auto lock = training_lock(function);
    completed_steps_ = 0;
    const InputArray input(x, function, in_, is_double_, x_scale);
    const TargetArrays targets = read(function, loss, t, input, class_weight, sample_weight);
    check_mean(function, loss);
    const Array order = read_indices(indices, input.batch);
    if (batch_size < 1) value_error(function, ": batch_size is ", batch_size, "; expected at least 1");
    const Array rates = contiguous(as_floats(lrs, function, "lrs", true));
    Epoch epoch;
    epoch.indices = order.data<const index_t>();
    epoch.count = order.size();
    epoch.batch_size = batch_size;
    epoch.lrs = rates.data<const double>();
    const index_t steps = epoch.steps();
    const index_t rates_shape[] = {steps};
    if (!same_shape(rates.shape(), rates_shape)) {
      value_error(function, ": lrs has shape ", shape_text(rates.shape()), "; expected ", shape_text(rates_shape));
    }
    check_iteration(function, iteration);

    std::vector<StepResult> results(static_cast<std::size_t>(steps));
    std::optional<py::error_already_set> error;
    auto next_progress = std::chrono::steady_clock::now() + kProgressEvery;
    std::optional<GilRelease> released;
    const Poll poll = [&](index_t steps_done) {
      const GilRelease::Held held(*released);
      error = signal_error();
      if (!error && !progress.is_none() && std::chrono::steady_clock::now() >= next_progress) {
        next_progress = std::chrono::steady_clock::now() + kProgressEvery;
        try {
          progress(steps_done);
        } catch (py::error_already_set& raised) {
          error = std::move(raised);
        }
      }
      return error.has_value();
    };
    with_plan([&](auto& plan, auto zero) {
      using T = decltype(zero);
      auto p = arrays<T>(function, params, grads, state, true);
      read_optimizer(function, optimizer, optimizer_states, p);
      Training<T> job{input.view<T>(), targets.view<T>(), loss, optimizer, seed, step, iteration};
      released.emplace();
      completed_steps_ = plan.train_epoch(p, job, epoch, results.data(), poll);
      released.reset();
    });
    if (error) throw std::move(*error);
    const index_t known = std::min(completed_steps_ + 1, steps);
    Array losses = new_array(true, {known});
    Array correct = new_int64(Shape(&known, 1));
    for (index_t s = 0; s < known; ++s) {
      losses.data<double>()[s] = results[static_cast<std::size_t>(s)].loss;
      correct.data<index_t>()[s] = results[static_cast<std::size_t>(s)].correct;
    }
    return py::make_tuple(losses.release(), correct.release());
  }

 private:
  /// In blocks of rows, looking at signals between them.
  template <class F>
  void by_blocks(index_t batch, F&& block) {
    for (index_t first = 0; first < batch; first += kRowsPerCall) {
      const index_t rows = std::min(kRowsPerCall, batch - first);
      if (rows * (in_ + out_) < kRowsPerCall) {
        block(first, rows);  // over before anybody could notice
        continue;
      }
      {
        const GilRelease released;
        block(first, rows);
      }
      if (batch > kRowsPerCall) {
        if (const auto error = signal_error()) throw *error;
      }
    }
  }

  template <class T>
  void predict_blocks(Plan<T>& plan, const Parameters<T>& p, const Inputs<T>& x, index_t batch, T* y) {
    by_blocks(batch, [&](index_t first, index_t rows) {
      Inputs<T> block = x;
      if (block.bytes != nullptr) block.bytes += first * in_;
      if (block.values != nullptr) block.values += first * in_;
      plan.predict(p, block, rows, y + first * out_);
    });
  }

  template <class T>
  Parameters<T> arrays(const char* function, py::handle params, py::handle grads, py::handle state, bool training) {
    const Flat flat{function, is_double_};
    Parameters<T> p;
    // Flat arrays may be longer than what the layers use: alignment puts padding at the end.
    p.size = std::max(param_size_, flat_size(params));
    p.values = flat.operator()<T>(params, "params", p.size, training);
    if (!grads.is_none()) p.grads = flat.operator()<T>(grads, "grads", p.size, true);
    p.state = flat.operator()<T>(state, "state", std::max(state_size_, flat_size(state)), training && state_size_ > 0);
    return p;
  }
  static index_t flat_size(py::handle value) {
    if (!py::isinstance<py::array>(value)) return 0;
    const Array a(py::reinterpret_borrow<py::object>(value));
    return a.ndim() == 1 ? a.shape(0) : 0;
  }

  template <class T>
  void read_optimizer(const char* function, const OptimizerSpec& spec, py::handle states, Parameters<T>& p) const {
    const auto list = py::cast<std::vector<py::object>>(states);
    const int expected = optimizer_states(spec.kind);
    if (static_cast<int>(list.size()) != expected) {
      value_error(function, ": optimizer_states has ", list.size(), " arrays; expected ", expected);
    }
    const Flat flat{function, is_double_};
    if (expected == 2) p.optimizer_m = flat.operator()<T>(list[0], "optimizer_states[0]", p.size, true);
    if (expected >= 1) p.optimizer_v = flat.operator()<T>(list.back(), "optimizer_states[-1]", p.size, true);
  }

  TargetArrays read(const char* function, const LossSpec& loss, py::handle t, const InputArray& input,
                    py::handle class_weight, py::handle sample_weight) const {
    const index_t shape[] = {input.batch, out_};
    check_reduction(loss, function, shape);
    return read_targets(loss, function, t, shape, class_weight, sample_weight, is_double_);
  }

  Array read_indices(py::handle value, index_t rows) const {
    const Array raw = as_array(value, "train_epoch", "indices");
    if ((raw.kind() != 'i' && raw.kind() != 'u') || raw.ndim() != 1) {
      value_error("train_epoch: indices is ", dtype_text(raw), " of shape ", shape_text(raw.shape()),
                  "; expected 1-D integers");
    }
    const Array order = contiguous(as_int64(raw));
    const auto* p = order.data<const index_t>();
    for (index_t i = 0; i < order.size(); ++i) {
      if (p[i] < 0 || p[i] >= rows) {
        index_error("train_epoch: indices[", i, "] is ", p[i], "; expected 0..", rows - 1);
      }
    }
    return order;
  }

  static void check_mean(const char* function, const LossSpec& loss) {
    if (loss.reduction == Reduction::none) {
      value_error(function, ": the loss has reduction 'none'; expected one that gives a number to minimize");
    }
  }
  static void check_iteration(const char* function, index_t iteration) {
    if (iteration < 1) value_error(function, ": iteration is ", iteration, "; expected 1, 2, ...");
  }

  std::pair<double, index_t> one_step(const char* function, py::handle params, py::handle grads, py::handle state,
                                      py::handle x, py::handle t, const LossSpec& loss, const OptimizerSpec* optimizer,
                                      py::handle states, index_t iteration, py::handle class_weight,
                                      py::handle sample_weight, std::uint64_t seed, std::uint64_t step) {
    const auto lock = training_lock(function);
    const InputArray input(x, function, in_, is_double_, 1);
    const TargetArrays targets = read(function, loss, t, input, class_weight, sample_weight);
    check_mean(function, loss);
    check_iteration(function, iteration);
    return with_plan([&](auto& plan, auto zero) -> std::pair<double, index_t> {
      using T = decltype(zero);
      auto p = arrays<T>(function, params, grads, state, true);
      Training<T> job{input.view<T>(), targets.view<T>(), loss, {}, seed, step, iteration};
      if (optimizer != nullptr) {
        job.optimizer = *optimizer;
        read_optimizer(function, *optimizer, states, p);
      }
      const GilRelease released;
      const StepResult result =
          optimizer == nullptr ? plan.gradient(p, job, input.batch) : plan.train_step(p, job, input.batch);
      return {result.loss, result.correct};
    });
  }

  /// One training call at a time: they share the plan's buffers.
  std::unique_lock<std::mutex> training_lock(const char* function) {
    std::unique_lock lock(training_, std::try_to_lock);
    if (!lock) throw std::runtime_error(text(function, ": this network is being trained by another thread"));
    return lock;
  }

  bool is_double_;
  index_t in_;
  index_t out_ = 0;
  index_t param_size_ = 0;
  index_t state_size_ = 0;
  index_t completed_steps_ = 0;
  double l1_ = 0;
  double l2_ = 0;
  Array params_;
  Array state_;
  Watched watched_;
  std::variant<std::unique_ptr<Plan<float>>, std::unique_ptr<Plan<double>>> plan_;
  std::mutex training_;
};

}  // namespace

void register_network(py::module_& m) {
  const py::object none = py::none();
  py::class_<PyPlan>(m, "Plan")
      .def(py::init<const std::string&, index_t, const std::vector<py::dict>&, double, double>(), py::arg("dtype"),
           py::arg("in_features"), py::arg("layers"), py::kw_only(), py::arg("l1") = 0.0, py::arg("l2") = 0.0)
      .def_property_readonly("dtype", &PyPlan::dtype)
      .def_property_readonly("in_features", &PyPlan::in)
      .def_property_readonly("out_features", &PyPlan::out)
      .def_property("l1", &PyPlan::l1, &PyPlan::set_l1)
      .def_property("l2", &PyPlan::l2, &PyPlan::set_l2)
      .def_property_readonly("completed_steps", &PyPlan::completed_steps)
      .def("predict", &PyPlan::predict, py::arg("params"), py::arg("state"), py::arg("x"), py::kw_only(),
           py::arg("x_scale") = 1.0, py::arg("out") = none)
      .def("bind", &PyPlan::bind, py::arg("params"), py::arg("state"), py::arg("watched"))
      .def("predict_plain", &PyPlan::predict_plain, py::arg("x"), py::pos_only())
      .def("unchanged", &PyPlan::unchanged)
      .def("forward", &PyPlan::forward, py::arg("params"), py::arg("state"), py::arg("x"), py::kw_only(),
           py::arg("seed") = 0, py::arg("step") = 0)
      .def("backward", &PyPlan::backward, py::arg("params"), py::arg("grads"), py::arg("state"), py::arg("dy"),
           py::kw_only(), py::arg("input_gradient") = true)
      .def("gradient", &PyPlan::gradient, py::arg("params"), py::arg("grads"), py::arg("state"), py::arg("x"),
           py::arg("t"), py::arg("loss"), py::kw_only(), py::arg("class_weight") = none,
           py::arg("sample_weight") = none, py::arg("seed") = 0, py::arg("step") = 0)
      .def("train_step", &PyPlan::train_step, py::arg("params"), py::arg("grads"), py::arg("state"), py::arg("x"),
           py::arg("t"), py::arg("loss"), py::arg("optimizer"), py::arg("optimizer_states"), py::arg("iteration"),
           py::arg("class_weight") = none, py::arg("sample_weight") = none, py::arg("seed") = 0, py::arg("step") = 0)
      .def("train_epoch", &PyPlan::train_epoch, py::arg("params"), py::arg("grads"), py::arg("state"), py::arg("x"),
           py::arg("t"), py::arg("loss"), py::arg("optimizer"), py::arg("optimizer_states"), py::arg("iteration"),
           py::arg("indices"), py::arg("batch_size"), py::arg("lrs"), py::kw_only(), py::arg("class_weight") = none,
           py::arg("sample_weight") = none, py::arg("seed") = 0, py::arg("step") = 0, py::arg("x_scale") = 1.0,
           py::arg("progress") = none)
      .def("evaluate", &PyPlan::evaluate, py::arg("params"), py::arg("state"), py::arg("x"), py::arg("t"),
           py::arg("loss"), py::kw_only(), py::arg("class_weight") = none, py::arg("sample_weight") = none,
           py::arg("x_scale") = 1.0);
}

}  // namespace nnfast::bindings
