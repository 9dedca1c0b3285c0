#pragma once
// What module.cpp calls: one function per family of operations.

#include <pybind11/pybind11.h>

namespace nnfast::bindings {

void register_runtime(pybind11::module_& m);
void register_activation(pybind11::module_& m);
void register_affine(pybind11::module_& m);
void register_softmax(pybind11::module_& m);
void register_loss(pybind11::module_& m);
void register_normalization(pybind11::module_& m);
void register_optimizer(pybind11::module_& m);
void register_network(pybind11::module_& m);
void register_differences(pybind11::module_& m);
void register_convolution(pybind11::module_& m);
void register_course(pybind11::module_& m);
void register_course_updates(pybind11::module_& m);
void register_course_chain(pybind11::module_& m);
void register_course_samples(pybind11::module_& m);

}  // namespace nnfast::bindings
