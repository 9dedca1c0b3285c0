#pragma once
// The vocabulary that kernels are written in: one native register of float or double, as a GCC/Clang vector type, so
// that
// + - * / and comparisons are the language's own. Only this file names instructions. Compiled once per instruction set;
// nothing from the standard library but <cstddef>, <cstdint> may enter here: an inline function shared with other
// objects is a weak symbol, and the linker may keep the AVX-512 copy for everybody.
//
// Contraction is off (-ffp-contract=off), so rounding is what is written: fma() is one rounding where the machine has
// it (kHasFma), and a * b + c with two where it has not.

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "nnfast/matrix.hpp"

#ifndef NNFAST_ISA
#error "NNFAST_ISA names the namespace of this instruction set; see CMakeLists.txt"
#endif

#define NNFAST_INLINE inline __attribute__((always_inline))
/// After a lambda's parameters: a register handed through a real call would go through memory.
#define NNFAST_LAMBDA __attribute__((always_inline))

namespace nnfast::NNFAST_ISA {

#if defined(__AVX512F__)
inline constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVecBytes = 32;
#else
inline constexpr int kVecBytes = 16;
#endif

using f32v = float __attribute__((vector_size(kVecBytes)));
using f64v = double __attribute__((vector_size(kVecBytes)));
using i32v = std::int32_t __attribute__((vector_size(kVecBytes)));
using i64v = std::int64_t __attribute__((vector_size(kVecBytes)));
using u32v = std::uint32_t __attribute__((vector_size(kVecBytes)));
using u64v = std::uint64_t __attribute__((vector_size(kVecBytes)));

template <class T>
struct VecTraits;
template <>
struct VecTraits<float> {
  using vec = f32v;
  using ivec = i32v;
  using uvec = u32v;
  using iscalar = std::int32_t;
  using uscalar = std::uint32_t;
};
template <>
struct VecTraits<double> {
  using vec = f64v;
  using ivec = i64v;
  using uvec = u64v;
  using iscalar = std::int64_t;
  using uscalar = std::uint64_t;
};
/// One register of T.
template <class T>
using vec = typename VecTraits<T>::vec;
/// Lane masks are what comparisons give: integers of the lanes' width, 0 or -1.
template <class T>
using mask = typename VecTraits<T>::ivec;

/// Lanes of a register.
template <class T>
inline constexpr index_t kLanes = kVecBytes / static_cast<index_t>(sizeof(T));

#if defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__)
inline constexpr bool kHasFma = true;
#else
inline constexpr bool kHasFma = false;
#endif

/// a b + c, see the head of this file.
NNFAST_INLINE f32v fma(f32v a, f32v b, f32v c) {
#if defined(__AVX512F__)
  return (f32v)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (f32v)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (f32v)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
NNFAST_INLINE f64v fma(f64v a, f64v b, f64v c) {
#if defined(__AVX512F__)
  return (f64v)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (f64v)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (f64v)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}

template <class T>
NNFAST_INLINE vec<T> broadcast(T x) {
  return x - vec<T>{};  // x - 0 is x, also for -0 and NaN; compiles to one broadcast
}
template <class T>
NNFAST_INLINE vec<T> zero() {
  return vec<T>{};
}

/// Unaligned.
template <class T>
NNFAST_INLINE vec<T> load(const T* p) {
  vec<T> v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
template <class T>
NNFAST_INLINE void store(T* p, vec<T> v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// A window into this gives the mask whose first n lanes are on.
alignas(32) static const std::int32_t kFirst32[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
alignas(32) static const std::int64_t kFirst64[8] = {-1, -1, -1, -1, 0, 0, 0, 0};
#endif

/// The first n lanes from p, the others 0; touches no memory beyond them. 0 <= n; n >= kLanes is a full load.
NNFAST_INLINE f32v load_n(const float* p, index_t n) {
  if (n >= kLanes<float>) return load<float>(p);
#if defined(__AVX512F__)
  return (f32v)_mm512_maskz_loadu_ps((__mmask16)((1U << n) - 1U), p);
#elif defined(__AVX2__)
  return (f32v)_mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i*)(kFirst32 + 8 - n)));
#else
  if (n < 0) __builtin_unreachable();
  f32v v = {};
  __builtin_memcpy(&v, p, static_cast<std::size_t>(n) * sizeof(float));
  return v;
#endif
}
NNFAST_INLINE f64v load_n(const double* p, index_t n) {
  if (n >= kLanes<double>) return load<double>(p);
#if defined(__AVX512F__)
  return (f64v)_mm512_maskz_loadu_pd((__mmask8)((1U << n) - 1U), p);
#elif defined(__AVX2__)
  return (f64v)_mm256_maskload_pd(p, _mm256_loadu_si256((const __m256i*)(kFirst64 + 4 - n)));
#else
  if (n < 0) __builtin_unreachable();
  f64v v = {};
  __builtin_memcpy(&v, p, static_cast<std::size_t>(n) * sizeof(double));
  return v;
#endif
}
/// Stores the first n lanes; touches no memory beyond them.
NNFAST_INLINE void store_n(float* p, f32v v, index_t n) {
  if (n >= kLanes<float>) return store<float>(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1U << n) - 1U), (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, _mm256_loadu_si256((const __m256i*)(kFirst32 + 8 - n)), (__m256)v);
#else
  if (n < 0) __builtin_unreachable();
  __builtin_memcpy(p, &v, static_cast<std::size_t>(n) * sizeof(float));
#endif
}
NNFAST_INLINE void store_n(double* p, f64v v, index_t n) {
  if (n >= kLanes<double>) return store<double>(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_pd(p, (__mmask8)((1U << n) - 1U), (__m512d)v);
#elif defined(__AVX2__)
  _mm256_maskstore_pd(p, _mm256_loadu_si256((const __m256i*)(kFirst64 + 4 - n)), (__m256d)v);
#else
  if (n < 0) __builtin_unreachable();
  __builtin_memcpy(p, &v, static_cast<std::size_t>(n) * sizeof(double));
#endif
}

#if defined(__AVX512F__)
// Half a register takes half the time where 512 bits are worked on in two pieces (Zen 4).
using f32h = float __attribute__((vector_size(kVecBytes / 2)));
using f64h = double __attribute__((vector_size(kVecBytes / 2)));
NNFAST_INLINE f32h broadcast_lower(float x) { return (f32h)_mm256_set1_ps(x); }
NNFAST_INLINE f64h broadcast_lower(double x) { return (f64h)_mm256_set1_pd(x); }
NNFAST_INLINE f32h fma(f32h a, f32h b, f32h c) { return (f32h)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
NNFAST_INLINE f64h fma(f64h a, f64h b, f64h c) { return (f64h)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
/// The first n <= kLanes / 2 lanes, as load_n and store_n.
NNFAST_INLINE f32h load_lower(const float* p, index_t n) {
  return (f32h)_mm256_maskz_loadu_ps((__mmask8)((1U << n) - 1U), p);
}
NNFAST_INLINE f64h load_lower(const double* p, index_t n) {
  return (f64h)_mm256_maskz_loadu_pd((__mmask8)((1U << n) - 1U), p);
}
NNFAST_INLINE void store_lower(float* p, f32h v, index_t n) {
  _mm256_mask_storeu_ps(p, (__mmask8)((1U << n) - 1U), (__m256)v);
}
NNFAST_INLINE void store_lower(double* p, f64h v, index_t n) {
  _mm256_mask_storeu_pd(p, (__mmask8)((1U << n) - 1U), (__m256d)v);
}
#endif

/// Whatever is at p will be read soon; p may be any address.
NNFAST_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }
/// Into L2 only.
NNFAST_INLINE void prefetch_far(const void* p) { __builtin_prefetch(p, 0, 2); }

/// Past the caches, to an address that is a multiple of kVecBytes; end_stream() before others may read it.
template <class T>
NNFAST_INLINE void store_stream(T* p, vec<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512((__m512i*)p, (__m512i)v);
#elif defined(__AVX2__)
  _mm256_stream_si256((__m256i*)p, (__m256i)v);
#else
  store<T>(p, v);
#endif
}
NNFAST_INLINE void end_stream() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

// From so many bytes of output on nothing of it would be left in the caches: then stores that do not read the line
// first take a third of the traffic away.
inline constexpr index_t kStreamBytes = index_t{8} << 20;

/// y[i] = f(i, left): registers of elements from i on, of which `left` count. `in_place`: f reads y. Two registers side
/// by side, which the compiler is told to interleave (CMakeLists.txt): schedulers hold little more than one
/// exponential.
template <class T, class F>
NNFAST_INLINE void write_all(T* y, index_t n, bool in_place, F f) {
  constexpr index_t kUnroll = 2;
  constexpr index_t step = kUnroll * kLanes<T>;
  const auto behind = static_cast<index_t>(reinterpret_cast<std::uintptr_t>(y) % kVecBytes);
  const index_t bytes = static_cast<index_t>(sizeof(T));
  const bool stream = !in_place && n * bytes >= kStreamBytes && behind % bytes == 0;
  index_t i = 0;
  if (stream && behind > 0) {  // up to where stores are aligned
    i = (kVecBytes - behind) / bytes;
    store_n(y, f(0, i), i);
  }
  for (; i + step <= n; i += step) {
    vec<T> v[std::size_t{kUnroll}];
#pragma GCC unroll 8
    for (index_t u = 0; u < kUnroll; ++u) v[u] = f(i + u * kLanes<T>, kLanes<T>);
    if (stream) {
#pragma GCC unroll 8
      for (index_t u = 0; u < kUnroll; ++u) store_stream<T>(y + i + u * kLanes<T>, v[u]);
    } else {
#pragma GCC unroll 8
      for (index_t u = 0; u < kUnroll; ++u) store<T>(y + i + u * kLanes<T>, v[u]);
    }
  }
  for (; i < n; i += kLanes<T>) store_n(y + i, f(i, n - i), n - i);
  if (stream) end_stream();
}

/// n, of which the compiler then knows nothing: it would keep the address of each of 16 rows on the stack from one turn
/// of a loop to the next rather than add a stride.
NNFAST_INLINE index_t opaque(index_t n) {
  asm("" : "+r"(n));
  return n;
}

/// v, in a register: gcc folds a load into each of several users of it and so reads memory as often.
template <class V>
NNFAST_INLINE V in_register(V v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

/// Lanes of a quarter of a register, where one can be loaded by itself; else 0.
template <class T>
inline constexpr index_t kQuarter = kVecBytes == 64 ? kLanes<T> / 4 : 0;
#if defined(__AVX512F__)
/// Quarter q is loaded from p + q * stride. By halves: Zen 4 makes two inserts from memory in a cycle into half a
/// register, one into a whole.
NNFAST_INLINE f32v load_quarters(const float* p, index_t stride) {
  const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1);
  const float* const q = p + 2 * stride;
  const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(q)), _mm_loadu_ps(q + stride), 1);
  return (f32v)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}
NNFAST_INLINE f64v load_quarters(const double* p, index_t stride) {
  const __m256d low = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(p + stride), 1);
  const double* const q = p + 2 * stride;
  const __m256d high = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(q)), _mm_loadu_pd(q + stride), 1);
  return (f64v)_mm512_insertf64x4(_mm512_castpd256_pd512(low), high, 1);
}
#else
f32v load_quarters(const float* p, index_t stride);
f64v load_quarters(const double* p, index_t stride);
#endif

