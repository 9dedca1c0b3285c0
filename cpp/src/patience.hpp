#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>

namespace nnfast {

/// When somebody else has the processors, a region waits for a thread that is not scheduled: a whole time slice, 4 to
/// 20 ms, for work of 0.1 ms. Where regions lose more time than they work, calls run on one thread for a while, and for
/// longer if it goes on: with two other busy processes on two processors a script of 0.4 s on one thread took 4 s on
/// two, and takes 0.6 s so. A hiccup now and then costs less than the second thread brings, and is nothing to learn
/// from. Results do not depend on it.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  /// Whether it is worth while to ask for more threads now.
  [[nodiscard]] bool allows(Clock::time_point now) const {
    return now.time_since_epoch().count() >= alone_until_.load(std::memory_order_relaxed);
  }

  /// A region has lasted so long, of which the calling thread has waited for the others, or had no processor, so long.
  void learn(Clock::duration lasted, Clock::duration lost, Clock::time_point now) {
    const Clock::duration all(lasted_.fetch_add(lasted.count(), std::memory_order_relaxed) + lasted.count());
    const Clock::duration wasted(lost_.fetch_add(lost.count(), std::memory_order_relaxed) + lost.count());
    if (all < kWindow) return;
    lasted_.store(0, std::memory_order_relaxed);
    lost_.store(0, std::memory_order_relaxed);
    if (2 * wasted < all) {
      pause_.store(kShortest.count(), std::memory_order_relaxed);
      return;
    }
    const Clock::duration pause(pause_.load(std::memory_order_relaxed));
    alone_until_.store((now + pause).time_since_epoch().count(), std::memory_order_relaxed);
    pause_.store(std::min(4 * pause, kLongest).count(), std::memory_order_relaxed);
  }

 private:
  static constexpr Clock::duration kWindow = std::chrono::milliseconds(20);
  static constexpr Clock::duration kShortest = std::chrono::milliseconds(50);
  static constexpr Clock::duration kLongest = std::chrono::seconds(1);
  // Of the regions since the last verdict.
  std::atomic<Clock::rep> lasted_{0};
  std::atomic<Clock::rep> lost_{0};
  std::atomic<Clock::rep> alone_until_{0};
  std::atomic<Clock::rep> pause_{kShortest.count()};
};

}  // namespace nnfast
