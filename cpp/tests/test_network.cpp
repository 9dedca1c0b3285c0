// The plan against itself: finite differences of its own inference, threads, splits, an epoch against single steps.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.hpp"
#include "nnfast/differences.hpp"
#include "nnfast/network.hpp"
#include "nnfast/runtime.hpp"

using namespace nnfast;

namespace {

/// A net with every kind of layer that trains deterministically, its flat arrays and a batch.
template <class T>
struct Fixture {
  std::vector<Layer> layers;
  std::vector<T> params, grads, state, m, v;
  std::vector<T> x;
  std::vector<index_t> labels;
  index_t in = 7;
  index_t batch;

  explicit Fixture(index_t batch_, bool batch_norm, Activation f = Activation::tanh) : batch(batch_) {
    affine(7, 21);
    activation(f);
    if (batch_norm) normalization(LayerKind::batch_normalization);
    normalization(LayerKind::layer_normalization);
    affine(21, 26);
    activation(Activation::gelu);
    maxout(2);
    Layer prelu = like(LayerKind::prelu);
    prelu.weight = take(13);
    prelu.alpha_size = 13;
    layers.push_back(prelu);
    Layer dropout = like(LayerKind::dropout);
    dropout.ratio = 0.3;
    dropout.stream = 1;
    layers.push_back(dropout);
    affine(13, 5);
    std::mt19937 random(4);
    std::normal_distribution<double> normal;
    for (T& p : params) p = static_cast<T>(0.4 * normal(random));
    x.resize(static_cast<std::size_t>(batch * in));
    for (T& e : x) e = static_cast<T>(normal(random));
    for (index_t i = 0; i < batch; ++i) labels.push_back((i * 3) % 5);
    grads.assign(params.size(), T(0));
    m = v = grads;
    for (std::size_t i = 0; i < state.size(); ++i) state[i] = i < state.size() / 2 ? T(0) : T(1);
  }

  Parameters<T> arrays() {
    return {params.data(), grads.data(), static_cast<index_t>(params.size()), state.data(), m.data(), v.data()};
  }
  Training<T> job() {
    Training<T> job;
    job.x.values = x.data();
    job.t.labels = labels.data();
    job.optimizer.kind = Optimizer::adam;
    job.optimizer.lr = 0.01;
    job.optimizer.clip_norm = 1;
    job.seed = 5;
    return job;
  }

 private:
  index_t width = 0;

  index_t take(index_t n) {
    params.resize(params.size() + static_cast<std::size_t>(n));
    return static_cast<index_t>(params.size()) - n;
  }
  Layer like(LayerKind kind) const {
    Layer layer;
    layer.kind = kind;
    layer.in = layer.out = width;
    return layer;
  }
  void affine(index_t from, index_t to) {
    Layer layer;
    layer.in = from;
    layer.out = width = to;
    layer.weight = take(from * to);
    layer.bias = take(to);
    layers.push_back(layer);
  }
  void activation(Activation f) {
    Layer layer = like(LayerKind::activation);
    layer.f = f;
    layers.push_back(layer);
  }
  void maxout(index_t pieces) {
    Layer layer = like(LayerKind::maxout);
    layer.out = width = width / pieces;
    layers.push_back(layer);
  }
  void normalization(LayerKind kind) {
    Layer layer = like(kind);
    layer.weight = take(width);
    layer.bias = take(width);
    if (kind == LayerKind::batch_normalization) {
      layer.state = 0;
      state.resize(static_cast<std::size_t>(2 * width));
    }
    layers.push_back(layer);
  }
};

/// Loss in training form: what gradient() differentiates.
double loss_of(Plan<double>& plan, Fixture<double>& f) {
  std::vector<double> scratch = f.grads;
  Parameters<double> p = f.arrays();
  p.grads = scratch.data();
  const std::vector<double> state = f.state;
  const double loss = plan.gradient(p, f.job(), f.batch).loss;
  f.state = state;
  return loss;
}

}  // namespace

