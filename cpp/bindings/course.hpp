#pragma once
// What the calls of nnfast.compat take: exact arrays of float32 or float64. Everything else they leave to NumPy.

#include "array_view.hpp"

namespace nnfast::bindings {

/// The array itself where it is one of float32 or float64, aligned and native, and no subclass; else nothing.
inline Array ordinary(py::handle value) {
  using npy = py::detail::npy_api;
  if (Py_TYPE(value.ptr()) != npy::get().PyArray_Type_) return {};
  Array a(py::reinterpret_borrow<py::object>(value));
  const int type = a.type_num();
  if ((type != npy::NPY_FLOAT_ && type != npy::NPY_DOUBLE_) || !a.aligned() || !a.native()) return {};
  return a;
}

inline Array ordinary(py::handle value, int ndim) {
  Array a = ordinary(value);
  return a && a.ndim() == ndim && a.size() > 0 ? a : Array();
}

}  // namespace nnfast::bindings
