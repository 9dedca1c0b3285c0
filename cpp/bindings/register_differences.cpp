#include <pybind11/stl.h>

#include <algorithm>

#include "nnfast/differences.hpp"
#include "plan_arguments.hpp"
#include "register.hpp"
#include "targets.hpp"

namespace nnfast::bindings {
namespace {

constexpr const char* kFunction = "loss_differences";
// What one call into the core may take while signals wait.
constexpr double kNanosecondsPerCall = 40e6;

py::tuple loss_differences(index_t in, const std::vector<py::dict>& dicts, py::handle params, py::handle state,
                           py::handle x, py::handle t, const LossSpec& loss, py::handle elements, double h,
                           bool training, std::uint64_t seed, std::uint64_t step, py::handle class_weight) {
  check_range(h, 1e-300, 1e300, kFunction, "h", "a finite number > 0");
  std::vector<Layer> layers;
  index_t width = in;
  index_t param_size = 0;
  index_t state_size = 0;
  for (std::size_t i = 0; i < dicts.size(); ++i) {
    layers.push_back(LayerReader(dicts[i], i).read(width));
    if (layers.back().in != width) {
      value_error(kFunction, ": layers[", i, "] takes ", layers.back().in, " columns but gets ", width);
    }
    width = layers.back().out;
    param_size = std::max(param_size, LayerReader::parameters_end(layers.back()));
    state_size = std::max(state_size, LayerReader::state_end(layers.back()));
  }
  const InputArray input(x, kFunction, in, true, 1);
  const index_t shape[] = {input.batch, width};
  check_reduction(loss, kFunction, shape);
  const TargetArrays targets = read_targets(loss, kFunction, t, shape, class_weight, py::none(), true);
  const Flat flat{kFunction, true};
  const Array all(as_array(params, kFunction, "params"));
  const Array states(as_array(state, kFunction, "state"));

  DifferenceJob job;
  job.params = flat.operator()<double>(params, "params", std::max(param_size, all.size()), false);
  job.state = flat.operator()<double>(state, "state", std::max(state_size, states.size()), false);
  job.x = input.view<double>().values;
  job.batch = input.batch;
  job.t = targets.view<double>();
  job.loss = loss;
  job.training = training;
  job.seed = seed;
  job.step = step;

  const Array order = contiguous(as_int64(as_array(elements, kFunction, "elements")));
  const index_t count = order.size();
  const auto* const places = order.data<const index_t>();
  const auto is_parameter = [&](index_t element) {
    return std::any_of(layers.begin(), layers.end(), [element](const Layer& layer) {
      const index_t end = LayerReader::weight_end(layer);
      return (layer.weight >= 0 && element >= layer.weight && element < end) ||
             (layer.bias >= 0 && element >= layer.bias && element < layer.bias + layer.out);
    });
  };
  for (index_t i = 0; i < count; ++i) {
    if (!is_parameter(places[i])) index_error(kFunction, ": elements[", i, "] is ", places[i], ", no parameter");
  }
  Array derivative = new_array(true, {count});
  Array kink = new_int64(Shape(&count, 1));
  std::vector<int> kinks(static_cast<std::size_t>(count));
  Differences differences(in, std::move(layers));
  {
    const GilRelease released;
    differences.prepare(job);
  }
  const double fitting = kNanosecondsPerCall / (differences.nanoseconds() + 1);
  const auto per_call = static_cast<index_t>(std::clamp(fitting, 1.0, 1e6));
  for (index_t begin = 0; begin < count; begin += per_call) {
    {
      const GilRelease released;
      differences.run(places + begin, std::min(per_call, count - begin), h, derivative.data<double>() + begin,
                      kinks.data() + begin);
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  std::copy(kinks.begin(), kinks.end(), kink.data<index_t>());
  return py::make_tuple(derivative.release(), kink.release());
}

}  // namespace

void register_differences(py::module_& m) {
  using namespace py::literals;
  m.def("loss_differences", &loss_differences, "in_features"_a, "layers"_a, "params"_a, "state"_a, "x"_a, "t"_a,
        "loss"_a, "elements"_a, "h"_a, py::kw_only(), "training"_a = true, "seed"_a = 0, "step"_a = 0,
        "class_weight"_a = py::none());
}

}  // namespace nnfast::bindings
