// Compiled once per instruction set; exports nnfast::<isa>::gemm_f32 and gemm_f64.

#include "kernels/gemm.hpp"

namespace nnfast::NNFAST_ISA {

extern const GemmKernels<float> gemm_f32;
extern const GemmKernels<double> gemm_f64;
const GemmKernels<float> gemm_f32 = gemm_kernels<float>;
const GemmKernels<double> gemm_f64 = gemm_kernels<double>;

}  // namespace nnfast::NNFAST_ISA
