#include "array_view.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "array_memory.hpp"

namespace nnfast::bindings {
namespace {

using npy = py::detail::npy_api;

constexpr char kSwapped = std::endian::native == std::endian::little ? '>' : '<';

bool is_array(py::handle value) { return npy::get().PyArray_Check_(value.ptr()); }

Array steal(PyObject* object) {
  if (object == nullptr) throw py::error_already_set();
  return Array(py::reinterpret_steal<py::object>(object));
}

/// At 8 bytes per element; of shapes that no memory has, the largest number.
index_t bytes_of(Shape shape) {
  index_t bytes = 8;
  for (const index_t extent : shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return std::numeric_limits<index_t>::max();
  }
  return bytes;
}

PyObject* descr(int type_num) { return npy::get().PyArray_DescrFromType_(type_num); }
int float_type(bool is_double) { return is_double ? npy::NPY_DOUBLE_ : npy::NPY_FLOAT_; }

/// An ndarray of that type: aligned, native, cast if need be. `a` itself when it is one already.
Array converted(const Array& a, int type_num, int extra_flags = 0) {
  const PooledArrays pooled(bytes_of(a.shape()));
  const int flags = npy::NPY_ARRAY_ALIGNED_ | npy::NPY_ARRAY_FORCECAST_ | npy::NPY_ARRAY_ENSUREARRAY_ | extra_flags;
  return steal(npy::get().PyArray_FromAny_(a.object().ptr(), descr(type_num), 0, 0, flags, nullptr));
}

bool is_usable(const Array& a, int type_num) { return a.type_num() == type_num && a.aligned() && a.native(); }

/// Masked elements would be read as if they were data.
void refuse_masked(py::handle value, const char* function, const char* argument) {
  if (Py_TYPE(value.ptr()) == npy::get().PyArray_Type_ || !py::hasattr(value, "mask")) return;
  const py::module_ ma = py::module_::import("numpy.ma");
  if (py::isinstance(value, ma.attr("MaskedArray")) && ma.attr("is_masked")(value).cast<bool>()) {
    value_error(function, ": ", argument, " has masked elements; expected ", argument, ".filled(value)");
  }
}

[[noreturn]] void refuse_dtype(const Array& a, const char* function, const char* argument) {
  type_error(function, ": ", argument, " has dtype ", dtype_text(a), "; expected real numbers");
}

std::string repr_text(py::handle value) { return py::repr(value).cast<std::string>(); }

Precision precision_of(const Array& a, bool python_number, const char* function, const char* argument) {
  const auto itemsize = [&] { return a.object().attr("dtype").attr("itemsize").cast<index_t>(); };
  switch (a.kind()) {
    case 'f':
      if (python_number) return Precision::flexible;
      return itemsize() <= 4 ? Precision::single_ : Precision::double_;
    case 'b': return Precision::flexible;
    case 'i':
    case 'u': return python_number || itemsize() <= 2 ? Precision::flexible : Precision::double_;
    default: refuse_dtype(a, function, argument);
  }
}

struct Extent {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

Extent extent_of(const Array& a, index_t itemsize) {
  const auto base = reinterpret_cast<std::uintptr_t>(a.bytes());
  Extent e{base, base + static_cast<std::uintptr_t>(itemsize)};
  for (int axis = 0; axis < a.ndim(); ++axis) {
    if (a.shape(axis) == 0) return {};
    const index_t reach = (a.shape(axis) - 1) * a.strides(axis);
    // Unsigned arithmetic wraps as intended for negative strides.
    (reach < 0 ? e.begin : e.end) += static_cast<std::uintptr_t>(reach);
  }
  return e;
}

index_t itemsize_of(const Array& a) {
  if (a.is_double()) return sizeof(double);
  if (a.type_num() == npy::NPY_FLOAT_) return sizeof(float);
  return a.object().attr("itemsize").cast<index_t>();
}

bool ranges_overlap(const Array& a, const Array& b) {
  const Extent x = extent_of(a, itemsize_of(a));
  const Extent y = extent_of(b, itemsize_of(b));
  return x.begin < y.end && y.begin < x.end;
}

/// Two views may lie in each other's range and share nothing, like blocks of columns. NumPy solves that exactly, here
/// with so much work at most; what is harder counts as shared.
bool share_memory(const Array& a, const Array& b) {
  constexpr int kMaxWork = 100'000;
  try {
    const py::object shares = py::module_::import("numpy").attr("shares_memory");
    return shares(a.object(), b.object(), py::arg("max_work") = kMaxWork).cast<bool>();
  } catch (const py::error_already_set&) {
    return true;
  }
}

/// Whether two of the array's elements may lie at one place: its strides, sorted, do not step over one another.
bool overlaps_itself(const Array& a) {
  std::vector<std::pair<index_t, index_t>> steps;  // bytes, elements
  for (int axis = 0; axis < a.ndim(); ++axis) {
    if (a.shape(axis) == 0) return false;
    if (a.shape(axis) > 1) steps.emplace_back(std::abs(a.strides(axis)), a.shape(axis));
  }
  std::sort(steps.begin(), steps.end());
  index_t covered = itemsize_of(a);
  for (const auto& [bytes, elements] : steps) {
    if (bytes < covered) return true;
    covered = bytes * (elements - 1) + covered;
  }
  return false;
}

void check_float_dtype(const Array& a, const char* function, const char* argument) {
  if (a.type_num() != npy::NPY_FLOAT_ && a.type_num() != npy::NPY_DOUBLE_) {
    type_error(function, ": ", argument, " has dtype ", dtype_text(a), "; expected float32 or float64");
  }
}

const char* float_name(bool is_double) { return is_double ? "float64" : "float32"; }

std::string type_text(py::handle value) {
  return value.is_none() ? "None" : std::string("a ") + Py_TYPE(value.ptr())->tp_name;
}

/// What writing in place needs of an array apart from its dtype and shape.
void check_writable(const Array& a, bool contiguous_wanted, const char* function, const char* argument) {
  if (!a.writeable()) value_error(function, ": ", argument, " is read-only; expected a writeable array");
  if (!a.aligned() || !a.native()) {
    value_error(function, ": ", argument,
                " is misaligned or not in native byte order; expected an aligned native array");
  }
  if (contiguous_wanted && !a.c_contiguous()) {
    value_error(function, ": ", argument, " is not C-contiguous; expected a C-contiguous array");
  }
}

Array written_array(py::handle value, const char* function, const char* argument) {
  if (!is_array(value)) {
    type_error(function, ": ", argument, " is ", type_text(value), "; expected a NumPy array");
  }
  refuse_masked(value, function, argument);
  return Array(py::reinterpret_borrow<py::object>(value));
}

void check_exact(const Array& a, bool is_double, Shape shape, const char* function, const char* argument) {
  if (a.type_num() != float_type(is_double)) {
    type_error(function, ": ", argument, " has dtype ", dtype_text(a), "; expected ", float_name(is_double));
  }
  if (!same_shape(a.shape(), shape)) {
    value_error(function, ": ", argument, " has shape ", shape_text(a.shape()), "; expected ", shape_text(shape));
  }
  check_writable(a, true, function, argument);
}

}  // namespace

bool Array::native() const { return py::detail::array_descriptor_proxy(proxy()->descr)->byteorder != kSwapped; }

// ---- Messages

std::string shape_text(Shape shape) {
  std::string s = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) s += ", ";
    s += std::to_string(shape[i]);
  }
  return s + (shape.size() == 1 ? ",)" : ")");
}