/// m ? a : b, lane by lane.
NNFAST_INLINE f32v select(i32v m, f32v a, f32v b) { return m ? a : b; }
NNFAST_INLINE f64v select(i64v m, f64v a, f64v b) { return m ? a : b; }

/// a if a > b or a is NaN, else b: a NaN in either comes out (maxps alone would lose a NaN a).
template <class V>
NNFAST_INLINE V max(V a, V b) {
  return select((a > b) | (a != a), a, b);
}
template <class V>
NNFAST_INLINE V min(V a, V b) {
  return select((a < b) | (a != a), a, b);
}

/// Whether a lane of the mask is on.
NNFAST_INLINE bool any(i32v m) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)m) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)m) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_ps((__m128)m) != 0;
#else
  std::int32_t some = 0;
  for (int i = 0; i < kLanes<float>; ++i) some |= m[i];
  return some != 0;
#endif
}
NNFAST_INLINE bool any(i64v m) {
#if defined(__AVX512F__)
  return _mm512_movepi64_mask((__m512i)m) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_pd((__m256d)m) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_pd((__m128d)m) != 0;
#else
  std::int64_t some = 0;
  for (int i = 0; i < kLanes<double>; ++i) some |= m[i];
  return some != 0;
#endif
}

/// The first half of the lanes, and the second, as doubles; and back, rounded.
NNFAST_INLINE f64v widen_low(f32v x) {
#if defined(__AVX512F__)
  return (f64v)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x));
