#pragma once
#include "kernels/table/optimizer.hpp"
#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
constexpr OptimizerKernels<T> optimizer_kernels = {};

}  // namespace nnfast::NNFAST_ISA