std::string dtype_text(const Array& a) { return py::str(a.object().attr("dtype")).cast<std::string>(); }

double read_number(py::handle value, const char* function, const char* argument, bool infinity_allowed) {
  const double number = PyFloat_AsDouble(value.ptr());
  if (number == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    type_error(function, ": ", argument, " is ", repr_text(value), "; expected a number");
  }
  if (std::isnan(number) || (std::isinf(number) && !infinity_allowed)) {
    value_error(function, ": ", argument, " is ", repr_text(value), "; expected a ",
                infinity_allowed ? "number" : "finite number");
  }
  return number;
}

std::uint64_t read_unsigned(py::handle value, std::uint64_t maximum, const char* function, const char* argument) {
  const auto integer = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!integer) {
    PyErr_Clear();
    type_error(function, ": ", argument, " is ", repr_text(value), "; expected an integer");
  }
  const std::uint64_t number = PyLong_AsUnsignedLongLong(integer.ptr());
  const bool outside = PyErr_Occurred() != nullptr;
  PyErr_Clear();
  if (outside || number > maximum) {
    value_error(function, ": ", argument, " is ", repr_text(value), "; expected an integer in 0..", maximum);
  }
  return number;
}

void check_range(double value, double minimum, double maximum, const char* function, const char* argument,
                 const char* expected) {
  if (value >= minimum && value <= maximum) return;
  value_error(function, ": ", argument, " is ", repr_text(py::float_(value)), "; expected ", expected);
}