#elif defined(__AVX2__)
  return (f64v)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x));
#elif defined(__x86_64__)
  return (f64v)_mm_cvtps_pd((__m128)x);
#else
  f64v y = {};
  for (int i = 0; i < kLanes<double>; ++i) y[i] = static_cast<double>(x[i]);
  return y;
#endif
}
NNFAST_INLINE f64v widen_high(f32v x) {
#if defined(__AVX512F__)
  return (f64v)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1));
#elif defined(__AVX2__)
  return (f64v)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1));
#elif defined(__x86_64__)
  return (f64v)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x));
#else
  f64v y = {};
  for (int i = 0; i < kLanes<double>; ++i) y[i] = static_cast<double>(x[i + static_cast<int>(kLanes<double>)]);
  return y;
#endif
}
/// kLanes<T> elements from p, or the first n and zeros, as T: floats become doubles on the way.
template <class T>
NNFAST_INLINE vec<T> load_as(const T* p) {
  return load<T>(p);
}
template <class T>
NNFAST_INLINE vec<T> load_as_n(const T* p, index_t n) {
  return load_n(p, n);
}
#if defined(__AVX512F__)
template <class T>
NNFAST_INLINE f64v load_as(const float* p)
  requires(sizeof(T) == 8)
{
  return (f64v)_mm512_cvtps_pd(_mm256_loadu_ps(p));
}
#else
template <class T>
NNFAST_INLINE f64v load_as(const float* p)
  requires(sizeof(T) == 8)
{
  f32v v = {};
  __builtin_memcpy(&v, p, kVecBytes / 2);
  return widen_low(v);
}
#endif
template <class T>
NNFAST_INLINE f64v load_as_n(const float* p, index_t n)
  requires(sizeof(T) == 8)
{
  return n >= kLanes<double> ? load_as<double>(p) : widen_low(load_n(p, n));
}

