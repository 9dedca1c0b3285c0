// Compiled once per instruction set; exports nnfast::<isa>::optimizer_f32 and optimizer_f64.

#include "kernels/optimizer.hpp"

namespace nnfast::NNFAST_ISA {

extern const OptimizerKernels<float> optimizer_f32;
extern const OptimizerKernels<double> optimizer_f64;
const OptimizerKernels<float> optimizer_f32 = optimizer_kernels<float>;
const OptimizerKernels<double> optimizer_f64 = optimizer_kernels<double>;

}  // namespace nnfast::NNFAST_ISA
