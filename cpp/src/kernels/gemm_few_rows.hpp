#pragma once
// Tiles of few rows that run along all columns, so that each element of B is read once, and as it lies: rows of B, or
// columns of it turned in registers. The same sums as those of the other tiles.

#include "kernels/gemm_tile.hpp"

namespace nnfast::NNFAST_ISA {

inline constexpr int kWideRows = 3;
inline constexpr int kTurnedRows = kVecBytes == 64 ? 12 : kWideRows;
inline constexpr int kWideVecs = kVecBytes == 64 ? 8 : 4;
// One row goes along B's rows where these are longer than this, a few rows where B is that large; below, sums stay in
// registers, with which two or three rows are up to twice as fast.
inline constexpr index_t kLongRowBytes = 512;
inline constexpr index_t kLargeBytes = index_t{8} << 20;
// What is smaller may well be in L1.
inline constexpr index_t kL1Bytes = index_t{32} << 10;
// The next rows of B are asked for into L1 up to this length, of large B into L2: 512 x 512 from L3 12.1 -> 10.8 us,
// but 784 x 2048 79 -> 109.
inline constexpr index_t kNearRowBytes = 2048;
// Columns that are summed at a time: the sums stay in L1.
template <class T, int R>
inline constexpr index_t kSumsAtOnce = static_cast<index_t>((R == 1 ? 16384 : 8192) / sizeof(T));

template <class T, int R, int V>
NNFAST_INLINE void load_c(const TileArgs<T>& t, Tile<T, R, V>& acc) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) acc[i][v] = zero<T>();
  }
  if (t.beta == T(0)) return;
  const vec<T> beta = broadcast(t.beta);
  for (int i = 0; i < R; ++i) {
    for (int v = 0; v < V; ++v) {
      acc[i][v] = beta * load_n(t.c + i * t.c_row + v * kLanes<T>, t.n - v * kLanes<T>);
    }
  }
}

template <class T, int R, int V>
NNFAST_INLINE void store_c(const TileArgs<T>& t, const Tile<T, R, V>& acc) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    T* const c = t.c + i * t.c_row;
#pragma GCC unroll 16
    for (int v = 0; v < V - 1; ++v) store(c + v * kLanes<T>, acc[i][v]);
    store_n(c + (V - 1) * kLanes<T>, acc[i][V - 1], t.n - (V - 1) * kLanes<T>);
  }
}

/// Few rows: many column registers, so that enough independent sums are under way to hide the latency of fma. From L2
/// (Far) rows of B are asked for beforehand: 1 x 50 x 784 2.7 -> 2.2 us, 3 x 512 x 784 28 -> 25, in float64 3 x 50 x
/// 784 4.6 -> 3.8; from L1 that would cost a fifth.
template <class T, int R, int V, bool Far>
NNFAST_INLINE void wide_loop(const TileArgs<T>& t) {
  Tile<T, R, V> acc;
  load_c<T, R, V>(t, acc);
  const T* b = t.b;
  const index_t tail = t.n - (V - 1) * kLanes<T>;
  const T* ahead = b + kRowsAhead * t.b_row;
  for (index_t p = 0; p < t.k; ++p) {
#pragma GCC unroll 16
    for (int v = 0; v < V && Far; ++v) prefetch(ahead + v * kLanes<T>);
    ahead += t.b_row;
    Few<vec<T>, R> av;
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) av[i] = broadcast(t.a[i * t.a_row + p * t.a_col]);
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const vec<T> bv = in_register(v == V - 1 ? load_n(b + v * kLanes<T>, tail) : load(b + v * kLanes<T>));
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i) acc[i][v] = fma(av[i], bv, acc[i][v]);
    }
    b += t.b_row;
  }
  store_c<T, R, V>(t, acc);
}

/// wide_loop of v registers, v <= V.
template <class T, int R, int V, bool Far>
NNFAST_INLINE void wide_of(const TileArgs<T>& t, index_t v) {
  if constexpr (V == 1) {
    wide_loop<T, R, 1, Far>(t);
  } else {
    v == V ? wide_loop<T, R, V, Far>(t) : wide_of<T, R, V - 1, Far>(t, v);
  }
}

