// Compiled once per instruction set; exports nnfast::<isa>::columnwise_f32 and columnwise_f64.

#include "kernels/columnwise.hpp"

namespace nnfast::NNFAST_ISA {

extern const ColumnwiseKernels<float> columnwise_f32;
extern const ColumnwiseKernels<double> columnwise_f64;
const ColumnwiseKernels<float> columnwise_f32 = columnwise_kernels<float>;
const ColumnwiseKernels<double> columnwise_f64 = columnwise_kernels<double>;

}  // namespace nnfast::NNFAST_ISA
