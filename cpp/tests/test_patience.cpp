// When a region is worth its threads, with times made up.

#include <chrono>

#include "check.hpp"
#include "patience.hpp"

namespace nnfast {
namespace {

using namespace std::chrono_literals;
using Clock = Patience::Clock;

TEST(patience_with_hiccups) {
  Patience patience;
  Clock::time_point now(1h);
  for (int i = 0; i < 10'000; ++i, now += 1ms) {
    patience.learn(100us, 20us, now);
    if (i % 200 == 0) patience.learn(5ms, 4900us, now);  // a quarter of the work in between
    CHECK(patience.allows(now));
  }
  patience.learn(300ms, 60ms, now);  // shares are not exactly equal
  CHECK(patience.allows(now));
}

TEST(patience_ends_where_threads_do_not_run) {
  Patience patience;
  Clock::time_point now(1h);
  const auto wait_in_vain = [&] {
    for (int i = 0; i < 5; ++i) {
      CHECK(patience.allows(now));
      patience.learn(4ms, 3900us, now);
    }
  };
  // Again and again: longer pauses, up to a second.
  for (const auto pause : {50ms, 200ms, 800ms, 1000ms, 1000ms}) {
    wait_in_vain();
    CHECK(!patience.allows(now + pause - 1ms));
    now += pause;
  }
  // One good window, and it starts anew.
  for (int i = 0; i < 20; ++i) patience.learn(1ms, 100us, now);
  wait_in_vain();
  CHECK(!patience.allows(now + 49ms));
  CHECK(patience.allows(now + 50ms));
}

}  // namespace
}  // namespace nnfast
