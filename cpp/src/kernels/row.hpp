#pragma once
// A row that is read several times: its maximum, sums over it, then an output from what was kept of it.

#include "kernels/block.hpp"

namespace nnfast::NNFAST_ISA {

/// A row of `cols` elements at x. Up to kBlocks * kBlockLanes columns stay in registers; with kBlocks == 0 the row may
/// have any length and goes through y, which may be x.
template <class T, int kBlocks>
class Row {
 public:
  /// y null: nothing is written.
  NNFAST_INLINE Row(const T* x, T* y, index_t cols) : x_(x), y_(y), cols_(cols) {
    for (int r = 0; r < kRegs; ++r) {
      v_[r] = select(first_lanes<T>(left(r)), load_some(x + r * kLanes<T>, left(r)), lowest());
    }
  }

  /// NaN if there is a NaN, -inf for no columns. Lanes beyond the row become the maximum: exp(-inf - max) there cost
  /// three times the row without AVX-512, whose exponentials underflow through a microcode assist.
  NNFAST_INLINE T max() {
    if constexpr (kBlocks > 0) {
      vec<T> m[kSize];
      for (int r = 0; r < kRegs; ++r) m[r] = v_[r];
      const T max = fold(m, Max{});
      for (int r = 0; r < kRegs; ++r) v_[r] = select(first_lanes<T>(left(r)), v_[r], broadcast(max));
      return max;
    } else {
      vec<T> m[4] = {lowest(), lowest(), lowest(), lowest()};  // four chains; a maximum does not depend on the order
      index_t j = 0;
      for (; j + 4 * kLanes<T> <= cols_; j += 4 * kLanes<T>) {
        for (int r = 0; r < 4; ++r) m[r] = Max{}(load(x_ + j + r * kLanes<T>), m[r]);
      }
      for (; j < cols_; j += kLanes<T>) {
        m[0] = Max{}(select(first_lanes<T>(cols_ - j), load_n(x_ + j, cols_ - j), lowest()), m[0]);
      }
      return fold(m, Max{});
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
      vec<T> s[kSize];
      for (int r = 0; r < kRegs; ++r) {
        v_[r] = keep(v_[r]);
        s[r] = select(first_lanes<T>(left(r)), term(v_[r]), zero<T>());
      }
      return total(s);
    } else {
      return sum_in_blocks<T>(cols_, [&](index_t j, index_t n) NNFAST_LAMBDA {
        const vec<T> v = keep(load_n(x_ + j, n));
        if (y_) store_n(y_ + j, v, n);
        return term(v);
      });
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
      index_t j = 0;
      for (; j + kLanes<T> <= cols_; j += kLanes<T>) store(y_ + j, f(load(y_ + j), j, kLanes<T>));
      if (j < cols_) store_n(y_ + j, f(load_n(y_ + j, cols_ - j), j, cols_ - j), cols_ - j);
    }
  }

 private:
  static constexpr int kRegs = kBlocks * kBlockRegs;
  static constexpr std::size_t kSize = kRegs > 0 ? kRegs : 1;

  NNFAST_INLINE static vec<T> lowest() { return broadcast(-static_cast<T>(__builtin_inf())); }
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
  T* y_;
  index_t cols_;
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
