#include "dispatch/caches.hpp"

#ifdef __linux__
#include <unistd.h>
#endif

namespace nnfast {

index_t l1_ways() {
  constexpr index_t at_least = 8;  // of any processor in question
#ifdef _SC_LEVEL1_DCACHE_ASSOC
  static const index_t ways = sysconf(_SC_LEVEL1_DCACHE_ASSOC);  // 0 where it is not known
  return ways > at_least ? ways : at_least;
#else
  return at_least;
#endif
}

bool is_intel() {
#ifdef __x86_64__
  static const bool intel = __builtin_cpu_is("intel") != 0;
  return intel;
#else
  return false;
#endif
}

}  // namespace nnfast
