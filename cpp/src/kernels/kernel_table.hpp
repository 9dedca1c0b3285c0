#pragma once
// All that an instruction set's object exports: one table of function pointers, free of SIMD types.

#include "kernels/table/activation.hpp"
#include "kernels/table/columnwise.hpp"
#include "kernels/table/dropout.hpp"
#include "kernels/table/gemm.hpp"
#include "kernels/table/optimizer.hpp"
#include "kernels/table/rowwise.hpp"

namespace nnfast {

template <class T>
struct KernelTable {
#define NNFAST_GROUP(Type, name) const Type<T>& name;
#include "kernels/groups.inc"
#undef NNFAST_GROUP
};

struct Tables {
  KernelTable<float> f32;
  KernelTable<double> f64;
};

}  // namespace nnfast