// ---- Reading operands

Operand::Operand(py::handle value, const char* function, const char* argument) {
  if (Py_TYPE(value.ptr()) == npy::get().PyArray_Type_) {
    array = Array(py::reinterpret_borrow<py::object>(value));
    switch (array.type_num()) {
      case npy::NPY_FLOAT_: precision = Precision::single_; return;
      case npy::NPY_DOUBLE_: precision = Precision::double_; return;
      default: break;
    }
  } else {
    array = as_array(value, function, argument);
  }
  const bool python_number = PyFloat_CheckExact(value.ptr()) != 0 || PyLong_Check(value.ptr()) != 0;
  precision = precision_of(array, python_number, function, argument);
}

bool promotes_to_double(std::span<Operand* const> operands) {
  bool any_single = false;
  bool any_double = false;
  for (const Operand* operand : operands) {
    if (!operand->array) continue;
    any_single = any_single || operand->precision == Precision::single_;
    any_double = any_double || operand->precision == Precision::double_;
  }
  return any_double || !any_single;
}

bool promote(std::initializer_list<Operand*> operands) {
  const bool to_double = promotes_to_double(std::span(operands.begin(), operands.size()));
  for (Operand* operand : operands) {
    if (operand->array) operand->array = as_floats(operand->array, to_double);
  }
  return to_double;
}

bool is_single(const Array& a) { return is_usable(a, npy::NPY_FLOAT_); }

Array as_floats(const Array& a, bool to_double) {
  return is_usable(a, float_type(to_double)) ? a : converted(a, float_type(to_double));
}

Array as_floats(py::handle value, const char* function, const char* argument) {
  Operand operand(value, function, argument);
  promote({&operand});
  return std::move(operand.array);
}

Array as_floats(py::handle value, const char* function, const char* argument, bool to_double, bool allow_none) {
  if (allow_none && value.is_none()) return {};
  return as_floats(Operand(value, function, argument).array, to_double);
}

Array as_array(py::handle value, const char* function, const char* argument) {
  if (value.is_none()) type_error(function, ": ", argument, " is None; expected an array of real numbers");
  refuse_masked(value, function, argument);
  PyObject* const read = npy::get().PyArray_FromAny_(value.ptr(), nullptr, 0, 0, npy::NPY_ARRAY_ENSUREARRAY_, nullptr);
  if (read == nullptr) {
    py::error_already_set error;
    if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError)) throw error;
    const std::string why = py::str(error.value()).cast<std::string>();
    const std::string what = text(function, ": ", argument, " cannot be read as an array of real numbers: ", why);
    if (error.matches(PyExc_TypeError)) throw py::type_error(what);
    throw py::value_error(what);
  }
  return Array(py::reinterpret_steal<py::object>(read));
}

Array as_int64(const Array& a) { return is_usable(a, npy::NPY_INT64_) ? a : converted(a, npy::NPY_INT64_); }

Array as_native(const Array& a) { return a.aligned() && a.native() ? a : converted(a, a.type_num()); }

Array contiguous(const Array& a) {
  constexpr int kCOrder = 0;
  if (a.c_contiguous()) return a;
  const PooledArrays pooled(bytes_of(a.shape()));
  return steal(npy::get().PyArray_NewCopy_(a.object().ptr(), kCOrder));
}