/// C(i, j ...) takes A(i, p) B(p, j ...), p = 0 ... P - 1, of one register of columns, of which n count.
template <class T, int R, int P>
NNFAST_INLINE void add_rows(const Tile<T, R, P>& a, const T* b, index_t b_row, T* c, index_t c_row, index_t n) {
  Few<vec<T>, P> bv;
  // One row has no use for B in registers: fewer instructions, and more of them look ahead into L3.
#pragma GCC unroll 8
  for (int p = 0; p < P && R > 1; ++p) bv[p] = in_register(load_n(b + p * b_row, n));
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) {
    vec<T> acc = load_n(c + i * c_row, n);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) acc = fma(a[i][p], R > 1 ? bv[p] : load_n(b + p * b_row, n), acc);
    store_n(c + i * c_row, acc, n);
  }
}

/// What few rows ask for before they come to it: the next rows of B, into L1 or L2.
enum class Ahead : unsigned char { nothing, near, far };

/// Rows p ... p + P - 1 of B over their whole length, so that memory is read as it lies. C comes and goes in between,
/// from L1. While one part of them is used, one of the rows that follow is asked for, line after line.
template <class T, int R, int P, Ahead ahead>
NNFAST_INLINE void along_rows(const TileArgs<T>& t, index_t p, index_t head) {
  constexpr index_t L = kLanes<T>;
  Tile<T, R, P> a;
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int q = 0; q < P; ++q) a[i][q] = broadcast(t.a[i * t.a_row + (p + q) * t.a_col]);
  }
  const index_t b_row = t.b_row;
  const index_t c_row = t.c_row;
  const index_t n = t.n;
  const T* const b = t.b + p * b_row;
  T* const c = t.c;
  const index_t registers = (n - head) / L;
  index_t j = head;
  if (j > 0) add_rows<T, R, P>(a, b, b_row, c, c_row, j);
  for (int part = 0; part < P; ++part) {
    const T* next = b + (P + part) * b_row;
    for (const index_t end = head + registers * (part + 1) / P * L; j < end; j += L, next += P * L) {
#pragma GCC unroll 8
      for (int q = 0; q < P && ahead != Ahead::nothing; ++q) {
        ahead == Ahead::near ? prefetch(next + q * L) : prefetch_far(next + q * L);
      }
      add_rows<T, R, P>(a, b + j, b_row, c + j, c_row, L);
    }
  }
  if (j < n) add_rows<T, R, P>(a, b + j, b_row, c + j, c_row, n - j);
}

/// Columns up to the first that begins a line in every row of B: arrays of NumPy begin 16 bytes behind one.
template <class T>
NNFAST_INLINE index_t before_line(const TileArgs<T>& t) {
  constexpr index_t line = 64 / sizeof(T);
  if (t.b_row % line != 0) return 0;
  const index_t behind = static_cast<index_t>((std::uintptr_t)t.b / sizeof(T)) % line;
  const index_t head = behind == 0 ? 0 : line - behind;
  return head < t.n && head < kLanes<T> ? head : 0;
}

/// C (R, n) for n that fit the buffer, which begins where B does in a page of memory: a load of B that comes upon a
/// store at the same place of another page waits for it, and C of its own lay 64 bytes further in one of 64 cases
/// (784 x 2048: 122 instead of 82 us).
template <class T, int R, Ahead ahead>
NNFAST_INLINE void rows_of_b(const TileArgs<T>& t) {
  constexpr index_t kRow = kSumsAtOnce<T, R> + kAliasing / static_cast<index_t>(sizeof(T));
  alignas(kAliasing) T buffer[static_cast<std::size_t>(R * kRow)];
  TileArgs<T> sums = t;
  sums.c = buffer + (std::uintptr_t)t.b % kAliasing / sizeof(T);
  sums.c_row = kRow;
  for (int i = 0; i < R; ++i) {
    for (index_t j = 0; j < t.n; ++j) {
      sums.c[i * sums.c_row + j] = t.beta == T(0) ? T(0) : t.beta * t.c[i * t.c_row + j];
    }
  }
  constexpr int P = 4;
  const index_t head = before_line(t);
  index_t p = 0;
  for (; p + P <= t.k; p += P) along_rows<T, R, P, ahead>(sums, p, head);
  for (; p < t.k; ++p) along_rows<T, R, 1, Ahead::nothing>(sums, p, head);
  for (int i = 0; i < R; ++i) {
    for (index_t j = 0; j < t.n; ++j) t.c[i * t.c_row + j] = sums.c[i * sums.c_row + j];
  }
}

