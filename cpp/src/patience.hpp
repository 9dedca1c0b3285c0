#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>

namespace nnfast {

/// When somebody else has the processors, a region waits for a thread that is not scheduled: a whole time slice, 4 to
/// 20 ms, for work of 0.1 ms. Then calls run on one thread for a while, and for longer if it happens again soon after:
/// with two other busy processes on two processors, a script of 0.5 s on one thread took 5 s on two, and takes 0.7 s
/// so. Results do not depend on it.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  /// Whether it is worth while to ask for more threads now.
  [[nodiscard]] bool allows(Clock::time_point now) const {
    return now.time_since_epoch().count() >= alone_until_.load(std::memory_order_relaxed);
  }

  /// A region has lasted so long, of which the calling thread has waited for the others, or had no processor. Shares
  /// are equal within a tenth or two: much of that means that too few processors are free.
  void learn(Clock::duration lasted, Clock::duration lost, Clock::time_point now) {
    if (lost < kNotice || lost < (lasted - lost) / 2) return;
    const Clock::duration pause(pause_.load(std::memory_order_relaxed));
    const Clock::time_point last(Clock::duration(alone_until_.load(std::memory_order_relaxed)));
    const Clock::duration next = now - last < 4 * pause ? std::min(4 * pause, kLongest) : kShortest;
    pause_.store(next.count(), std::memory_order_relaxed);
    alone_until_.store((now + next).time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  static constexpr Clock::duration kNotice = std::chrono::microseconds(500);
  static constexpr Clock::duration kShortest = std::chrono::milliseconds(50);
  static constexpr Clock::duration kLongest = std::chrono::seconds(1);
  std::atomic<Clock::rep> alone_until_{0};
  std::atomic<Clock::rep> pause_{kShortest.count()};
};

}  // namespace nnfast
