#include <pybind11/stl.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "array_view.hpp"
#include "nnfast/memory.hpp"
#include "nnfast/parallel.hpp"
#include "nnfast/runtime.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

template <class T>
py::object zeros(index_t size) {
  if (size < 0) value_error("aligned_zeros: size is ", size, "; expected 0 or more");
  auto* const memory = static_cast<T*>(allocate(static_cast<std::size_t>(std::max<index_t>(size, 1)) * sizeof(T)));
  if (memory == nullptr) throw std::bad_alloc();
  const py::capsule owner(memory, &std::free);
  std::fill_n(memory, size, T(0));
  return py::array_t<T>(size, memory, owner);
}

}  // namespace

void register_runtime(py::module_& m) {
  m.def("compiled_isas", &compiled_isas);
  m.def("supported_isas", &supported_isas);
  m.def("isa", &isa);
  m.def("set_isa", &set_isa, py::arg("name"));
  m.def("compiler", &compiler);
  m.def("has_openmp", &has_openmp);
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, py::arg("n"));
  m.def("default_num_threads", &default_num_threads);
  m.def("nanoseconds_per_thread", &nanoseconds_per_thread);
  m.def("set_nanoseconds_per_thread", &set_nanoseconds_per_thread, py::arg("nanoseconds"));
  m.def(
      "aligned_zeros",
      [](index_t size, bool is_double) {
        return visit_dtype(is_double, [&](auto zero) { return zeros<decltype(zero)>(size); });
      },
      py::arg("size"), py::arg("is_double"));
  configure_from_environment();
}

}  // namespace nnfast::bindings
