#pragma once
// The one place that turns Python objects into views of float32 or float64 memory. Everything here needs the GIL;
// the views stay valid without it as long as the Array they come from lives.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "gil.hpp"
#include "nnfast/parallel.hpp"
#include "stopwatch.hpp"

namespace nnfast::bindings {

namespace py = pybind11;
using Shape = std::span<const index_t>;

/// An owned reference to an ndarray, or nothing. What the functions below return is an aligned array in native byte
/// order, of the dtype that they name.
class Array {
 public:
  Array() = default;
  explicit Array(py::object object) : object_(std::move(object)) {}

  explicit operator bool() const { return object_.ptr() != nullptr; }
  [[nodiscard]] const py::object& object() const { return object_; }
  [[nodiscard]] py::object release() { return std::move(object_); }

  [[nodiscard]] int ndim() const { return proxy()->nd; }
  [[nodiscard]] Shape shape() const { return {proxy()->dimensions, static_cast<std::size_t>(proxy()->nd)}; }
  [[nodiscard]] Shape strides() const { return {proxy()->strides, static_cast<std::size_t>(proxy()->nd)}; }  // bytes
  [[nodiscard]] index_t shape(int axis) const { return proxy()->dimensions[axis]; }
  [[nodiscard]] index_t strides(int axis) const { return proxy()->strides[axis]; }
  [[nodiscard]] index_t size() const {
    index_t n = 1;
    for (const index_t extent : shape()) n *= extent;
    return n;
  }
  [[nodiscard]] int type_num() const { return py::detail::array_descriptor_proxy(proxy()->descr)->type_num; }
  [[nodiscard]] char kind() const { return py::detail::array_descriptor_proxy(proxy()->descr)->kind; }
  [[nodiscard]] bool is_double() const { return type_num() == py::detail::npy_api::NPY_DOUBLE_; }
  [[nodiscard]] bool c_contiguous() const { return has(py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_); }
  [[nodiscard]] bool f_contiguous() const { return has(py::detail::npy_api::NPY_ARRAY_F_CONTIGUOUS_); }
  [[nodiscard]] bool aligned() const { return has(py::detail::npy_api::NPY_ARRAY_ALIGNED_); }
  [[nodiscard]] bool writeable() const { return has(py::detail::npy_api::NPY_ARRAY_WRITEABLE_); }
  [[nodiscard]] bool native() const;

  [[nodiscard]] char* bytes() const { return proxy()->data; }
  /// nullptr where there is no array, so that an optional argument passes straight on.
  template <class T>
  [[nodiscard]] T* data() const {
    return object_.ptr() == nullptr ? nullptr : reinterpret_cast<T*>(proxy()->data);
  }

 private:
  [[nodiscard]] const py::detail::PyArray_Proxy* proxy() const { return py::detail::array_proxy(object_.ptr()); }
  [[nodiscard]] bool has(int flag) const { return (proxy()->flags & flag) != 0; }

  py::object object_;
};

// ---- Messages

/// "(100, 50)", as Python writes it.
std::string shape_text(Shape shape);
/// "float32", "object", "<U3"
std::string dtype_text(const Array& a);
inline bool same_shape(Shape a, Shape b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}
template <class... Parts>
[[noreturn]] void value_error(const Parts&... parts) {
  throw py::value_error(text(parts...));
}
template <class... Parts>
[[noreturn]] void type_error(const Parts&... parts) {
  throw py::type_error(text(parts...));
}
template <class... Parts>
[[noreturn]] void index_error(const Parts&... parts) {
  throw py::index_error(text(parts...));
}
/// A Python number as double; TypeError for anything else, ValueError for NaN and (unless allowed) infinity.
double read_number(py::handle value, const char* function, const char* argument, bool infinity_allowed = false);
/// An integer in 0..maximum; TypeError, ValueError.
std::uint64_t read_unsigned(py::handle value, std::uint64_t maximum, const char* function, const char* argument);
/// Throws unless minimum <= value <= maximum; NaN is outside.
void check_range(double value, double minimum, double maximum, const char* function, const char* argument,
                 const char* expected);

// ---- Reading operands

/// What an operand asks of the common dtype. A Python number and an integer of at most 16 bits follow the others and
/// are float64 among themselves (float16 is single: alone it becomes float32).
enum class Precision : unsigned char { flexible, single_, double_ };

/// An argument that has been read, but not yet converted. TypeError for what is not an array of real numbers.
struct Operand {
  Operand() = default;
  Operand(py::handle value, const char* function, const char* argument);
  /// None -> empty, which promote() passes over.
  static Operand optional(py::handle value, const char* function, const char* argument) {
    return value.is_none() ? Operand() : Operand(value, function, argument);
  }

