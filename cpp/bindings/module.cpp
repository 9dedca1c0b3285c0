#include "register.hpp"

PYBIND11_MODULE(_core, m) {
  using namespace nnfast::bindings;
  m.doc() = "The compiled core of nnfast.";
  m.attr("__version__") = NNFAST_VERSION;
  register_runtime(m);
  register_activation(m);
  register_affine(m);
  register_softmax(m);
  register_loss(m);
  register_normalization(m);
  register_optimizer(m);
  register_network(m);
  register_differences(m);
  register_convolution(m);
  register_course(m);
  register_course_updates(m);
  register_course_chain(m);
  register_course_samples(m);
}