TEST(differences_are_the_gradient_on_any_team) {
  for (const bool batch_norm : {false, true}) {
    Fixture<double> f(9, batch_norm);
    Plan<double> plan(f.in, f.layers);
    const Training<double> training = f.job();
    plan.gradient(f.arrays(), training, f.batch);
    std::vector<index_t> elements(f.params.size());
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<index_t>(i);
    DifferenceJob job;
    job.params = f.params.data();
    job.state = f.state.data();
    job.x = f.x.data();
    job.batch = f.batch;
    job.t = training.t;
    job.loss = training.loss;
    job.seed = training.seed;
    job.step = training.step;
    std::vector<double> first;
    const double before = nanoseconds_per_thread();
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      set_nanoseconds_per_thread(0);
      Differences differences(f.in, f.layers);
      differences.prepare(job);
      std::vector<double> derivative(elements.size());
      std::vector<int> kink(elements.size());
      differences.run(elements.data(), static_cast<index_t>(elements.size()), 1e-6, derivative.data(), kink.data());
      if (first.empty()) first = derivative;
      CHECK(derivative == first);
      for (std::size_t i = 0; i < elements.size(); ++i) {
        CHECK(kink[i] >= -1 && kink[i] < static_cast<int>(f.layers.size()));
        if (kink[i] < 0) CHECK_NEAR(derivative[i], f.grads[i], 1e-7 * (1 + std::fabs(f.grads[i])));
      }
      CHECK(std::count(kink.begin(), kink.end(), -1) > 9 * static_cast<std::ptrdiff_t>(kink.size()) / 10);
    }
    set_nanoseconds_per_thread(before);
    set_num_threads(default_num_threads());
  }
}

TEST(plan_gradient_is_the_derivative_of_its_loss) {
  for (const bool batch_norm : {false, true}) {
    Fixture<double> f(9, batch_norm);
    Plan<double> plan(f.in, f.layers);
    plan.l1 = 0.01;
    plan.l2 = 0.1;
    plan.gradient(f.arrays(), f.job(), f.batch);
    const std::vector<double> analytic = f.grads;
    double worst = 0;
    for (std::size_t i = 0; i < f.params.size(); ++i) {
      const double h = 1e-5;
      const double value = f.params[i];
      f.params[i] = value + h;
      const double above = loss_of(plan, f);
      f.params[i] = value - h;
      const double below = loss_of(plan, f);
      f.params[i] = value;
      worst = std::max(worst, std::abs((above - below) / (2 * h) - analytic[i]));
    }
    CHECK_NEAR(worst, 0, 1e-8);
  }
}

template <class T>
void epoch_is_its_steps() {
  const double grain = nanoseconds_per_thread();
  set_nanoseconds_per_thread(0);
  for (const bool batch_norm : {false, true}) {
    Fixture<T> whole(53, batch_norm);
    const index_t batch_size = 10;
    std::vector<index_t> order;
    for (index_t i = 0; i < whole.batch; ++i) order.push_back((i * 17) % whole.batch);
    const std::vector<double> lrs(6, 0.01);
    std::vector<std::vector<T>> outcomes;
    for (int threads = 1; threads <= 4; ++threads) {
      set_num_threads(threads);
      Fixture<T> f(53, batch_norm);
      Plan<T> plan(f.in, f.layers);
      std::vector<StepResult> results(6);
      const index_t done = plan.train_epoch(f.arrays(), f.job(), {order.data(), 53, batch_size, lrs.data()},
                                            results.data(), [](index_t) { return false; });
      CHECK_EQ(done, 6);
      f.params.insert(f.params.end(), f.state.begin(), f.state.end());
      outcomes.push_back(f.params);
    }
    set_num_threads(default_num_threads());
    // The same by hand.
    Plan<T> plan(whole.in, whole.layers);
    for (index_t s = 0; s < 6; ++s) {
      const index_t n = std::min(batch_size, 53 - s * batch_size);
      std::vector<T> x;
      std::vector<index_t> labels;
      for (index_t r = 0; r < n; ++r) {
        const index_t source = order[static_cast<std::size_t>(s * batch_size + r)];
        x.insert(x.end(), whole.x.begin() + source * whole.in, whole.x.begin() + (source + 1) * whole.in);
        labels.push_back(whole.labels[static_cast<std::size_t>(source)]);
      }
      Training<T> job = whole.job();
      job.x.values = x.data();
      job.t.labels = labels.data();
      job.step = static_cast<std::uint64_t>(s);
      job.iteration = s + 1;
      plan.train_step(whole.arrays(), job, n);
    }
    whole.params.insert(whole.params.end(), whole.state.begin(), whole.state.end());
    outcomes.push_back(whole.params);
    for (const auto& outcome : outcomes) CHECK(outcome == outcomes[0]);
  }
  set_nanoseconds_per_thread(grain);
}

