#include <pybind11/stl.h>

#include "array_view.hpp"
#include "nnfast/parallel.hpp"
#include "nnfast/runtime.hpp"
#include "register.hpp"

namespace nnfast::bindings {

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
  configure_from_environment();
}

}  // namespace nnfast::bindings
