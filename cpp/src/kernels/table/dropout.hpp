#pragma once
#include <cstdint>

#include "nnfast/matrix.hpp"

namespace nnfast {

/// kernels/dropout.hpp. One thread.
template <class T>
struct DropoutKernels {
  /// y = x scale where the word of element first + e is >= threshold, else x * 0.
  void (*dropout)(std::uint64_t seed, std::uint32_t stream, std::uint64_t step, std::uint64_t first,
                  std::uint32_t threshold, T scale, const T* x, T* y, index_t n);
};

}  // namespace nnfast
