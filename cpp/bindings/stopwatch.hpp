#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

namespace nnfast::bindings {

/// Adds its life to core_seconds().
class Stopwatch {
 public:
  Stopwatch() = default;
  ~Stopwatch() { total().fetch_add((std::chrono::steady_clock::now() - began_).count(), std::memory_order_relaxed); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  static double seconds() {
    using Tick = std::chrono::steady_clock::period;
    return static_cast<double>(total().load(std::memory_order_relaxed)) * Tick::num / Tick::den;
  }

 private:
  static std::atomic<std::int64_t>& total() {
    static std::atomic<std::int64_t> ticks{0};
    return ticks;
  }

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace nnfast::bindings