template <class T, int R>
static void tile_long(const TileArgs<T>& whole) {
  const bool is_large = whole.n * whole.k * static_cast<index_t>(sizeof(T)) >= kLargeBytes;
  TileArgs<T> t = whole;
  for (index_t left = whole.n; left > 0; left -= t.n, t.b += t.n, t.c += t.n) {
    t.n = left < kSumsAtOnce<T, R> ? left : kSumsAtOnce<T, R>;
    const bool is_near = t.n * static_cast<index_t>(sizeof(T)) <= kNearRowBytes;
    is_large  ? rows_of_b<T, R, Ahead::far>(t)
    : is_near ? rows_of_b<T, R, Ahead::near>(t)
              : rows_of_b<T, R, Ahead::nothing>(t);
  }
}

template <class T, int R>
static void tile_wide(const TileArgs<T>& whole) {
  const index_t row = whole.n * static_cast<index_t>(sizeof(T));
  if ((R == 1 && row > kLongRowBytes) || row * whole.k >= kLargeBytes) return tile_long<T, R>(whole);
  const bool is_far = row * whole.k > kL1Bytes;
  TileArgs<T> t = whole;
  while (t.n > 0) {
    const index_t left = t.n;
    const index_t vecs = (left + kLanes<T> - 1) / kLanes<T>;
    // The last two pieces are equal, so that neither has too few sums under way.
    const index_t v = vecs <= kWideVecs ? vecs : vecs < 2 * kWideVecs ? (vecs + 1) / 2 : kWideVecs;
    if (t.n > v * kLanes<T>) t.n = v * kLanes<T>;
    is_far ? wide_of<T, R, kWideVecs, true>(t, v) : wide_of<T, R, kWideVecs, false>(t, v);
    t.b += t.n;
    t.c += t.n;
    t.n = left - t.n;
  }
}

/// acc[r] takes A(r, p + i) m[i] for i = first, ..., N - 1. A lies column after column.
template <class T, int R, int V, int N>
NNFAST_INLINE void add_terms(const TileArgs<T>& t, index_t p, index_t first, const Few<vec<T>, N>& m, int v,
                             Tile<T, R, V>& acc) {
#pragma GCC unroll 16
  for (index_t i = 0; i < N; ++i) {
    if (i < first) continue;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r][v] = fma(broadcast(t.a[(p + i) * R + r]), m[i], acc[r][v]);
  }
}

/// A block of B turned into memory, not in line: written out for every number of rows it would be 300 KB.
template <class T>
[[gnu::noinline]] static void turn_block(const T* b, index_t b_row, index_t columns, index_t count, T* block) {
  Few<vec<T>, kLanes<T>> m;
  load_turned<T>(b, b_row, columns, count, m);
#pragma GCC unroll 16
  for (index_t i = 0; i < kLanes<T>; ++i) store(block + i * kLanes<T>, m[i]);
}

/// Terms p ... k - 1 of t.n columns, V registers.
template <class T, int R, int V>
NNFAST_INLINE void add_rest(const TileArgs<T>& t, index_t p, Tile<T, R, V>& acc) {
  constexpr index_t L = kLanes<T>;
  alignas(64) T block[static_cast<std::size_t>(L * L)];
  for (; p < t.k; p += L) {
    const index_t count = t.k - p < L ? t.k - p : L;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const index_t columns = t.n - v * L < L ? t.n - v * L : L;
      turn_block(t.b + v * L * t.b_row + p, t.b_row, columns, count, block);
      for (index_t i = 0; i < count; ++i) {
        const Few<vec<T>, 1> column = {load(block + i * L)};
        add_terms<T, R, V, 1>(t, p + i, 0, column, v, acc);
      }
    }
  }
}

