#pragma once
// What a Plan gets from Python: descriptions of layers, flat arrays, inputs, and attributes to keep an eye on.

#include <algorithm>
#include <cmath>
#include <vector>

#include "array_view.hpp"
#include "nnfast/network.hpp"

namespace nnfast::bindings {

inline constexpr const char* kKinds[] = {
    "affine", "activation", "prelu", "softmax", "log_softmax", "dropout", "batch_normalization", "layer_normalization",
    "maxout"};
/// Reads the dict of one layer; `where` names it in messages.
class LayerReader {
 public:
  LayerReader(py::dict dict, std::size_t position)
      : dict_(std::move(dict)), where_(text("Plan: layers[", position, "]")) {}

  Layer read(index_t width) {
    const auto kind = get<std::string>("kind");
    const auto* const known = std::find(std::begin(kKinds), std::end(kKinds), kind);
    if (known == std::end(kKinds)) value_error(where_, ": kind is '", kind, "', which is no layer of a plan");
    Layer layer;
    layer.kind = static_cast<LayerKind>(known - kKinds);
    layer.in = get_or<index_t>("in", width);
    layer.out = get_or<index_t>("out", layer.in);
    if (layer.kind == LayerKind::maxout) {
      const auto pieces = get<index_t>("pieces");
      if (pieces < 1 || layer.in % pieces != 0) {
        value_error(where_, ": pieces is ", pieces, "; expected a divisor of its ", layer.in, " columns");
      }
      layer.out = layer.in / pieces;
    }
    layer.weight = get_or<index_t>("weight", -1);
    layer.bias = get_or<index_t>("bias", -1);
    layer.state = get_or<index_t>("state", -1);
    layer.alpha_size = get_or<index_t>("alpha_size", 1);
    if (layer.kind == LayerKind::activation) {
      const auto f = get<int>("f");
      if (f < 0 || f >= kActivations) value_error(where_, ": f is ", f, "; expected a value of ACTIVATIONS");
      layer.f = static_cast<Activation>(f);
      layer.params = {get_or<double>("alpha", 0), get_or<double>("beta", 0)};
    }
    layer.ratio = get_or<double>("ratio", 0);
    layer.stream = get_or<std::uint32_t>("stream", 0);
    layer.eps = get_or<double>("eps", layer.eps);
    layer.momentum = get_or<double>("momentum", layer.momentum);
    layer.unbiased = get_or<bool>("unbiased", false);
    check(layer);
    return layer;
  }

  /// Where the layer's parameters end, so that flat arrays can be checked once.
  static index_t weight_end(const Layer& layer) {
    const index_t weights = layer.kind == LayerKind::affine  ? layer.in * layer.out
                            : layer.kind == LayerKind::prelu ? layer.alpha_size
                                                             : layer.out;
    return layer.weight < 0 ? 0 : layer.weight + weights;
  }
  static index_t parameters_end(const Layer& layer) {
    return std::max(weight_end(layer), layer.bias < 0 ? 0 : layer.bias + layer.out);
  }
  static index_t state_end(const Layer& layer) { return layer.state < 0 ? 0 : layer.state + 2 * layer.out; }

 private:
  template <class U>
  U get(const char* key) {
    if (!dict_.contains(key)) value_error(where_, " has no '", key, "'");
    return get_or<U>(key, U{});
  }
  template <class U>
  U get_or(const char* key, U otherwise) {
    if (!dict_.contains(key)) return otherwise;
    try {
      return py::cast<U>(dict_[key]);
    } catch (const py::cast_error&) {
      type_error(where_, ": ", key, " is ", py::repr(dict_[key]).cast<std::string>(), ", of the wrong type");
    }
  }
  void check(const Layer& layer) {
    const bool affine = layer.kind == LayerKind::affine;
    // Widths are bounded so that in * out, and a batch of it, cannot overflow an index.
    constexpr index_t kWidest = index_t{1} << 31;
    if (layer.in < 0 || layer.out < 0 || layer.in > kWidest || layer.out > kWidest) {
      value_error(where_, ": in and out are ", layer.in, " and ", layer.out, "; expected 0..", kWidest);
    }
    if (!affine && layer.kind != LayerKind::maxout && layer.in != layer.out)
      value_error(where_, ": in is ", layer.in, " but out is ", layer.out);
    if ((affine || layer.kind == LayerKind::prelu) && layer.weight < 0) value_error(where_, " has no weight offset");
    if (layer.kind == LayerKind::batch_normalization && layer.state < 0) value_error(where_, " has no state offset");
    if (layer.kind == LayerKind::prelu && layer.alpha_size != 1 && layer.alpha_size != layer.out) {
      value_error(where_, ": alpha_size is ", layer.alpha_size, "; expected 1 or ", layer.out);
    }
    if (!(layer.ratio >= 0 && layer.ratio < 1))
      value_error(where_, ": ratio is ", layer.ratio, "; expected 0 <= ratio < 1");
    if (!(layer.eps >= 0 && std::isfinite(layer.eps)))
      value_error(where_, ": eps is ", layer.eps, "; expected a finite number >= 0");
    if (!(layer.momentum >= 0 && layer.momentum <= 1))
      value_error(where_, ": momentum is ", layer.momentum, "; expected 0..1");
  }

