#pragma once
// Inverted dropout from a counter-based generator (Philox4x32-10, Salmon et al. 2011): whether element e is kept
// depends on (seed, stream, step, first + e) alone, so the mask is the same for any number of threads and is made again
// for the backward pass instead of being stored.

#include <cstdint>

#include "nnfast/parallel.hpp"

namespace nnfast {

struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;  // which layer
  std::uint64_t step = 0;
  std::uint64_t first = 0;  // the index of x[0], any: a member that holds some rows of a layer says which
};

/// y = x keep / (1 - ratio), keep = uniform >= ratio. Forward with x, backward with dy. y may be x. 0 <= ratio < 1.
template <class T>
void dropout(Team& team, DropoutKey key, double ratio, const T* x, T* y, index_t n);

}  // namespace nnfast
