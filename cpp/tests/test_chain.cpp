// A course's network in two calls: against central differences of its own forward pass, on any team.

#include <algorithm>
#include <random>
#include <span>
#include <vector>

#include "check.hpp"
#include "nnfast/chain.hpp"

using namespace nnfast;

namespace {

using Values = std::vector<double>;

/// Three layers, the first two with a normalization and a sigmoid; the loss is sum(y dy).
struct Chain {
  static constexpr index_t kBatch = 11;
  static constexpr index_t kWidths[] = {7, 9, 6, 4};
  std::vector<Values> W, b, gamma, beta;
  std::vector<Values> z, y, mean, var, inv_std, dn, dz, dW, db, dgamma, dbeta;
  std::vector<float> x;
  Values dy;
  std::vector<ChainLink<double>> links;

  explicit Chain(ChainNorm norm) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    const auto drawn = [&](index_t n) {
      Values v(static_cast<std::size_t>(n));
      for (double& e : v) e = 0.7 * normal(random);
      return v;
    };
    const auto zeros = [](index_t n) { return Values(static_cast<std::size_t>(n), 0.0); };
    for (std::size_t i = 0; i < 3; ++i) {
      const index_t in = kWidths[i];
      const index_t out = kWidths[i + 1];
      W.push_back(drawn(in * out));
      for (auto* v : {&b, &gamma, &beta}) v->push_back(drawn(out));
      for (auto* v : {&z, &y, &dn, &dz}) v->push_back(zeros(kBatch * out));
      for (auto* v : {&mean, &var, &inv_std}) v->push_back(zeros(std::max(out, kBatch)));
      dW.push_back(zeros(in * out));
      for (auto* v : {&db, &dgamma, &dbeta}) v->push_back(zeros(out));
    }
    for (const double e : drawn(kBatch * kWidths[0])) x.push_back(static_cast<float>(e));
    dy = drawn(kBatch * kWidths[3]);
    for (std::size_t i = 0; i < 3; ++i) {
      ChainLink<double> link;
      link.W = {W[i].data(), kWidths[i], kWidths[i + 1]};
      link.b = b[i].data();
      link.activated = i < 2;
      link.f = Activation::sigmoid;
      link.norm = i < 2 ? norm : ChainNorm::none;
      link.gamma = gamma[i].data();
      link.beta = beta[i].data();
      link.eps = 1e-5;
      link.z = z[i].data();
      link.y = y[i].data();
      link.mean = mean[i].data();
      link.var = var[i].data();
      link.inv_std = inv_std[i].data();
      link.dn = dn[i].data();
      link.dz = i < 2 ? dz[i].data() : dy.data();
      link.dW = {dW[i].data(), kWidths[i], kWidths[i + 1]};
      link.db = db[i].data();
      link.dgamma = link.norm == ChainNorm::none ? nullptr : dgamma[i].data();
      link.dbeta = link.norm == ChainNorm::none ? nullptr : dbeta[i].data();
      links.push_back(link);
    }
  }

  [[nodiscard]] MatrixView<const float> input() const { return {x.data(), kBatch, kWidths[0]}; }
  [[nodiscard]] std::span<const ChainLink<double>> view() const { return links; }

  double loss() {
    run(1, [&](Team& team) { chain_forward<float, double>(team, input(), view()); });
    double sum = 0;
    for (std::size_t i = 0; i < dy.size(); ++i) sum += dy[i] * y[2][i];
    return sum;
  }
};

}  // namespace

TEST(chain_gradients_are_the_derivatives_of_its_forward_pass) {
  constexpr double h = 1e-6;
  constexpr double decay = 0.3;
  for (const ChainNorm norm : {ChainNorm::none, ChainNorm::batch, ChainNorm::layer}) {
    Chain first(norm);
    for (const int threads : {1, 2, 3}) {
      Chain chain(norm);
      run(threads, [&](Team& team) {
        chain_forward<float, double>(team, chain.input(), chain.view());
        team.barrier();
        chain_backward<float, double>(team, chain.input(), chain.view(), decay);
      });
      if (threads == 1) {
        first.dW = chain.dW;
        first.db = chain.db;
        first.dgamma = chain.dgamma;
        first.dbeta = chain.dbeta;
      }
      CHECK(chain.dW == first.dW);
      CHECK(chain.db == first.db);
      CHECK(chain.dgamma == first.dgamma);
      CHECK(chain.dbeta == first.dbeta);
    }
    const auto compare = [&](std::vector<Values>& values, const std::vector<Values>& gradients, double own) {
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < values[i].size(); ++j) {
          const double before = values[i][j];
          values[i][j] = before + h;
          const double above = first.loss();
          values[i][j] = before - h;
          const double below = first.loss();
          values[i][j] = before;
          CHECK_NEAR(gradients[i][j], (above - below) / (2 * h) + own * before, 1e-6);
        }
      }
    };
    compare(first.W, first.dW, decay);
    compare(first.b, first.db, 0);
    if (norm != ChainNorm::none) {
      compare(first.gamma, first.dgamma, 0);
      compare(first.beta, first.dbeta, 0);
    }
  }
}
