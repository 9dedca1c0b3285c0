#pragma once
#include "kernels/table/rowwise.hpp"
#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
constexpr RowwiseKernels<T> rowwise_kernels = {};

}  // namespace nnfast::NNFAST_ISA
