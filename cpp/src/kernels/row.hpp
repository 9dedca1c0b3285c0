#pragma once
// A row that is read several times: its maximum, sums over it, then an output from what was kept of it.

#include "kernels/block.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
NNFAST_INLINE vec<T> lowest() {
  return broadcast(-Format<T>::kInfinity);
}

/// n elements, and -inf behind them.
template <class T>
NNFAST_INLINE vec<T> load_or_lowest(const T* p, index_t n) {
  return n >= kLanes<T> ? load(p) : select(first_lanes<T>(n), load_some(p, n), lowest<T>());
}

/// The largest number of a row, -inf if there is none.
template <class T>
NNFAST_INLINE T row_max(const T* x, index_t cols) {
  vec<T> m[4] = {lowest<T>(), lowest<T>(), lowest<T>(), lowest<T>()};  // chains: a maximum does not depend on the order
  index_t j = 0;
  for (; j + 4 * kLanes<T> <= cols; j += 4 * kLanes<T>) {
    for (int r = 0; r < 4; ++r) m[r] = at_least(m[r], load(x + j + r * kLanes<T>));
  }
  for (; j < cols; j += kLanes<T>) {
    m[0] = at_least(m[0], load_or_lowest(x + j, cols - j));
  }
  return fold(m, Max<T>{});
}

/// A row whose whole registers are written past the caches one at a time, from some place on and around.
template <class T, class F>
struct Pending {
  const T* from;
  T* y;
  F f;
  index_t begin;
  index_t end;
  index_t at;
  index_t left;  // registers

  NNFAST_INLINE void step() {
    if (left == 0) return;
    store_stream<T>(y + at, f(load(from + at), at, kLanes<T>));
    --left;
    at += kLanes<T>;
    if (at == end) at = begin;
  }
};

/// y = f(v, j, n) row by row, of what was kept of the row. From kStreamBytes on past the caches: a row is kept in L1
/// and written, a register at a time, while sums over the next one are taken, for such a store takes as long as an
/// exponential.
template <class T, class F>
class RowWriter {
 public:
  NNFAST_INLINE RowWriter(index_t rows, index_t cols, bool in_place)
      : streams_(!in_place && cols >= kLeast && cols <= kMost &&
                 rows * cols * static_cast<index_t>(sizeof(T)) >= kStreamBytes) {}
  NNFAST_INLINE ~RowWriter() {
    if (!streams_) return;
    finish();
    end_stream();
  }
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  NNFAST_INLINE bool streams() const { return streams_; }

  /// The maximum of the row at x, which may have been found along with the sum of another.
  NNFAST_INLINE T max_of(const T* x, index_t cols) const { return x == looked_at_ ? max_ : row_max(x, cols); }
  NNFAST_INLINE void found_max(const T* x, T max) {
    looked_at_ = x;
    max_ = max;
  }

  /// Where to keep a row that will be y.
  NNFAST_INLINE T* place(T* y) {
    if (!streams_) return y;
    odd_ = !odd_;
    return kept_ + (odd_ ? kMost : 0);
  }

  /// The row y, now or until the next one; `next` is what will be read meanwhile.
  NNFAST_INLINE void write(const T* kept, T* y, index_t cols, const T* next, F f) {
    if (!streams_) {
      for (index_t j = 0; j < cols; j += kLanes<T>)
        store_n(y + j, f(load_n(kept + j, cols - j), j, cols - j), cols - j);
      return;
    }
    finish();
    const auto behind = static_cast<index_t>(reinterpret_cast<std::uintptr_t>(y) % kVecBytes);
    const index_t begin = behind == 0 ? 0 : (kVecBytes - behind) / static_cast<index_t>(sizeof(T));
    const index_t left = (cols - begin) / kLanes<T>;
    const index_t end = begin + left * kLanes<T>;
    if (begin > 0) store_n(y, f(load_n(kept, begin), 0, begin), begin);
    if (end < cols) store_n(y + end, f(load_n(kept + end, cols - end), end, cols - end), cols - end);
    // Loads wait for earlier stores at the same place in a page of 4 KiB, where rows of matrices often lie: the row is
    // written from a register on that is behind what is read.
    const auto ahead = reinterpret_cast<std::uintptr_t>(next) - reinterpret_cast<std::uintptr_t>(y + begin) - kBehind;
    pending_ = {kept, y, f, begin, end, begin + static_cast<index_t>(ahead % 4096 / kVecBytes) % left * kLanes<T>,
                left};
  }

  /// To be stepped by the one who reads the next row, and given back.
  NNFAST_INLINE Pending<T, F> take() const { return pending_; }
  NNFAST_INLINE void give(const Pending<T, F>& pending) { pending_ = pending; }

 private:
  static constexpr index_t kLeast = 2 * kBlockLanes<T>;
  static constexpr index_t kMost = (index_t{16} << 10) / static_cast<index_t>(sizeof(T));
  static constexpr std::uintptr_t kBehind = 1024;

  NNFAST_INLINE void finish() {
    auto pending = pending_;
    while (pending.left > 0) pending.step();
    pending_ = pending;
  }

  alignas(64) T kept_[static_cast<std::size_t>(2 * kMost)];
  bool streams_;
  bool odd_ = false;
  const T* looked_at_ = nullptr;
  T max_ = 0;
  Pending<T, F> pending_ = {};
};

