// What the machine can do. Reads lines from standard input, answers each with a number:
//
//   fma 4|8 THREADS SECONDS              GFLOP/s of multiply-adds in registers; the size of the numbers in bytes
//   copy BYTES THREADS stream|plain      GB/s of a copy of so many bytes, read and written bytes counted
//   read BYTES THREADS                   GB/s of reading so many bytes again and again, from whichever cache holds them
//
// Several short runs make an answer: their median.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
constexpr int width = 64;
#else
constexpr int width = 32;
#endif

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(width)));
};

// Latency times throughput of any processor is below 24 vectors; with 16 registers some would live in memory.
constexpr int chains = width == 64 ? 24 : 12;

template <class T>
double multiply_add(long rounds) {
  using V = typename Vector<T>::type;
  V sums[chains];
  T start = T(1e-3);
  asm volatile("" : "+m"(start));
  for (int i = 0; i < chains; ++i) sums[i] = V{} + start * T(i + 1);
  const V factor = V{} + (T(1) - start), term = V{} + start;
  for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) sums[i] = sums[i] * factor + term;
  }
  V total = sums[0];
  for (int i = 1; i < chains; ++i) total += sums[i];
  return double(total[0]);
}

using Bytes = Vector<long long>::type;

// Past the cache, where the processor has such stores.
inline void store_stream(Bytes* target, Bytes value) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(target), reinterpret_cast<__m512i&>(value));
#elif defined(__AVX__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(target), reinterpret_cast<__m256i&>(value));
#else
  *target = value;
#endif
}

void copy(char* to, const char* from, long bytes, bool stream) {
  for (long i = 0; i < bytes; i += width) {
    const Bytes value = *reinterpret_cast<const Bytes*>(from + i);
    Bytes* target = reinterpret_cast<Bytes*>(to + i);
    if (stream) {
      store_stream(target, value);
    } else {
      *target = value;
      asm volatile("" ::: "memory");  // or the compiler calls memcpy, which streams as it likes
    }
  }
#ifdef __x86_64__
  _mm_sfence();
#endif
}

inline void relax() {
#ifdef __x86_64__
  _mm_pause();
#endif
}

// Calls work(thread) on all threads at once, again and again; the time from the start of the first to the end of the
// last, for each repetition. Threads wait for each other by spinning: waking up is no part of the figure.
template <class Work>
std::vector<double> together(int threads, int repetitions, Work work) {
  std::atomic<long> arrived{0};
  std::vector<double> times;
  const auto barrier = [&](long round) {
    arrived.fetch_add(1);
    while (arrived.load() < round * threads) relax();
  };
  const auto body = [&](int thread) {
    for (int i = 0; i < repetitions; ++i) {
      barrier(2 * i + 1);
      const auto start = Clock::now();
      work(thread);
      barrier(2 * i + 2);
      if (thread == 0) times.push_back(seconds_since(start));
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(body, thread);
  body(0);
  for (auto& other : others) other.join();
  return times;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

template <class T>
double fma_rate(int threads, double seconds) {
  constexpr int runs = 9;
  const double vectors_per_round = chains;
  const double flop_per_round = vectors_per_round * 2 * (width / sizeof(T));
  // A first run says how many rounds fill the time, and warms the processor up.
  volatile double sink = 0;
  const auto start = Clock::now();
  constexpr long trial = 100000;
  sink = multiply_add<T>(trial);
  const long rounds = std::max(1000L, long(trial * (seconds / runs) / seconds_since(start)));
  std::vector<double> sinks(threads * 64);
  const auto times = together(threads, runs, [&](int thread) { sinks[thread * 64] = multiply_add<T>(rounds); });
  sink = sinks[0];
  (void)sink;
  return flop_per_round * rounds * threads / median(times) / 1e9;
}

struct Buffer {
  char* data = nullptr;
  long bytes = 0;
  char* grow(long wanted) {
    if (wanted > bytes) {
      std::free(data);
      data = static_cast<char*>(std::aligned_alloc(1 << 21, (wanted + (1 << 21) - 1) >> 21 << 21));
      bytes = wanted;
      std::fill(data, data + wanted, 1);
    }
    return data;
  }
};

double copy_rate(Buffer& from, Buffer& to, long bytes, int threads, bool stream) {
  const char* source = from.grow(bytes);
  char* target = to.grow(bytes);
  const long share = bytes / threads / 4096 * 4096;
  const int repeat = int(std::max(1L, (8L << 20) / bytes));
  const auto times = together(threads, 5, [&](int thread) {
    for (int i = 0; i < repeat; ++i) {
      copy(target + thread * share, source + thread * share, share, stream);
      asm volatile("" ::: "memory");
    }
  });
  return 2.0 * share * threads * repeat / median(times) / 1e9;
}

// Eight lines at a time, each into a sum of its own.
long long sum(const char* from, long bytes) {
  constexpr int abreast = 8;
  Bytes sums[abreast] = {};
  for (long i = 0; i + abreast * width <= bytes; i += abreast * width) {
#pragma GCC unroll 8
    for (int j = 0; j < abreast; ++j) sums[j] += *reinterpret_cast<const Bytes*>(from + i + j * width);
  }
  Bytes total = sums[0];
  for (int j = 1; j < abreast; ++j) total += sums[j];
  return total[0];
}

double read_rate(Buffer& from, long bytes, int threads) {
  const char* source = from.grow(bytes);
  const long share = std::max(1024L, bytes / threads / 1024 * 1024);
  const int repeat = int(std::max(1L, (8L << 20) / bytes));
  std::vector<long long> sinks(threads * 64);
  const auto times = together(threads, 9, [&](int thread) {
    for (int i = 0; i < repeat; ++i) sinks[thread * 64] += sum(source + thread * share, share);
  });
  volatile long long sink = sinks[0];
  (void)sink;
  return 1.0 * share * threads * repeat / median(times) / 1e9;
}

int main() {
  Buffer from, to;
  std::string what;
  while (std::cin >> what) {
    int threads = 0;
    if (what == "fma") {
      int size = 0;
      double seconds = 0;
      std::cin >> size >> threads >> seconds;
      std::cout << (size == 4 ? fma_rate<float>(threads, seconds) : fma_rate<double>(threads, seconds));
    } else if (what == "read") {
      long bytes = 0;
      std::cin >> bytes >> threads;
      std::cout << read_rate(from, bytes, threads);
    } else {
      long bytes = 0;
      std::string kind;
      std::cin >> bytes >> threads >> kind;
      std::cout << copy_rate(from, to, bytes, threads, kind == "stream");
    }
    std::cout << std::endl;
  }
}
