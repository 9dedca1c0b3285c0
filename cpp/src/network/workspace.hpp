#pragma once
// Memory of a plan: one slab, sized for a batch, cut into one matrix per layer.

#include <cstdlib>
#include <memory>
#include <new>

#include "nnfast/memory.hpp"
#include "nnfast/network.hpp"

namespace nnfast {

/// On cache lines; grows only.
template <class U>
class Buffer {
 public:
  U* reserve(index_t count) {
    if (count > capacity_) {
      memory_.reset(static_cast<U*>(allocate(static_cast<std::size_t>(count) * sizeof(U))));
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
