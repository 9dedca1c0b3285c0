// Compiled once per instruction set; exports nnfast::<isa>::rowwise_f32 and rowwise_f64.

#include "kernels/rowwise.hpp"

namespace nnfast::NNFAST_ISA {

extern const RowwiseKernels<float> rowwise_f32;
extern const RowwiseKernels<double> rowwise_f64;
const RowwiseKernels<float> rowwise_f32 = rowwise_kernels<float>;
const RowwiseKernels<double> rowwise_f64 = rowwise_kernels<double>;

}  // namespace nnfast::NNFAST_ISA