TEST(plan_epoch_is_its_steps_on_any_number_of_threads) {
  epoch_is_its_steps<float>();
  epoch_is_its_steps<double>();
}

TEST(plan_predict_does_not_depend_on_the_batch) {
  Fixture<float> f(300, true, Activation::relu);
  Plan<float> plan(f.in, f.layers);
  std::vector<float> whole(300 * 5), parts(300 * 5);
  Inputs<float> x;
  x.values = f.x.data();
  plan.predict(f.arrays(), x, 300, whole.data());
  for (index_t i = 0; i < 300; i += 7) {
    x.values = f.x.data() + i * f.in;
    plan.predict(f.arrays(), x, std::min<index_t>(7, 300 - i), parts.data() + i * 5);
  }
  CHECK(whole == parts);
}

TEST(plan_stops_before_the_update_of_a_loss_that_is_not_finite) {
  Fixture<float> f(20, false);
  Plan<float> plan(f.in, f.layers);
  f.x[12 * 7] = std::nanf("");
  std::vector<index_t> order;
  for (index_t i = 0; i < 20; ++i) order.push_back(i);
  const std::vector<double> lrs(4, 0.01);
  std::vector<StepResult> results(4);
  const index_t done = plan.train_epoch(f.arrays(), f.job(), {order.data(), 20, 5, lrs.data()}, results.data(),
                                        [](index_t) { return false; });
  CHECK_EQ(done, 2);
  CHECK(std::isnan(results[2].loss));
  CHECK(std::isfinite(results[1].loss));
  for (const float p : f.params) CHECK(std::isfinite(p));
}

TEST(plan_records_forward_for_backward) {
  Fixture<double> f(11, true);
  Plan<double> plan(f.in, f.layers);
  std::vector<double> y(11 * 5), dx(11 * 7), dy(11 * 5);
  Inputs<double> x;
  x.values = f.x.data();
  plan.forward(f.arrays(), x, 11, 3, 4, y.data());
  for (std::size_t i = 0; i < dy.size(); ++i) dy[i] = std::sin(static_cast<double>(i));
  plan.backward(f.arrays(), dy.data(), dx.data());
  double worst = 0;
  for (std::size_t i = 0; i < f.x.size(); ++i) {
    double slope = 0;
    const double value = f.x[i];
    for (const double h : {1e-5, -1e-5}) {
      f.x[i] = value + h;
      plan.forward(f.arrays(), x, 11, 3, 4, y.data());
      for (std::size_t j = 0; j < y.size(); ++j) slope += y[j] * dy[j] / (2 * h);
    }
    f.x[i] = value;
    worst = std::max(worst, std::abs(slope - dx[i]));
  }
  CHECK_NEAR(worst, 0, 1e-8);
}

TEST(plan_of_layers_that_do_not_fit_is_refused) {
  Layer layer;
  layer.in = 3;
  layer.out = 4;
  layer.weight = 0;
  CHECK_THROWS(std::invalid_argument, Plan<float>(5, {layer}));
}
