// Compiled once per instruction set; exports nnfast::<isa>::dropout_f32 and dropout_f64.

#include "kernels/dropout.hpp"

namespace nnfast::NNFAST_ISA {

extern const DropoutKernels<float> dropout_f32;
extern const DropoutKernels<double> dropout_f64;
const DropoutKernels<float> dropout_f32 = dropout_kernels<float>;
const DropoutKernels<double> dropout_f64 = dropout_kernels<double>;

}  // namespace nnfast::NNFAST_ISA
