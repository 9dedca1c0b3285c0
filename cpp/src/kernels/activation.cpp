// Compiled once per instruction set; exports nnfast::<isa>::activation_f32 and activation_f64.

#include "kernels/activation.hpp"

namespace nnfast::NNFAST_ISA {

extern const ActivationKernels<float> activation_f32;
extern const ActivationKernels<double> activation_f64;
const ActivationKernels<float> activation_f32 = activation_kernels<float>;
const ActivationKernels<double> activation_f64 = activation_kernels<double>;

}  // namespace nnfast::NNFAST_ISA