  Array array;
  Precision precision = Precision::flexible;
};

/// Whether the dtype that NumPy would promote them to is float64.
bool promotes_to_double(std::span<Operand* const> operands);
/// Converts every operand to the dtype that NumPy would promote them to, float32 or float64; returns which.
bool promote(std::initializer_list<Operand*> operands);
/// Whether it is float32, aligned and native.
bool is_single(const Array& a);
/// Aligned and native float32 or float64; the array itself where it is that already.
Array as_floats(const Array& a, bool to_double);
/// One operand alone: float32 stays, float16 becomes float32, everything else that is real becomes float64.
Array as_floats(py::handle value, const char* function, const char* argument);
/// Of the given dtype, whatever came. Null for None where `allow_none`.
Array as_floats(py::handle value, const char* function, const char* argument, bool to_double, bool allow_none = false);
/// Any array-like as an ndarray of its own dtype.
Array as_array(py::handle value, const char* function, const char* argument);
/// Integers of any width as int64 (uint64 wraps). Any dtype in native byte order.
Array as_int64(const Array& a);
Array as_native(const Array& a);
/// `a`, or a copy in C order. The dtype stays.
Array contiguous(const Array& a);
/// A view.
inline Array transposed(const Array& a) { return Array(a.object().attr("T")); }

template <class F>
decltype(auto) visit_dtype(bool is_double, F&& f) {
  return is_double ? f(double{}) : f(float{});
}

// ---- New arrays and arrays to write to

/// C-contiguous, memory not initialised.
Array new_array(bool is_double, Shape shape);
Array new_array(bool is_double, std::initializer_list<index_t> shape);
Array new_int64(Shape shape);
Array new_bool(Shape shape);

/// A new array where `out` is None, else `out`: an ndarray of exactly this dtype and shape, C-contiguous, aligned and
/// writeable. TypeError or ValueError otherwise: a result is never written to a copy.
Array output(py::handle out, const char* function, Shape shape, bool is_double);
/// An ndarray that the function updates: float32 or float64, native, aligned, writeable, any strides, no two elements
/// at one place.
Array in_place(py::handle value, const char* function, const char* argument);
/// The same, and C-contiguous and of this dtype and shape.
Array in_place(py::handle value, const char* function, const char* argument, bool is_double, Shape shape);

/// ValueError where `out` shares memory with `in`, except (`same_allowed`) where it is exactly the same memory.
void check_overlap(const char* function, const char* out_name, const Array& out, const char* in_name, const Array& in,
                   bool same_allowed);

/// Every element of `to` becomes that of `from`, which has the same shape.
void copy_into(const Array& to, const Array& from);

// ---- Matrices

/// (..., cols) as prod(...) x cols. A 1-D array is one row. `a` is replaced by a C-contiguous copy where its leading
/// dimensions cannot be walked with one stride, and, with `unit_columns`, where elements of a row are not adjacent.
template <class T>
MatrixView<T> rows_view(Array& a, bool unit_columns);
/// A 2-D array with any strides.
template <class T>
MatrixView<T> matrix_view(Array& a) {
  return rows_view<T>(a, false);
}

/// The same of an array that is C-contiguous already. A 0-d array is 1 x 1.
template <class T>
MatrixView<T> contiguous_rows(const Array& a) {
  if (a.ndim() == 0) return {a.data<T>(), 1, 1};
  index_t rows = 1;
  for (int axis = 0; axis < a.ndim() - 1; ++axis) rows *= a.shape(axis);
  return {a.data<T>(), rows, a.shape(a.ndim() - 1)};
}

// ---- Running

/// Releasing and taking the GIL costs about 100 ns when nobody waits, and a switch of threads when somebody does: it is
/// kept for work that is over before anybody could notice.
inline constexpr double kKeepGilNanoseconds = 20e3;

/// op(team) on as many threads as that much work is worth.
template <class Op>
void compute(double nanoseconds, Op&& op) {
  const Stopwatch watch;
  const int threads = threads_for(nanoseconds);
  if (threads == 1 && nanoseconds < kKeepGilNanoseconds) {
    run(1, op);
  } else {
    const GilRelease released;
    run(threads, op);
  }
}

}  // namespace nnfast::bindings
