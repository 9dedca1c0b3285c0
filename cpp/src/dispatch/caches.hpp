#pragma once
// What blocks have to know of the processor's caches. Speed depends on it, bits do not.

#include "nnfast/matrix.hpp"

namespace nnfast {

/// So many lines at a distance of 4 KiB stay in L1.
index_t l1_ways();

/// Intel's servers are slow to read what has left L2, AMD's are not: a difference that sizes do not tell.
bool is_intel();

}  // namespace nnfast
