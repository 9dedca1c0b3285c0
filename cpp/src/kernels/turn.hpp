#pragma once
// Blocks of kLanes x kLanes turned in registers: rows in memory become columns.

#include "kernels/table/gemm.hpp"
#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class U, int N>
using Few = U[static_cast<std::size_t>(N)];

/// 0, 1, ..., N - 1 as template arguments: shuffles need their pattern as a constant.
template <int... J>
struct Lanes {};
template <int N, int... J>
struct LanesUpTo : LanesUpTo<N - 1, N - 1, J...> {};
template <int... J>
struct LanesUpTo<0, J...> {
  using type = Lanes<J...>;
};

/// Swaps the off-diagonal blocks of S x S.
template <class T, int S, int... J>
NNFAST_INLINE void swap_blocks(Few<vec<T>, kLanes<T>>& m, Lanes<J...>) {
  constexpr int L = static_cast<int>(kLanes<T>);
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) {
    if ((i & S) != 0) continue;
    const vec<T> first = m[i];
    const vec<T> second = m[i + S];
    m[i] = __builtin_shuffle(first, second, mask<T>{((J & S) != 0 ? L + J - S : J)...});
    m[i + S] = __builtin_shuffle(first, second, mask<T>{((J & S) != 0 ? L + J : J + S)...});
  }
}

/// Turns what is in registers.
template <class T, int S = static_cast<int>(kLanes<T>) / 2>
NNFAST_INLINE void transpose(Few<vec<T>, kLanes<T>>& m) {
  if constexpr (S > 0) {
    swap_blocks<T, S>(m, typename LanesUpTo<static_cast<int>(kLanes<T>)>::type{});
    transpose<T, S / 2>(m);
  }
}

/// Groups of G lanes from a and b in turn, of the lower (or upper) half of each quarter of a and b: "unpack".
template <class T, int G, bool Upper, int... J>
NNFAST_INLINE vec<T> interleave(vec<T> a, vec<T> b, Lanes<J...>) {
  constexpr int L = static_cast<int>(kLanes<T>);
  constexpr int Q = static_cast<int>(kQuarter<T>);
  return __builtin_shuffle(
      a, b, mask<T>{((J % Q / G % 2 != 0 ? L : 0) + J / Q * Q + J % Q / (2 * G) * G + J % G + (Upper ? Q / 2 : 0))...});
}

/// Turns the kQuarter x kQuarter elements in each quarter of as many registers.
template <class T>
NNFAST_INLINE void turn_quarters(vec<T>* m) {
  const typename LanesUpTo<static_cast<int>(kLanes<T>)>::type lanes{};
  const vec<T> low = interleave<T, 1, false>(m[0], m[1], lanes);
  const vec<T> high = interleave<T, 1, true>(m[0], m[1], lanes);
  if constexpr (kQuarter<T> == 2) {
    m[0] = low;
    m[1] = high;
  } else {
    const vec<T> low2 = interleave<T, 1, false>(m[2], m[3], lanes);
    const vec<T> high2 = interleave<T, 1, true>(m[2], m[3], lanes);
    m[0] = interleave<T, 2, false>(low, low2, lanes);
    m[1] = interleave<T, 2, true>(low, low2, lanes);
    m[2] = interleave<T, 2, false>(high, high2, lanes);
    m[3] = interleave<T, 2, true>(high, high2, lanes);
  }
}

/// m[p] = (src[p], src[stride + p], src[2 stride + p], ...), kQuarter elements of each. A register of quarters from
/// four rows: half of the turning is done by loads.
template <class T>
NNFAST_INLINE void load_turned_quarter(const T* src, index_t stride, vec<T>* m) {
  constexpr index_t Q = kQuarter<T>;
  const index_t step = opaque(stride);
#pragma GCC unroll 4
  for (index_t i = 0; i < Q; ++i) m[i] = load_quarters(src + i * step, Q * step);
  turn_quarters<T>(m);
}

/// Whether 16 rows at such a distance share a set of L1.
NNFAST_INLINE bool collide(index_t bytes) { return bytes % kAliasing == 0; }

template <class T, class S>
NNFAST_INLINE void load_turned_whole(const S* src, index_t stride, Few<vec<T>, kLanes<T>>& m) {
  constexpr index_t L = kLanes<T>;
  constexpr index_t Q = sizeof(S) == sizeof(T) ? kQuarter<T> : 0;
  if constexpr (Q > 0) {
    // A line that is gone before its next quarter is asked for is better loaded once.
    if (L <= 8 || !collide(stride * static_cast<index_t>(sizeof(T)))) {
#pragma GCC unroll 8
      for (index_t p = 0; p < L; p += Q) load_turned_quarter<T>(src + p, stride, m + p);
      return;
    }
  }
#pragma GCC unroll 16
  for (index_t i = 0; i < L; ++i) m[i] = load_as<T>(src + i * stride);
  transpose<T>(m);
}

/// m[p] = (src[p], src[stride + p], src[2 stride + p], ...): as many columns as there are `rows` up to kLanes, 0 behind
/// them, of the `length` first elements of each.
template <class T, class S>
NNFAST_INLINE void load_turned(const S* src, index_t stride, index_t rows, index_t length, Few<vec<T>, kLanes<T>>& m) {
  constexpr index_t L = kLanes<T>;
  if (rows >= L && length >= L) {
    load_turned_whole<T>(src, stride, m);
    return;
  }
#pragma GCC unroll 16
  for (index_t i = 0; i < L; ++i) m[i] = i < rows ? load_as_n<T>(src + i * stride, length) : zero<T>();
  transpose<T>(m);
}

}  // namespace nnfast::NNFAST_ISA
