#pragma once
// Memory of a plan: one slab, sized for a batch, cut into one matrix per layer.

#include <cstdlib>
#include <memory>
#include <new>

#include "nnfast/network.hpp"

namespace nnfast {

/// 64-byte aligned and zero-filled; grows only.
template <class U>
class Buffer {
 public:
  U* reserve(index_t count) {
    if (count > capacity_) {
      const auto bytes = (static_cast<std::size_t>(count) * sizeof(U) + 63) / 64 * 64;
      memory_.reset(static_cast<U*>(std::aligned_alloc(64, bytes)));
      capacity_ = memory_ ? count : 0;
      if (!memory_) throw std::bad_alloc();
    }
    return memory_.get();
  }
  [[nodiscard]] U* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(U* p) const { std::free(p); }
  };
  std::unique_ptr<U[], Free> memory_;
  index_t capacity_ = 0;
};

/// Rounds up so that the next matrix starts on a cache line.
template <class T>
index_t aligned_size(index_t count) {
  constexpr auto line = static_cast<index_t>(64 / sizeof(T));
  return (count + line - 1) / line * line;
}

}  // namespace nnfast