/// V registers of columns, all full, and at least kQuarter terms.
template <class T, int R, int V>
NNFAST_INLINE void turned_quarters(const TileArgs<T>& t) {
  constexpr index_t L = kLanes<T>;
  constexpr index_t Q = kQuarter<T>;
  Tile<T, R, V> acc;
  load_c<T, R, V>(t, acc);
  const auto take = [&](index_t p, index_t first, int v) NNFAST_LAMBDA {
    Few<vec<T>, Q> quarter;
    load_turned_quarter<T>(t.b + v * L * t.b_row + p, t.b_row, quarter);
    add_terms<T, R, V, Q>(t, p, first, quarter, v, acc);
  };
  index_t p = 0;
  for (; p + L <= t.k; p += L) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      // The next columns, into L2: 10,000 x 1 x 784 in float32 0.8 instead of 1.8 ms.
      const T* const next = t.b + (V + v) * L * t.b_row + p;
#pragma GCC unroll 16
      for (index_t i = 0; i < L; ++i) prefetch_far(next + i * t.b_row);
#pragma GCC unroll 1
      for (index_t q = 0; q < L; q += Q) take(p + q, 0, v);
    }
  }
  for (; p + Q <= t.k; p += Q) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) take(p, 0, v);
  }
  if (p < t.k) {  // the last Q terms, some of which are in the sums already
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) take(t.k - Q, p - (t.k - Q), v);
  }
  store_c<T, R, V>(t, acc);
}

/// V registers of columns, all full but for V = 1, a line of each row of B^T at a time.
template <class T, int R, int V>
NNFAST_INLINE void turned_blocks(const TileArgs<T>& t) {
  constexpr index_t L = kLanes<T>;
  Tile<T, R, V> acc;
  load_c<T, R, V>(t, acc);
  index_t p = 0;
  constexpr bool kFits = L + R <= 20;  // in registers, beside what shuffles need
  for (; kFits && t.n == V * L && p + L <= t.k; p += L) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      Few<vec<T>, L> m;
      load_turned_whole<T>(t.b + v * L * t.b_row + p, t.b_row, m);
      add_terms<T, R, V, L>(t, p, opaque(0), m, v, acc);
    }
  }
  add_rest<T, R, V>(t, p, acc);
  store_c<T, R, V>(t, acc);
}

/// Few rows times a transposed matrix, B(p, j) = b[p + j * b_row]: blocks of B are turned in registers and used once.
/// Sums run along p in order all the same; the processor overlaps the blocks, whose sums are independent, and from
/// about ten rows on hides the turning behind the sums.
template <class T, int R>
static void tile_turned(const TileArgs<T>& whole) {
  constexpr int V = R > 6 ? 1 : kVecBytes == 16 ? 4 : 2;
  // Two registers of columns collide at half the distance. Lines that do are loaded once.
  const bool lines = collide(V * whole.b_row * static_cast<index_t>(sizeof(T))) || whole.k < kQuarter<T>;
  constexpr index_t kWidth = V * kLanes<T>;
  TileArgs<T> t = whole;
  for (index_t left = whole.n; left > 0; left -= t.n, t.b += t.n * t.b_row, t.c += t.n) {
    if (!lines && left < kWidth && whole.n >= kWidth && whole.beta == T(0)) {  // some again rather than few alone
      t.b -= (kWidth - left) * t.b_row;
      t.c -= kWidth - left;
      left = kWidth;
    }
    const bool full = left >= kWidth && !lines;
    t.n = full ? kWidth : left < kLanes<T> ? left : kLanes<T>;
    if constexpr (kQuarter<T> > 0) {
      full ? turned_quarters<T, R, V>(t) : turned_blocks<T, R, 1>(t);
    } else {
      full ? turned_blocks<T, R, V>(t) : turned_blocks<T, R, 1>(t);
    }
  }
}

}  // namespace nnfast::NNFAST_ISA