NNFAST_INLINE f32v narrow(f64v low, f64v high) {
#if defined(__AVX512F__)
  const __m512 half = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low));
  return (f32v)_mm512_insertf32x8(half, _mm512_cvtpd_ps((__m512d)high), 1);
#elif defined(__AVX2__)
  return (f32v)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)high), _mm256_cvtpd_ps((__m256d)low));
#elif defined(__x86_64__)
  return (f32v)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
#else
  f32v y = {};
  for (int i = 0; i < kLanes<double>; ++i) {
    y[i] = static_cast<float>(low[i]);
    y[i + static_cast<int>(kLanes<double>)] = static_cast<float>(high[i]);
  }
  return y;
#endif
}

/// The lanes' bits, and back.
NNFAST_INLINE u32v to_bits(f32v x) { return (u32v)x; }
NNFAST_INLINE u64v to_bits(f64v x) { return (u64v)x; }
NNFAST_INLINE f32v from_bits(u32v b) { return (f32v)b; }
NNFAST_INLINE f64v from_bits(u64v b) { return (f64v)b; }

/// Where the fields of T are.
template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  static constexpr std::uint32_t kSign = 0x80000000U;
  static constexpr std::uint32_t kOne = 0x3f800000U;
  static constexpr std::uint32_t kRoundBits = 0x4b400000U;
  static constexpr float kRound = 0x1.8p23F;  // |x| < 2^22: x + kRound has round(x) in its lowest bits
  static constexpr float kMinNormal = 0x1p-126F;
  static constexpr float kInfinity = __builtin_huge_valf();
};
template <>
struct Format<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr std::uint64_t kSign = 0x8000000000000000U;
  static constexpr std::uint64_t kOne = 0x3ff0000000000000U;
  static constexpr std::uint64_t kRoundBits = 0x4338000000000000U;
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kInfinity = __builtin_huge_val();
};

NNFAST_INLINE f32v abs(f32v x) { return from_bits(to_bits(x) & ~Format<float>::kSign); }
NNFAST_INLINE f64v abs(f64v x) { return from_bits(to_bits(x) & ~Format<double>::kSign); }
/// x with the sign of `sign`; x itself must not be negative.
NNFAST_INLINE f32v with_sign(f32v x, f32v sign) {
  return from_bits(to_bits(x) | (to_bits(sign) & Format<float>::kSign));
}
NNFAST_INLINE f64v with_sign(f64v x, f64v sign) {
  return from_bits(to_bits(x) | (to_bits(sign) & Format<double>::kSign));
}