  py::dict dict_;
  std::string where_;
};

/// What the caller's arrays must be; converts nothing, as results are written to them.
struct Flat {
  const char* function;
  bool is_double;

  template <class T>
  T* operator()(py::handle value, const char* argument, index_t size, bool written) const {
    if (!py::isinstance<py::array>(value)) {
      type_error(function, ": ", argument, " is of type ",
                 py::str(py::type::of(value).attr("__name__")).cast<std::string>(), "; expected a flat ndarray");
    }
    const Array a(py::reinterpret_borrow<py::object>(value));
    const index_t shape[] = {size};
    const bool right_type =
        a.type_num() == (is_double ? py::detail::npy_api::NPY_DOUBLE_ : py::detail::npy_api::NPY_FLOAT_);
    if (!right_type || !a.native() || !a.aligned() || !a.c_contiguous() || !same_shape(a.shape(), shape)) {
      value_error(function, ": ", argument, " is ", dtype_text(a), " of shape ", shape_text(a.shape()),
                  "; expected contiguous ", is_double ? "float64" : "float32", " of shape ", shape_text(shape));
    }
    if (written && !a.writeable()) value_error(function, ": ", argument, " is read-only");
    return a.data<T>();
  }
};

/// x (batch, in), or one sample (in,): C-contiguous, of the plan's dtype or bytes.
struct InputArray {
  Array array;
  index_t batch = 0;
  bool single = false;
  bool bytes = false;
  double scale = 1;

  InputArray(py::handle value, const char* function, index_t in, bool is_double, double x_scale) : scale(x_scale) {
    const Array raw = as_array(value, function, "x");
    bytes = raw.type_num() == py::detail::npy_api::NPY_UBYTE_;
    array = contiguous(bytes ? as_native(raw) : as_floats(raw.object(), function, "x", is_double));
    single = array.ndim() == 1;
    if (array.ndim() == 0 || array.ndim() > 2 || array.shape(array.ndim() - 1) != in) {
      value_error(function, ": x has shape ", shape_text(array.shape()), "; expected (batch, ", in, ") or (", in, ",)");
    }
    batch = single ? 1 : array.shape(0);
    if (!bytes && scale != 1) {
      value_error(function, ": x_scale is ", scale, " but x has dtype ", dtype_text(raw), "; expected uint8 to scale");
    }
    if (!std::isfinite(scale)) value_error(function, ": x_scale is ", scale, "; expected a finite number");
  }

  template <class T>
  [[nodiscard]] Inputs<T> view(index_t first_row = 0, index_t in = 0) const {
    Inputs<T> x;
    if (bytes) {
      x.bytes = array.data<const std::uint8_t>() + first_row * in;
    } else {
      x.values = array.data<const T>() + first_row * in;
    }
    x.scale = static_cast<T>(scale);
    return x;
  }
};

/// Attributes of layers that are views of the network's flat arrays until somebody assigns to them.
class Watched {
 public:
  Watched() = default;
  /// Tuples (object, name, value, whether inference reads it).
  explicit Watched(const py::sequence& attributes) {
    for (const py::handle item : attributes) {
      const auto entry = py::cast<py::tuple>(item);
      entries_.push_back({entry[0], entry[1], entry[2], entry[3].cast<bool>()});
    }
  }
  [[nodiscard]] bool unchanged(bool for_inference) const {
    py::handle owner;
    py::object attributes;
    for (const Entry& e : entries_) {
      if (for_inference && !e.read) continue;
      if (!owner.is(e.object)) {
        owner = e.object;
        attributes = py::reinterpret_steal<py::object>(PyObject_GenericGetDict(owner.ptr(), nullptr));
        if (!attributes) throw py::error_already_set();
      }
      // Where it stands among the instance's own, half the time of PyObject_GetAttr.
      if (PyDict_GetItemWithError(attributes.ptr(), e.name.ptr()) == e.value.ptr()) continue;
      const auto value = py::reinterpret_steal<py::object>(PyObject_GetAttr(e.object.ptr(), e.name.ptr()));
      if (!value) PyErr_Clear();
      if (!value.is(e.value)) return false;
    }
    return true;
  }

 private:
  struct Entry {
    py::object object, name, value;
    bool read;
  };
  std::vector<Entry> entries_;
};

}  // namespace nnfast::bindings