/// A row of `cols` elements at x. Up to kBlocks * kBlockLanes columns stay in registers; with kBlocks == 0 the row may
/// have any length and is kept where the writer says. y may be x.
template <class T, int kBlocks, class Writer>
class Row {
 public:
  /// y null: nothing is written. `next` is the next row, or x where there is none.
  NNFAST_INLINE Row(const T* x, const T* next, T* y, index_t cols, Writer& writer)
      : x_(x), next_(next), y_(y), cols_(cols), kept_(y ? writer.place(y) : nullptr), writer_(writer) {
    for (int r = 0; r < kRegs; ++r) {
      v_[r] = load_or_lowest(x + r * kLanes<T>, left(r));
    }
  }

  /// -inf for no columns; a NaN is passed over, for it makes the sum over the row NaN. Lanes beyond the row become the
  /// maximum: exp(-inf - max) there cost three times the row without AVX-512, whose exponentials underflow through a
  /// microcode assist.
  NNFAST_INLINE T max() {
    if constexpr (kBlocks > 0) {
      vec<T> m[kSize];
      for (int r = 0; r < kRegs; ++r) m[r] = at_least(lowest<T>(), v_[r]);
      const T max = fold(m, Max<T>{});
      for (int r = 0; r < kRegs; ++r) v_[r] = select(first_lanes<T>(left(r)), v_[r], broadcast(max));
      return max;
    } else {
      return writer_.max_of(x_, cols_);
    }
  }

  /// Sum of f(v, j, n): v holds the elements from j on, n of which count.
  template <class F>
  NNFAST_INLINE T sum(F f) const {
    if constexpr (kBlocks > 0) {
      vec<T> s[kSize];
      for (int r = 0; r < kRegs; ++r) {
        s[r] = select(first_lanes<T>(left(r)), f(v_[r], r * kLanes<T>, left(r)), zero<T>());
      }
      return total(s);
    } else {
      return sum_in_blocks<T>(cols_, [&](index_t j, index_t n) NNFAST_LAMBDA { return f(load_n(x_ + j, n), j, n); });
    }
  }

  /// Keeps keep(x) and gives the sum of term(keep(x)).
  template <class Keep, class Term>
  NNFAST_INLINE T sum_and_keep(Keep keep, Term term) {
    if constexpr (kBlocks > 0) {
      for (int r = 0; r < kRegs; ++r) v_[r] = keep(v_[r]);
      return sum([&](vec<T> v, index_t, index_t) NNFAST_LAMBDA { return term(v); });
    } else {
      T* const kept = kept_;
      const T* const x = x_;
      const T* const next = next_;
      auto before = writer_.take();
      vec<T> max = lowest<T>();
      const T sum = sum_in_blocks<T>(cols_, [&](index_t j, index_t n) NNFAST_LAMBDA {
        prefetch(reinterpret_cast<const char*>(next + j) + kAhead);
        max = at_least(max, load_or_lowest(next + j, n));
        before.step();
        const vec<T> v = keep(load_n(x + j, n));
        if (kept) store_n(kept + j, v, n);
        return term(v);
      });
      writer_.give(before);
      writer_.found_max(next, fold(max, Max<T>{}));
      return sum;
    }
  }

  /// y = f(v, j, n) of what was kept.
  template <class F>
  NNFAST_INLINE void finish(F f) const {
    if constexpr (kBlocks > 0) {
      for (int r = 0; r < kRegs; ++r) {
        store_some(y_ + r * kLanes<T>, f(v_[r], r * kLanes<T>, left(r)), left(r));
      }
    } else {
      writer_.write(kept_, y_, cols_, next_, f);
    }
  }

 private:
  static constexpr int kRegs = kBlocks * kBlockRegs;
  static constexpr index_t kAhead = 2048;  // without it out of cache 17 to 28 cycles per 64 bytes, with it 18 to 19.5
  static constexpr std::size_t kSize = kRegs > 0 ? kRegs : 1;

  /// How many elements there are from register r on.
  NNFAST_INLINE index_t left(int r) const { return cols_ - r * kLanes<T>; }
  /// The lanes of two blocks are added first, so that the order is that of sum_in_blocks.
  NNFAST_INLINE static T total(vec<T> (&s)[kSize]) {
    vec<T> one[kBlockRegs];
    for (int r = 0; r < kBlockRegs; ++r) {
      one[r] = s[r];
      for (int b = 1; b < kBlocks; ++b) one[r] += s[r + b * kBlockRegs];
    }
    return fold(one, Add{});
  }

  const T* x_;
  const T* next_;
  T* y_;
  index_t cols_;
  T* kept_;
  Writer& writer_;
  vec<T> v_[kSize];
};

template <int kBlocks>
struct RowBlocks {
  static constexpr int value = kBlocks;
};

/// Calls f with the RowBlocks that suit the number of columns.
template <class T, class F>
NNFAST_INLINE void with_row_blocks(index_t cols, F f) {
  if (cols <= kBlockLanes<T>) {
    f(RowBlocks<1>{});
  } else if (cols <= 2 * kBlockLanes<T>) {
    f(RowBlocks<2>{});
  } else {
    f(RowBlocks<0>{});
  }
}

}  // namespace nnfast::NNFAST_ISA
