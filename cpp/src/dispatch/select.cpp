// Which instruction set's table is in use. Best first; NNFAST_ISA and set_isa() override.

#include "dispatch/select.hpp"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "nnfast/parallel.hpp"
#include "nnfast/runtime.hpp"

namespace nnfast {

#define NNFAST_DECLARE(isa)   \
  namespace isa {             \
  extern const Tables tables; \
  }
#ifdef NNFAST_HAS_AVX512
NNFAST_DECLARE(avx512)
#endif
#ifdef NNFAST_HAS_AVX2
NNFAST_DECLARE(avx2)
#endif
#ifdef NNFAST_HAS_SSE42
NNFAST_DECLARE(sse42)
#endif
#ifdef NNFAST_HAS_GENERIC
NNFAST_DECLARE(generic)
#endif

namespace {

struct Isa {
  const char* name;
  const Tables* tables;
  bool (*supported)();
};

// __builtin_cpu_supports looks at the CPU and at what the operating system saves (XGETBV). Each line names what
// -march=x86-64-v{2,3,4} lets the compiler use.
const Isa kIsas[] = {
#ifdef NNFAST_HAS_AVX512
    {"avx512", &avx512::tables,
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
     }},
#endif
#ifdef NNFAST_HAS_AVX2
    {"avx2", &avx2::tables,
     [] {
       return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2");
     }},
#endif
#ifdef NNFAST_HAS_SSE42
    {"sse42", &sse42::tables, [] { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }},
#endif
#ifdef NNFAST_HAS_GENERIC
    {"generic", &generic::tables, [] { return true; }},
#endif
};

const Isa* best_isa() {
  for (const Isa& isa : kIsas) {
    if (isa.supported()) return &isa;
  }
  return nullptr;
}

std::atomic<const Isa*> chosen{nullptr};

const Isa& current() {
  const Isa* isa = chosen.load(std::memory_order_acquire);
  if (isa == nullptr) {
    isa = best_isa();
    if (isa == nullptr) throw std::runtime_error("nnfast: this processor runs none of the compiled instruction sets");
    chosen.store(isa, std::memory_order_release);
  }
  return *isa;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

const Tables& tables() { return *current().tables; }

std::vector<std::string> compiled_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : kIsas) names.emplace_back(isa.name);
  return names;
}

std::vector<std::string> supported_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : kIsas) {
    if (isa.supported()) names.emplace_back(isa.name);
  }
  return names;
}

std::string isa() { return current().name; }

void set_isa(const std::string& name) {
  for (const Isa& isa : kIsas) {
    if (name == isa.name && isa.supported()) {
      chosen.store(&isa, std::memory_order_release);
      return;
    }
  }
  throw std::invalid_argument("set_isa: name is '" + name +
                              "'; expected one that is compiled in and runs here: " + joined(supported_isas()));
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

void configure_from_environment() {
  current();
  if (const char* name = std::getenv("NNFAST_ISA"); name != nullptr && *name != '\0') {
    try {
      set_isa(name);
    } catch (const std::invalid_argument&) {
      throw std::invalid_argument(std::string("NNFAST_ISA is '") + name +
                                  "'; expected one of: " + joined(supported_isas()));
    }
  }
  if (const char* text = std::getenv("NNFAST_NUM_THREADS"); text != nullptr && *text != '\0') {
    int n = 0;
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, n);
    if (error != std::errc() || stop != end || n < 1) {
      throw std::invalid_argument(std::string("NNFAST_NUM_THREADS is '") + text + "'; expected a positive integer");
    }
    set_num_threads(n);
  }
}

}  // namespace nnfast
