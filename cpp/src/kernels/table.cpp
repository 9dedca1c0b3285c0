// THE translation unit that is compiled once per instruction set; it exports one symbol, nnfast::<isa>::tables.

#include "kernels/activation.hpp"
#include "kernels/columnwise.hpp"
#include "kernels/dropout.hpp"
#include "kernels/gemm_tile.hpp"
#include "kernels/kernel_table.hpp"
#include "kernels/optimizer.hpp"
#include "kernels/rowwise.hpp"

namespace nnfast::NNFAST_ISA {

extern const Tables tables;
const Tables tables = {
    {gemm_kernels<float>, activation_kernels<float>, rowwise_kernels<float>, columnwise_kernels<float>,
     optimizer_kernels<float>, dropout_kernels<float>},
    {gemm_kernels<double>, activation_kernels<double>, rowwise_kernels<double>, columnwise_kernels<double>,
     optimizer_kernels<double>, dropout_kernels<double>},
};

}  // namespace nnfast::NNFAST_ISA
