#pragma once
// Dropout from Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011).
// Block b gives four words: those of elements 4 b .. 4 b + 3.

#include "kernels/block.hpp"
#include "kernels/table/dropout.hpp"

namespace nnfast::NNFAST_ISA {

/// Four 32-bit words of each of kLanes<double> blocks, one block a lane, in the low halves; the high halves are
/// anything.
struct PhiloxWords {
  u64v w[4];
};

NNFAST_INLINE PhiloxWords philox(PhiloxWords c, std::uint32_t key0, std::uint32_t key1) {
  const u64v m0 = u64v{} + 0xD2511F53U;
  const u64v m1 = u64v{} + 0xCD9E8D57U;
  for (int round = 0; round < 10; ++round) {
    const u64v p0 = multiply_low32(c.w[0], m0);
    const u64v p1 = multiply_low32(c.w[2], m1);
    c = {(p1 >> 32) ^ c.w[1] ^ key0, p1, (p0 >> 32) ^ c.w[3] ^ key1, p0};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return c;
}

/// a0 b0 a1 b1 ...
template <class V>
NNFAST_INLINE void interleave(V a, V b, V (&out)[2]) {
  if constexpr (kLanes<double> == 8) {
    out[0] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    out[1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  } else if constexpr (kLanes<double> == 4) {
    out[0] = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    out[1] = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  } else {
    out[0] = __builtin_shufflevector(a, b, 0, 2);
    out[1] = __builtin_shufflevector(a, b, 1, 3);
  }
}

/// The words of kLanes<double> blocks from `block` on, in the order of the elements.
NNFAST_INLINE void philox_words(std::uint64_t seed, std::uint32_t stream, std::uint64_t step, std::uint64_t block,
                                std::uint32_t* words) {
  u64v lane{};
  for (unsigned i = 0; i < kLanes<double>; ++i) lane[i] = i;
  lane += block;
  // The counter has 128 bits for 64 of block, 32 of stream and 64 of step: distinct up to 2^32 blocks or 2^32 steps.
  PhiloxWords c = {{lane, u64v{} + stream, u64v{} + (step & 0xFFFFFFFFU), (lane >> 32) + (step >> 32)}};
  c = philox(c, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  u64v out[2];
  interleave((c.w[0] & 0xFFFFFFFFU) | (c.w[1] << 32), (c.w[2] & 0xFFFFFFFFU) | (c.w[3] << 32), out);
  __builtin_memcpy(words, out, sizeof(out));
}

/// kLanes<T> of the words, as wide as T.
NNFAST_INLINE u32v load_words(const std::uint32_t* words, float) {
  u32v v;
  __builtin_memcpy(&v, words, sizeof(v));
  return v;
}
NNFAST_INLINE u64v load_words(const std::uint32_t* words, double) {
  std::uint32_t half __attribute__((vector_size(kVecBytes / 2)));
  __builtin_memcpy(&half, words, sizeof(half));
  return __builtin_convertvector(half, u64v);
}

template <class T>
static void dropout(std::uint64_t seed, std::uint32_t stream, std::uint64_t step, std::uint64_t first,
                    std::uint32_t threshold, T scale, const T* x, T* y, index_t n) {
  constexpr index_t width = 4 * kLanes<double>;
  alignas(64) std::uint32_t words[width + kLanes<float>] = {};  // the end is read and not used where `skip` is not 0
  const vec<T> kept = broadcast(scale);
  index_t skip = static_cast<index_t>(first % 4);
  for (std::uint64_t block = first / 4; n > 0; block += kLanes<double>) {
    philox_words(seed, stream, step, block, words);
    const index_t count = n < width - skip ? n : width - skip;
    for (index_t j = 0; j < count; j += kLanes<T>) {
      const vec<T> factor = select(load_words(words + skip + j, T{}) >= threshold, kept, zero<T>());
      store_n(y + j, load_n(x + j, count - j) * factor, count - j);
    }
    x += count;
    y += count;
    n -= count;
    skip = 0;
  }
}

template <class T>
constexpr DropoutKernels<T> dropout_kernels = {&dropout<T>};

}  // namespace nnfast::NNFAST_ISA
