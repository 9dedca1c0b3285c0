// Alone or together, with times made up.

#include "check.hpp"
#include "network/tempo.hpp"

namespace nnfast {
namespace {

/// Steps of two threads in one period, where a row takes so long alone and together.
index_t together(Tempo& tempo, double alone_ns, double together_ns) {
  index_t sum = 0;
  for (index_t done = 0; done < 2 * Tempo::kTrial + Tempo::kPeriod;) {
    const int threads = tempo.choose(2);
    const index_t steps = tempo.steps();
    tempo.learn(steps, threads == 1 ? alone_ns : together_ns);
    if (threads > 1) sum += steps;
    done += steps;
  }
  return sum;
}

TEST(tempo_takes_the_faster_way_and_changes_its_mind) {
  Tempo tempo;
  CHECK(together(tempo, 2, 1) == Tempo::kTrial + Tempo::kPeriod);
  CHECK(together(tempo, 1, 2) == Tempo::kTrial);
  CHECK(together(tempo, 2, 1) == Tempo::kTrial + Tempo::kPeriod);
}

TEST(tempo_tries_step_by_step_and_forgives_a_hiccup) {
  Tempo tempo;
  for (const double row : {3.0, 2.0, 9.0}) {  // alone
    CHECK(tempo.choose(4) == 1);
    tempo.learn(1, row);
  }
  for (const double row : {90.0, 1.0, 1.0}) {
    CHECK(tempo.choose(4) == 4);
    tempo.learn(1, row);
  }
  CHECK(tempo.choose(4) == 4);
  CHECK(tempo.steps() == Tempo::kPeriod);
}

}  // namespace
}  // namespace nnfast
