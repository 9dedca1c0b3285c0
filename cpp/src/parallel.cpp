// The only place that knows OpenMP. No global setter of OpenMP is ever called: it would leak into other libraries of
// the process. Every region names its number of threads.

#include "nnfast/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

#include "nnfast/memory.hpp"
#include "nnfast/runtime.hpp"
#include "patience.hpp"
#include "subnormals.hpp"

namespace nnfast {
namespace {

// Opening a region costs 2-5 us on a warm pool, and a thread that gets less than this gains nothing from it: predict of
// 32 rows of 32-128-128-10 takes one thread 14 us, two 10.
std::atomic<double> per_thread{6'000};
std::atomic<int> chosen_threads{0};  // 0: nobody has chosen
std::atomic<int> active_calls{0};    // regions open now, from any thread

/// CPUs that the container may use: cgroup v2's cpu.max or v1's quota, as "quota period" in microseconds; 0 if no
/// limit.
double container_quota() {
  double quota = 0;
  double period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    const int fields = std::fscanf(file, "%lf %lf", &quota, &period);
    std::fclose(file);
    return fields == 2 && period > 0 ? quota / period : 0;
  }
  const auto read = [](const char* path) {
    double value = 0;
    if (std::FILE* file = std::fopen(path, "r")) {
      if (std::fscanf(file, "%lf", &value) != 1) value = 0;
      std::fclose(file);
    }
    return value;
  };
  quota = read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  period = read("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  return quota > 0 && period > 0 ? quota / period : 0;
}

struct Scratch {
  std::unique_ptr<char, decltype(&std::free)> memory{nullptr, &std::free};
  int members = 0;

  /// Grows only; pages that nobody touches cost nothing.
  char* reserve(int threads) {
    if (threads > members) {
      memory.reset(static_cast<char*>(allocate(static_cast<std::size_t>(kScratchBytes * threads))));
      members = memory ? threads : 0;
      if (!memory) throw std::bad_alloc();
    }
    return memory.get();
  }
};

#ifdef _OPENMP
/// What this thread has had of the processors.
std::chrono::nanoseconds processor_time() {
#ifdef __linux__
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
#else
  return std::chrono::steady_clock::now().time_since_epoch();
#endif
}

Patience patience;
// Of the region that this thread has opened.
thread_local Patience::Clock::duration waited_at_barriers{};

void forget_pool_before_fork() {
  // libgomp's pool does not survive fork(): the child would wait for threads that it does not have (GCC PR 60035).
  omp_pause_resource_all(omp_pause_soft);
}
// The child has one thread, which is not in a call.
void forget_calls_of_the_parent() { active_calls.store(0, std::memory_order_relaxed); }
[[maybe_unused]] const int fork_handler =
    pthread_atfork(&forget_pool_before_fork, nullptr, &forget_calls_of_the_parent);
#endif

}  // namespace

int default_num_threads() {
  int n = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) n = CPU_COUNT(&set);
#endif
  const double quota = container_quota();
  if (quota > 0) n = std::min(n, static_cast<int>(std::ceil(quota)));
  return std::max(n, 1);
}

int num_threads() {
  const int chosen = chosen_threads.load(std::memory_order_relaxed);
  if (chosen > 0) return chosen;
  static const int n = default_num_threads();
  return n;
}

void set_num_threads(int n) {
  if (n < 1) throw std::invalid_argument("set_num_threads: n is " + std::to_string(n) + "; expected at least 1");
  chosen_threads.store(n, std::memory_order_relaxed);
}

int threads_for(double nanoseconds) {
  const double least = nanoseconds_per_thread();
  if (nanoseconds >= least * num_threads()) return num_threads();
  return std::max(1, static_cast<int>(nanoseconds / least));
}

void set_nanoseconds_per_thread(double nanoseconds) { per_thread.store(nanoseconds, std::memory_order_relaxed); }
double nanoseconds_per_thread() { return per_thread.load(std::memory_order_relaxed); }

bool has_openmp() {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

void Team::barrier() {
#ifdef _OPENMP
  if (size_ > 1) {
    const auto before = rank_ == 0 ? Patience::Clock::now() : Patience::Clock::time_point();
#pragma omp barrier
    if (rank_ == 0) waited_at_barriers += Patience::Clock::now() - before;
  }
#endif
}

void detail::run(int threads, void (*body)(void*, Team&), void* context) {
  thread_local Scratch scratch;
#ifdef _OPENMP
  struct Active {
    int others = active_calls.fetch_add(1, std::memory_order_relaxed);
    Active() = default;
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;
    ~Active() { active_calls.fetch_sub(1, std::memory_order_relaxed); }
  } active;
  if (threads > 1) {
    threads = std::min(threads, omp_get_max_threads());
    threads = omp_in_parallel() != 0 ? 1 : std::max(1, threads / (1 + std::max(0, active.others)));
  }
  const auto begin = threads > 1 ? Patience::Clock::now() : Patience::Clock::time_point();
  // Tests that ask for threads at any price get them.
  if (threads > 1 && (patience.allows(begin) || nanoseconds_per_thread() == 0)) {
    char* const memory = scratch.reserve(threads);
    waited_at_barriers = {};
    const auto processor = processor_time();
    auto done = begin;
#pragma omp parallel num_threads(threads)
    {
      // The runtime may give fewer threads than asked for.
      Team team(omp_get_thread_num(), omp_get_num_threads(), memory + kScratchBytes * omp_get_thread_num());
      const Subnormals for_every_member_alike(Subnormals::kept);
      body(context, team);
      if (team.rank() == 0) done = Patience::Clock::now();
    }
    const auto end = Patience::Clock::now();
    const auto waited = end - done + waited_at_barriers;
    const auto away = end - begin - (processor_time() - processor);
    patience.learn(end - begin, std::max<Patience::Clock::duration>(waited, away), end);
    return;
  }
#else
  (void)threads;
#endif
  Team alone(0, 1, scratch.reserve(1));
  const Subnormals as_in_a_team(Subnormals::kept);
  body(context, alone);
}

}  // namespace nnfast
