#pragma once
// Memory of arrays that are used again and again.

#include <cstddef>

namespace nnfast {

/// Memory for std::free that starts on a cache line, or null; what is large starts on a huge page, for which the system
/// is asked: with pages of 4 KiB the weights, gradients and moments of 784-512-512-10 (10.7 MB) need all entries of the
/// second level of the TLB (a training step on one thread takes 4.69 ms, with huge pages 4.41), and the
/// first touch of 64 MiB takes 40 ms (7).
void* allocate(std::size_t bytes);

}  // namespace nnfast
