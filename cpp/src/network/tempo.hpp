#pragma once
#include <algorithm>

#include "nnfast/parallel.hpp"

namespace nnfast {

/// Whether short training steps are faster alone or together, found out by trying: two threads that write what the
/// other has read wait 7 ns for a line, or 28 where the processors are far from each other, and a machine may change
/// that while it runs (32 rows of 32-128-128-10 take one thread 56 us, two 47 or 113). Results do not depend on it.
class Tempo {
 public:
  static constexpr index_t kTrial = 3;     // steps
  static constexpr index_t kPeriod = 250;  // steps between two trials

  /// How many of `threads` shall do the next steps(), which are timed.
  [[nodiscard]] int choose(int threads) const { return turn_ == 0 || (turn_ == 2 && alone_) ? 1 : threads; }
  [[nodiscard]] index_t steps() const { return turn_ == 2 ? kPeriod - done_ : kTrial - done_; }

  /// So many steps were done; nanoseconds for a row of each.
  void learn(index_t steps, double per_row) {
    if (turn_ < 2) least_[turn_] = done_ == 0 ? per_row : std::min(least_[turn_], per_row);
    done_ += steps;
    if (done_ < (turn_ == 2 ? kPeriod : kTrial)) return;
    done_ = 0;
    if (turn_ == 1) alone_ = least_[0] < least_[1];
    turn_ = (turn_ + 1) % 3;
  }

 private:
  int turn_ = 0;  // a trial alone, one together, then the faster way
  index_t done_ = 0;
  bool alone_ = false;
  double least_[2] = {};
};

}  // namespace nnfast
