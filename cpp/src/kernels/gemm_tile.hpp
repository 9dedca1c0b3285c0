#pragma once
// The innermost part of the product: a tile of C in registers. Each element is summed over p in order, one fma after
// the other, whatever the tile's shape: so tiles of all shapes, masked edges and all instruction sets with FMA agree.
//
// Tile shapes: 14 x 2 registers (28 accumulators, 2 of B, 1 broadcast of A, of 32) for AVX-512, 6 x 2 (of 16) for AVX2,
// 4 x 2 where a * b + c needs a register more.

#include "kernels/table/gemm.hpp"
#include "kernels/turn.hpp"

namespace nnfast::NNFAST_ISA {

inline constexpr int kTileRows = kVecBytes == 64 ? 14 : kHasFma && kVecBytes == 32 ? 6 : 4;
inline constexpr int kTileVecs = 2;

// Rows of B are asked for so far ahead: a load that is split between two lines and finds neither in L1 takes long. Not
// further: 16 rows that share sets of L1 push each other out before they are used (Emerald Rapids, 12 ways: 128 x 512 x
// 784 889 us 16 rows ahead, 662 with 8, 735 with 4; 128 x 512 x 512 471, 397, 402; other rows the same with all three).
inline constexpr index_t kRowsAhead = 8;

// A tile's time goes with its columns rounded up to these.
template <class T>
inline constexpr index_t kColumnGrain = kVecBytes == 64 ? kLanes<T> / 2 : kLanes<T>;

/// R x V registers.
template <class T, int R, int V>
using Tile = vec<T>[static_cast<std::size_t>(R)][static_cast<std::size_t>(V)];

/// The last register of a row of C, of which n lanes count; B is read with a mask when Masked.
template <class T, bool Masked>
struct WholeRegister {
  using type = vec<T>;
  static NNFAST_INLINE type load_b(const T* b, index_t n) { return Masked ? load_n(b, n) : load(b); }
  static NNFAST_INLINE type load_c(const T* c, index_t n) { return load_n(c, n); }
  static NNFAST_INLINE void store_c(T* c, type v, index_t n) { store_n(c, v, n); }
  static NNFAST_INLINE type of(T x) { return broadcast(x); }
};
/// One of which only the lower half is used: 100 x 50 x 784 with 50 = 3 x 16 + 2 columns is an eighth faster.
template <class T>
struct HalfRegister;
#if defined(__AVX512F__)
template <class T>
struct HalfRegister {
  using type = decltype(broadcast_lower(T{}));
  static NNFAST_INLINE type load_b(const T* b, index_t n) { return load_lower(b, n); }
  static NNFAST_INLINE type load_c(const T* c, index_t n) { return load_lower(c, n); }
  static NNFAST_INLINE void store_c(T* c, type v, index_t n) { store_lower(c, v, n); }
  static NNFAST_INLINE type of(T x) { return broadcast_lower(x); }
};
#endif

/// R rows of V registers, the last of which is a Last. Far costs a 40th of the time where there is nothing far away.
template <class T, int R, int V, bool UnitRow, bool Far, class Last>
NNFAST_INLINE void tile_loop(const TileArgs<T>& t) {
  constexpr index_t L = kLanes<T>;
  constexpr int kFull = V - 1;
  const index_t tail = t.n - kFull * L;
  Tile<T, R, V> acc;  // of the last column: unused
  Few<typename Last::type, R> last;
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kFull; ++v) acc[i][v] = zero<T>();
    last[i] = Last::of(T(0));
  }
  if (t.beta != T(0)) {
    const vec<T> beta = broadcast(t.beta);
    for (int i = 0; i < R; ++i) {
      const T* const c = t.c + i * t.c_row;
      for (int v = 0; v < kFull; ++v) acc[i][v] = beta * load(c + v * L);
      last[i] = Last::of(t.beta) * Last::load_c(c + kFull * L, tail);
    }
  }
  if (t.c_next != nullptr) {  // 2 % where C lies in L3
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      for (int v = 0; v < V; ++v) __builtin_prefetch(t.c_next + i * t.c_row + v * L, 1);
    }
  }
  // Rows in groups of three: a pointer and the two addresses that an index register with a scale reaches from it.
  constexpr int kGroups = UnitRow ? 1 : (R + 2) / 3;
  Few<const T*, kGroups> a;
  const index_t a_row = UnitRow ? 1 : t.a_row;
  const index_t a_col = t.a_col;
#pragma GCC unroll 16
  for (int g = 0; g < kGroups; ++g) a[g] = t.a + 3 * g * a_row;
  const T* b = t.b;
  const index_t b_row = t.b_row;
  const T* ahead = b + kRowsAhead * b_row;
  const char* far = t.far;
  for (index_t p = t.k; p > 0; --p) {
#pragma GCC unroll 4
    for (int v = 0; v <= V; ++v) prefetch(ahead + v * kLanes<T>);
    ahead += b_row;
    if constexpr (Far) {
      prefetch_far(far);
      far += t.far_step;
    }
    Few<vec<T>, V> bv;
#pragma GCC unroll 16
    for (int v = 0; v < kFull; ++v) bv[v] = load(b + v * L);
    const auto b_last = Last::load_b(b + kFull * L, tail);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T av = UnitRow ? a[0][i] : a[i / 3][(i % 3) * a_row];
#pragma GCC unroll 16
      for (int v = 0; v < kFull; ++v) acc[i][v] = fma(broadcast(av), bv[v], acc[i][v]);
      last[i] = fma(Last::of(av), b_last, last[i]);
    }
    b += b_row;
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) a[g] += a_col;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    T* const c = t.c + i * t.c_row;
#pragma GCC unroll 16
    for (int v = 0; v < kFull; ++v) store(c + v * L, acc[i][v]);
    Last::store_c(c + kFull * L, last[i], tail);
  }
}

template <class T, int R, int V, bool UnitRow, bool Far>
NNFAST_INLINE void tile_of(const TileArgs<T>& t) {
  const index_t tail = t.n - (V - 1) * kLanes<T>;
  if constexpr (kColumnGrain<T> < kLanes<T>) {
    if (tail <= kColumnGrain<T>) return tile_loop<T, R, V, UnitRow, Far, HalfRegister<T>>(t);
  }
  if (!t.b_padded && tail < kLanes<T>) return tile_loop<T, R, V, UnitRow, Far, WholeRegister<T, true>>(t);
  tile_loop<T, R, V, UnitRow, Far, WholeRegister<T, false>>(t);
}

template <class T, int R, bool UnitRow, bool Far = false>
static void tile(const TileArgs<T>& t) {
  t.n > kLanes<T> ? tile_of<T, R, 2, UnitRow, Far>(t) : tile_of<T, R, 1, UnitRow, Far>(t);
}

}  // namespace nnfast::NNFAST_ISA
