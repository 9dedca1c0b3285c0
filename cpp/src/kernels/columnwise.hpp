#pragma once
#include "kernels/table/columnwise.hpp"
#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
constexpr ColumnwiseKernels<T> columnwise_kernels = {};

}  // namespace nnfast::NNFAST_ISA
