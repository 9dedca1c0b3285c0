#include "nnfast/dropout.hpp"

#include <cmath>

#include "dispatch/select.hpp"

namespace nnfast {

template <class T>
void dropout(Team& team, DropoutKey key, double ratio, const T* x, T* y, index_t n) {
  constexpr index_t grain = 256;  // whole steps of the generator, but for the first
  const Range share = team.share(n, grain);
  // uniform = word / 2^32 >= ratio. A ratio that rounds up to 1 keeps one in 2^32.
  const double threshold = std::ceil(ratio * 0x1p32);
  kernels<T>().dropout.dropout(key.seed, key.stream, key.step, key.first + static_cast<std::uint64_t>(share.begin),
                               threshold < 0x1p32 ? static_cast<std::uint32_t>(threshold) : 0xFFFFFFFFU,
                               static_cast<T>(1 / (1 - ratio)), x + share.begin, y + share.begin,
                               share.end - share.begin);
}

template void dropout(Team&, DropoutKey, double, const float*, float*, index_t);
template void dropout(Team&, DropoutKey, double, const double*, double*, index_t);

}  // namespace nnfast
