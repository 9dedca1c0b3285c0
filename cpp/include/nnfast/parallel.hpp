#pragma once
// How work is shared among threads. Every operation of the core is written for a team: each member calls it with the
// same arguments and does its own share of the *outputs*; the bits of an output never depend on who computed it.
// The operation does not wait at its end: whoever reads its result puts a barrier in between.

#include <type_traits>

#include "nnfast/matrix.hpp"

namespace nnfast {

struct Range {
  index_t begin = 0;
  index_t end = 0;
};

class Team {
 public:
  Team(int rank, int size, void* scratch) : rank_(rank), size_(size), scratch_(scratch) {}
  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

  /// Waits until every member is here.
  void barrier();

  /// This member's contiguous piece of 0..n, cut at multiples of `grain`; possibly empty.
  [[nodiscard]] Range share(index_t n, index_t grain = 1) const {
    const index_t pieces = (n + grain - 1) / grain;
    const index_t begin = pieces * rank_ / size_ * grain;
    const index_t end = pieces * (rank_ + 1) / size_ * grain;
    return {begin < n ? begin : n, end < n ? end : n};
  }

  /// kScratchBytes of 64-byte aligned memory of this member's own, valid for the region.
  [[nodiscard]] void* scratch() const { return scratch_; }

 private:
  int rank_;
  int size_;
  void* scratch_;
};

/// Packing buffers of one member. Reserved once per calling thread, touched only as far as it is used.
inline constexpr index_t kScratchBytes = index_t{10} << 20;

namespace detail {
void run(int threads, void (*body)(void*, Team&), void* context);
}

/// Runs body(team) on `threads` threads (fewer when nested or when others compute at the same time; results do not
/// depend on it). `body` must not throw when it is run by more than one thread.
template <class Body>
void run(int threads, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::run(
      threads, [](void* context, Team& team) { (*static_cast<Plain*>(context))(team); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

/// How many threads work that takes one thread `nanoseconds` is worth: 1 for small work, at most num_threads().
int threads_for(double nanoseconds);
/// The work that makes one more thread worth its while. Tests set 0, so that small cases run on many threads.
void set_nanoseconds_per_thread(double nanoseconds);
double nanoseconds_per_thread();

int num_threads();
/// Throws std::invalid_argument when n < 1.
void set_num_threads(int n);
/// min(affinity, container quota), what num_threads() is before anybody sets it.
int default_num_threads();

}  // namespace nnfast
