#include <array>

#include "everywhere.hpp"
#include "nnfast/dropout.hpp"

using namespace nnfast;
using namespace everywhere;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as the paper has it, one block.
Words philox(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

/// The word that decides about element first + e.
std::uint32_t word(const DropoutKey& key, std::uint64_t e) {
  const std::uint64_t element = key.first + e;
  const std::uint64_t block = element / 4;
  const Words counter = {static_cast<std::uint32_t>(block), key.stream, static_cast<std::uint32_t>(key.step),
                         static_cast<std::uint32_t>((key.step >> 32) + (block >> 32))};
  return philox(counter, static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32))[element % 4];
}

template <class T>
std::vector<T> dropped(const DropoutKey& key, double ratio, const std::vector<T>& x, int members = 1) {
  std::vector<T> y(x.size(), T(-77));
  members_in_turn(members,
                  [&](Team& team) { dropout(team, key, ratio, x.data(), y.data(), static_cast<index_t>(x.size())); });
  return y;
}

template <class T>
void masks() {
  Draw draw(1);
  const DropoutKey keys[] = {{},
                             {1, 0, 0, 0},
                             {0x123456789ABCDEF0, 7, 3, 1},
                             {42, 3, 0x1FFFFFFFF, 2},
                             {42, 3, 5, 0x3FFFFFFF3},  // the block's 32 low bits run over
                             {~0ULL, ~0U, ~0ULL, 1000003}};
  for (const DropoutKey& key : keys) {
    for (const index_t n : {1, 2, 3, 5, 31, 32, 33, 64, 100, 1000, 3001}) {
      for (const double ratio : {0.0, 0.1, 0.5, 0.9}) {
        const std::vector<T> x = draw.array<T>(n, 0.5, 2);
        const std::vector<T> untouched(x.size() + 5, T(-77));
        int wrong = 0;
        std::vector<T> on_first_isa;
        run_everywhere(
            untouched, [&](Team& team, std::vector<T>& y) { dropout(team, key, ratio, x.data(), y.data(), n); },
            [&](const std::vector<T>& y) {
              const T factor = static_cast<T>(1 / (1 - ratio));
              for (index_t e = 0; e < n; ++e) {
                const bool keep = word(key, static_cast<std::uint64_t>(e)) * 0x1p-32 >= ratio;
                wrong += y[size(e)] != (keep ? x[size(e)] * factor : T(0));
              }
              for (std::size_t e = x.size(); e < y.size(); ++e) wrong += y[e] != T(-77);
              if (on_first_isa.empty()) on_first_isa = y;
              CHECK(same_bits(on_first_isa, y));  // also without FMA
            });
        CHECK_EQ(wrong, 0);
      }
    }
  }
}

}  // namespace

// Known answers of Random123's kat_vectors, philox4x32 with 10 rounds, first of the words above, then of the kernel: a
// ratio of exactly word / 2^32 keeps the element, and the next larger one drops it.
TEST(dropout_is_philox) {
  struct Known {
    Words counter;
    std::uint32_t key[2];
    Words words;
  };
  const Known known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Known& k : known) {
    CHECK(philox(k.counter, k.key[0], k.key[1]) == k.words);
    DropoutKey key;
    key.seed = k.key[0] | std::uint64_t{k.key[1]} << 32;
    key.stream = k.counter[1];
    key.step = k.counter[2] | std::uint64_t{k.counter[3]} << 32;
    key.first = std::uint64_t{k.counter[0]} * 4;
    on_every_isa([&](const std::string&) {
      for (std::size_t e = 0; e < 4; ++e) {
        CHECK_EQ(word(key, e), k.words[e]);
        CHECK(dropped<float>(key, k.words[e] * 0x1p-32, {1, 1, 1, 1})[e] > 0);
        CHECK(dropped<float>(key, (k.words[e] + 1.0) * 0x1p-32, {1, 1, 1, 1})[e] == 0);
        CHECK(dropped<double>(key, k.words[e] * 0x1p-32, {1, 1, 1, 1})[e] > 0);
        CHECK(dropped<double>(key, (k.words[e] + 1.0) * 0x1p-32, {1, 1, 1, 1})[e] == 0);
      }
    });
  }
}

TEST(dropout_masks) {
  masks<float>();
  masks<double>();
}

TEST(dropout_rows_of_a_layer) {
  const std::vector<float> x(1000, 1.0F);
  const DropoutKey key{9, 2, 4, 0};
  const std::vector<float> all = dropped(key, 0.3, x);
  for (const index_t first : {1, 2, 3, 4, 37, 500}) {
    DropoutKey rest = key;
    rest.first = static_cast<std::uint64_t>(first);
    CHECK(same_bits(dropped<float>(rest, 0.3, {x.begin() + first, x.end()}), {all.begin() + first, all.end()}));
  }
}

TEST(dropout_keeps_the_expected_share) {
  const index_t n = 1 << 20;
  for (const double ratio : {0.2, 0.5, 0.99}) {
    std::vector<float> kept[4];
    const DropoutKey keys[] = {{1, 0, 0, 0}, {2, 0, 0, 0}, {1, 1, 0, 0}, {1, 0, 1, 0}};
    for (int k = 0; k < 4; ++k) {
      kept[k] = dropped(keys[k], ratio, std::vector<float>(size(n), 1.0F));
      const auto count = n - std::count(kept[k].begin(), kept[k].end(), 0.0F);
      // Six standard deviations.
      CHECK_NEAR(count, n * (1 - ratio), 6 * std::sqrt(n * ratio * (1 - ratio)));
      index_t together = 0;  // with the first mask: independent, whatever of the key differs
      for (index_t e = 0; k > 0 && e < n; ++e) together += kept[0][size(e)] != 0 && kept[k][size(e)] != 0;
      const double p = (1 - ratio) * (1 - ratio);
      if (k > 0) CHECK_NEAR(together, n * p, 6 * std::sqrt(n * p * (1 - p)));
    }
  }
}

TEST(dropout_special_values) {
  const float inf = std::numeric_limits<float>::infinity();
  on_every_isa([&](const std::string&) {
    // x keep / (1 - ratio): what is not a number stays so, also where it is dropped.
    for (const float v : dropped({}, 0.5, std::vector<float>(50, std::nanf("")))) CHECK(std::isnan(v));
    for (const float v : dropped({}, 0.5, std::vector<float>(50, inf))) CHECK(std::isnan(v) || v == inf);
    for (const double v : dropped({}, 1 - 0x1p-53, std::vector<double>(50, 1.0))) CHECK(v == 0);
    CHECK(dropped({}, 0.0, std::vector<double>(50, 1.5)) == std::vector<double>(50, 1.5));
  });
}