/// x held below (above) a limit; NaN stays NaN, a limit of NaN is none. One instruction: minps(c, x) gives x unless
/// c < x.
NNFAST_INLINE f32v at_most(f32v x, f32v limit) {
#if defined(__AVX512F__)
  return (f32v)_mm512_min_ps((__m512)limit, (__m512)x);
#elif defined(__AVX2__)
  return (f32v)_mm256_min_ps((__m256)limit, (__m256)x);
#elif defined(__x86_64__)
  return (f32v)_mm_min_ps((__m128)limit, (__m128)x);
#else
  return limit < x ? limit : x;
#endif
}
NNFAST_INLINE f32v at_most(f32v x, float limit) { return at_most(x, broadcast(limit)); }
NNFAST_INLINE f64v at_most(f64v x, f64v limit) {
#if defined(__AVX512F__)
  return (f64v)_mm512_min_pd((__m512d)limit, (__m512d)x);
#elif defined(__AVX2__)
  return (f64v)_mm256_min_pd((__m256d)limit, (__m256d)x);
#elif defined(__x86_64__)
  return (f64v)_mm_min_pd((__m128d)limit, (__m128d)x);
#else
  return limit < x ? limit : x;
#endif
}
NNFAST_INLINE f64v at_most(f64v x, double limit) { return at_most(x, broadcast(limit)); }
NNFAST_INLINE f32v at_least(f32v x, f32v limit) {
#if defined(__AVX512F__)
  return (f32v)_mm512_max_ps((__m512)limit, (__m512)x);
#elif defined(__AVX2__)
  return (f32v)_mm256_max_ps((__m256)limit, (__m256)x);
#elif defined(__x86_64__)
  return (f32v)_mm_max_ps((__m128)limit, (__m128)x);
#else
  return limit > x ? limit : x;
#endif
}
NNFAST_INLINE f32v at_least(f32v x, float limit) { return at_least(x, broadcast(limit)); }
NNFAST_INLINE f64v at_least(f64v x, f64v limit) {
#if defined(__AVX512F__)
  return (f64v)_mm512_max_pd((__m512d)limit, (__m512d)x);
#elif defined(__AVX2__)
  return (f64v)_mm256_max_pd((__m256d)limit, (__m256d)x);
#elif defined(__x86_64__)
  return (f64v)_mm_max_pd((__m128d)limit, (__m128d)x);
#else
  return limit > x ? limit : x;
#endif
}
NNFAST_INLINE f64v at_least(f64v x, double limit) { return at_least(x, broadcast(limit)); }

/// x 2^k for whole k with |k| <= 2 kBias, rounded once: two factors, of which the first is exact for 2^-64 <= |x| <= 2.
template <class T>
NNFAST_INLINE vec<T> scale(vec<T> x, vec<T> k) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (f32v)_mm512_scalef_ps((__m512)x, (__m512)k);
  } else {
    return (f64v)_mm512_scalef_pd((__m512d)x, (__m512d)k);
  }
#else
  using F = Format<T>;
  constexpr typename VecTraits<T>::uscalar kShift = F::kRoundBits - 2 * F::kBias;
  const auto e = to_bits(k + F::kRound) - kShift;
  const auto e1 = e >> 1, e2 = e - e1;
  return x * from_bits(e1 << F::kMantissaBits) * from_bits(e2 << F::kMantissaBits);
#endif
}
/// 2^k for whole k within the normal numbers.
template <class T>
NNFAST_INLINE vec<T> pow2(vec<T> k) {
#if defined(__AVX512F__)
  return scale<T>(broadcast(T{1}), k);
#else
  return from_bits((to_bits(k + Format<T>::kRound) << Format<T>::kMantissaBits) + Format<T>::kOne);
#endif
}

/// 2^k for whole k <= 0 that is added to 1: where that is far below the square of 1's last bit, any such number.
template <class T>
NNFAST_INLINE vec<T> pow2_beside_one(vec<T> k) {
#if defined(__AVX512F__)
  return pow2<T>(k);
#else
  return pow2<T>(at_least(k, T{sizeof(T) == 4 ? -100 : -400}));
#endif
}

NNFAST_INLINE f32v sqrt(f32v x) {
#if defined(__AVX512F__)
  return (f32v)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (f32v)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
  return (f32v)_mm_sqrt_ps((__m128)x);
#elif defined(__aarch64__)
  return (f32v)vsqrtq_f32((float32x4_t)x);
#else
  for (int i = 0; i < kLanes<float>; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}
NNFAST_INLINE f64v sqrt(f64v x) {
#if defined(__AVX512F__)
  return (f64v)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
  return (f64v)_mm256_sqrt_pd((__m256d)x);
#elif defined(__x86_64__)
  return (f64v)_mm_sqrt_pd((__m128d)x);
#elif defined(__aarch64__)
  return (f64v)vsqrtq_f64((float64x2_t)x);
#else
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

/// The 64-bit products of the low halves of the lanes; the high halves are not read.
NNFAST_INLINE u64v multiply_low32(u64v a, u64v b) {
#if defined(__AVX512F__)
  return (u64v)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (u64v)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (u64v)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFU) * (b & 0xFFFFFFFFU);
#endif
}

}  // namespace nnfast::NNFAST_ISA
