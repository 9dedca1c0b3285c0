#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

namespace nnfast::bindings {

/// Adds its life to core_seconds(), from the first question for it on: two readings of the clock are 6 % of the
/// smallest prediction.
class Stopwatch {
 public:
  Stopwatch() = default;
  ~Stopwatch() {
    if (began_ != Clock::time_point()) total().fetch_add((Clock::now() - began_).count(), std::memory_order_relaxed);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  static double seconds() {
    using Tick = Clock::period;
    asked().store(true, std::memory_order_relaxed);
    return static_cast<double>(total().load(std::memory_order_relaxed)) * Tick::num / Tick::den;
  }

 private:
  using Clock = std::chrono::steady_clock;

  static std::atomic<bool>& asked() {
    static std::atomic<bool> value{false};
    return value;
  }
  static std::atomic<std::int64_t>& total() {
    static std::atomic<std::int64_t> ticks{0};
    return ticks;
  }

  Clock::time_point began_ = asked().load(std::memory_order_relaxed) ? Clock::now() : Clock::time_point();
};

}  // namespace nnfast::bindings
