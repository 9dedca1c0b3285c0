#pragma once
// The table of the instruction set in use.

#include "kernels/kernel_table.hpp"

namespace nnfast {

const Tables& tables();

template <class T>
const KernelTable<T>& kernels();
template <>
inline const KernelTable<float>& kernels<float>() {
  return tables().f32;
}
template <>
inline const KernelTable<double>& kernels<double>() {
  return tables().f64;
}

}  // namespace nnfast
