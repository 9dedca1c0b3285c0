// When a region is worth its threads, with times made up.

#include <chrono>

#include "check.hpp"
#include "patience.hpp"

namespace nnfast {
namespace {

using namespace std::chrono_literals;
using Clock = Patience::Clock;

TEST(patience_with_equal_shares) {
  Patience patience;
  const Clock::time_point now(1h);
  patience.learn(100us, 30us, now);
  patience.learn(100us, 95us, now);  // all of it lost, but nobody would notice
  patience.learn(100ms, 20ms, now);  // shares are not exactly equal
  CHECK(patience.allows(now));
}

TEST(patience_ends_where_threads_do_not_run) {
  Patience patience;
  Clock::time_point now(1h);
  patience.learn(4ms, 3900us, now);
  CHECK(!patience.allows(now + 1ms));
  CHECK(!patience.allows(now + 49ms));
  CHECK(patience.allows(now + 51ms));
  // Again soon after: a longer pause, up to a second.
  now += 60ms;
  patience.learn(4ms, 3900us, now);
  CHECK(!patience.allows(now + 199ms));
  CHECK(patience.allows(now + 201ms));
  for (const auto pause : {200ms, 800ms, 1000ms, 1000ms}) {
    now += pause + 5ms;
    patience.learn(4ms, 3900us, now);
  }
  CHECK(!patience.allows(now + 990ms));
  CHECK(patience.allows(now + 1010ms));
}

TEST(patience_comes_back) {
  Patience patience;
  Clock::time_point now(1h);
  for (const auto pause : {50ms, 200ms, 800ms}) {
    patience.learn(4ms, 3900us, now);
    now += pause + 5ms;
  }
  now += 1min;
  patience.learn(4ms, 3900us, now);
  CHECK(patience.allows(now + 51ms));
}

}  // namespace
}  // namespace nnfast
