#pragma once
// Reductions in an order that is the same on every instruction set. A row is taken in blocks of 64 bytes, element j
// goes to lane j % kBlockLanes whatever the registers' width, and the lanes are combined by halving: i with i + n/2,
// and so on down to one. Lanes beyond the end of the row hold the operation's identity.

#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

/// Registers that hold a block.
inline constexpr int kBlockRegs = 64 / kVecBytes;
template <class T>
inline constexpr index_t kBlockLanes = 64 / static_cast<index_t>(sizeof(T));

// Written on the vectors, so that they also serve parts of a register.
struct Add {
  template <class V>
  NNFAST_INLINE V operator()(V a, V b) const {
    return a + b;
  }
};
/// On whole registers. A NaN in b is passed over, one in a as well unless b is NaN.
template <class T>
struct Max {
  NNFAST_INLINE vec<T> operator()(vec<T> a, vec<T> b) const { return at_least(a, b); }
  // Parts of a register.
  template <class V>
  NNFAST_INLINE V operator()(V a, V b) const {
    return a > b ? a : b;
  }
};

/// The lanes of one register combined by halving.
template <class V, class Op>
NNFAST_INLINE auto fold(V v, Op op) {
  constexpr int n = sizeof(V) / sizeof(v[0]);
  if constexpr (n == 16) {
    return fold(op(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                   __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)),
                op);
  } else if constexpr (n == 8) {
    return fold(op(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)), op);
  } else if constexpr (n == 4) {
    const V w = op(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    return op(w, __builtin_shufflevector(w, w, 1, 0, 3, 2))[0];
  } else {
    static_assert(n == 2);
    return op(v, __builtin_shufflevector(v, v, 1, 0))[0];
  }
}
/// The same over `count` registers of consecutive lanes; count is a power of two.
template <std::size_t count, class V, class Op>
NNFAST_INLINE auto fold(V (&r)[count], Op op) {
  for (std::size_t half = count / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) r[i] = op(r[i], r[i + half]);
  }
  return fold(r[0], op);
}

/// -1, 0 or 1; NaN stays.
template <class V>
NNFAST_INLINE V sign(V x) {
  return select(x > 0, V{} + 1, select(x < 0, V{} - 1, x));
}
/// Within [-limit, limit]; NaN stays.
template <class V>
NNFAST_INLINE V clamp(V x, V limit) {
  return select(x > limit, limit, select(x < -limit, -limit, x));
}

/// Lanes j < n are on.
template <class T>
NNFAST_INLINE mask<T> first_lanes(index_t n) {
  using I = typename VecTraits<T>::iscalar;
  mask<T> lane{};
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
  const I count = static_cast<I>(n < kLanes<T> ? n : kLanes<T>);
  return lane < count;
}
/// Lane j is on where j == n; none for an n outside the register.
template <class T>
NNFAST_INLINE mask<T> only_lane(index_t n) {
  using I = typename VecTraits<T>::iscalar;
  mask<T> lane{};
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
  const I one = static_cast<I>(n >= 0 && n < kLanes<T> ? n : -1);
  return lane == one;
}

/// load_n where n may be anything: n <= 0 reads nothing.
template <class T>
NNFAST_INLINE vec<T> load_some(const T* p, index_t n) {
  return n <= 0 ? vec<T>{} : load_n(p, n);
}
template <class T>
NNFAST_INLINE void store_some(T* p, vec<T> v, index_t n) {
  if (n > 0) store_n(p, v, n);
}

/// kLanes<double> elements as doubles; load_wide_n reads the first n (n <= 0: none), the others are 0.
template <class T>
NNFAST_INLINE f64v load_wide(const T* p) {
  return load_as<double>(p);
}
template <class T>
NNFAST_INLINE f64v load_wide_n(const T* p, index_t n) {
  return n <= 0 ? f64v{} : load_as_n<double>(p, n);
}

/// f(j, n) is given for the first n elements from j on, as one register; the sum of all, in T.
template <class T, class F>
NNFAST_INLINE T sum_in_blocks(index_t cols, F f) {
  vec<T> sum[kBlockRegs] = {};
  index_t j = 0;
  for (; j + kBlockLanes<T> <= cols; j += kBlockLanes<T>) {
    for (int r = 0; r < kBlockRegs; ++r) sum[r] += f(j + r * kLanes<T>, kLanes<T>);
  }
  for (int r = 0; r < kBlockRegs && j < cols; ++r, j += kLanes<T>) {
    const index_t n = cols - j < kLanes<T> ? cols - j : kLanes<T>;
    sum[r] += select(first_lanes<T>(n), f(j, n), zero<T>());
  }
  return fold(sum, Add{});
}

/// The same in double, for f that gives kLanes<double> doubles, over 32 lanes.
template <class F>
NNFAST_INLINE double sum_in_double(index_t cols, F f) {
  constexpr index_t width = 32;
  constexpr int regs = width / kLanes<double>;
  f64v sum[std::size_t{regs}] = {};
  index_t j = 0;
  for (; j + width <= cols; j += width) {
    for (int r = 0; r < regs; ++r) sum[r] += f(j + r * kLanes<double>, kLanes<double>);
  }
  for (int r = 0; r < regs && j < cols; ++r, j += kLanes<double>) {
    const index_t n = cols - j < kLanes<double> ? cols - j : kLanes<double>;
    sum[r] += select(first_lanes<double>(n), f(j, n), zero<double>());
  }
  return fold(sum, Add{});
}

}  // namespace nnfast::NNFAST_ISA