// ---- New arrays and arrays to write to

namespace {

Array new_of_type(int type_num, Shape shape) {
  const npy& api = npy::get();
  const PooledArrays pooled(bytes_of(shape));
  return steal(api.PyArray_NewFromDescr_(api.PyArray_Type_, descr(type_num), static_cast<int>(shape.size()),
                                         shape.data(), nullptr, nullptr, 0, nullptr));
}

}  // namespace

Array new_array(bool is_double, Shape shape) { return new_of_type(float_type(is_double), shape); }

Array new_array(bool is_double, std::initializer_list<index_t> shape) {
  return new_array(is_double, Shape(shape.begin(), shape.size()));
}

Array new_int64(Shape shape) { return new_of_type(npy::NPY_INT64_, shape); }
Array new_bool(Shape shape) { return new_of_type(npy::NPY_BOOL_, shape); }

Array output(py::handle out, const char* function, Shape shape, bool is_double) {
  if (out.is_none()) return new_array(is_double, shape);
  return in_place(out, function, "out", is_double, shape);
}

Array in_place(py::handle value, const char* function, const char* argument) {
  Array a = written_array(value, function, argument);
  check_float_dtype(a, function, argument);
  check_writable(a, false, function, argument);
  if (!a.c_contiguous() && overlaps_itself(a)) {
    value_error(function, ": several elements of ", argument,
                " lie at one place in memory; expected separate elements");
  }
  return a;
}

Array in_place(py::handle value, const char* function, const char* argument, bool is_double, Shape shape) {
  Array a = written_array(value, function, argument);
  check_exact(a, is_double, shape, function, argument);
  return a;
}

void check_overlap(const char* function, const char* out_name, const Array& out, const char* in_name, const Array& in,
                   bool same_allowed) {
  if (!ranges_overlap(out, in)) return;
  const bool same = out.bytes() == in.bytes() && out.type_num() == in.type_num() && out.c_contiguous() &&
                    in.c_contiguous() && out.size() == in.size();
  if (same && same_allowed) return;
  if (!same && !share_memory(out, in)) return;
  value_error(function, ": ", out_name, " overlaps ", in_name, " in memory; expected ",
              same_allowed ? "the very same array or separate memory" : "separate memory");
}

void copy_into(const Array& to, const Array& from) {
  if (npy::get().PyArray_CopyInto_(to.object().ptr(), from.object().ptr()) < 0) throw py::error_already_set();
}

// ---- Matrices

template <class T>
MatrixView<T> rows_view(Array& a, bool unit_columns) {
  constexpr index_t kItem = sizeof(T);
  const int last = a.ndim() - 1;
  const index_t cols = a.shape(last);
  index_t rows = 1;
  for (int axis = 0; axis < last; ++axis) rows *= a.shape(axis);

  index_t col_bytes = cols > 1 ? a.strides(last) : kItem;
  bool walkable = !unit_columns || col_bytes == kItem;
  // The stride of the innermost leading dimension that has more than one element is the stride of them all, if each
  // outer one continues where it ends.
  index_t row_bytes = cols * kItem;
  index_t covered = 1;
  if (rows != 0) {
    for (int axis = last - 1; axis >= 0; --axis) {
      if (a.shape(axis) == 1) continue;
      if (covered == 1) {
        row_bytes = a.strides(axis);
      } else {
        walkable = walkable && a.strides(axis) == row_bytes * covered;
      }
      covered *= a.shape(axis);
    }
  }
  walkable = walkable && row_bytes % kItem == 0 && col_bytes % kItem == 0;
  if (!walkable) {
    a = contiguous(a);
    row_bytes = cols * kItem;
    col_bytes = kItem;
  }
  return {a.data<T>(), rows, cols, row_bytes / kItem, col_bytes / kItem};
}

template MatrixView<float> rows_view(Array&, bool);
template MatrixView<double> rows_view(Array&, bool);
template MatrixView<const float> rows_view(Array&, bool);
template MatrixView<const double> rows_view(Array&, bool);

}  // namespace nnfast::bindings
