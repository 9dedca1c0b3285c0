#pragma once
// Numbers below the smallest normal one (1.2e-38 in float). Intel's processors take 45 ns for a multiply-add that meets
// one, in any lane: products of 256 x 256 took 44 ms instead of 0.2 with one such number in sixteen, Adam 160 us
// instead of 11 for 21,000 parameters. They do come up: a confident softmax leaves exp(-90), Adam's m of a unit that
// has died sticks at a few quanta. So products and updates take them for 0, on every processor, to have the same bits.

namespace nnfast {

/// How this thread treats them until the end of the block. What it was before comes back: the caller's state is its
/// own, and may be any (a library built with -ffast-math sets it in the thread that loads it, and in no other).
class Subnormals {
 public:
  enum Mode : unsigned char { as_zero, kept };

  explicit Subnormals(Mode mode) : before_(get()), now_(mode == as_zero ? before_ | kBits : before_ & ~kBits) {
    if (now_ != before_) set(now_);
  }
  ~Subnormals() {
    if (now_ != before_) set(before_);
  }
  Subnormals(const Subnormals&) = delete;
  Subnormals& operator=(const Subnormals&) = delete;

 private:
#if defined(__x86_64__)
  using State = unsigned;
  static constexpr State kBits = 0x8040;  // MXCSR: results (FTZ) and operands (DAZ)
  static State get() { return __builtin_ia32_stmxcsr(); }
  static void set(State state) { __builtin_ia32_ldmxcsr(state); }
#elif defined(__aarch64__)
  using State = unsigned long;
  static constexpr State kBits = 1UL << 24;  // FPCR.FZ
  static State get() {
    State state;
    asm volatile("mrs %0, fpcr" : "=r"(state));
    return state;
  }
  static void set(State state) { asm volatile("msr fpcr, %0" : : "r"(state)); }
#else
  using State = int;
  static constexpr State kBits = 0;
  static State get() { return 0; }
  static void set(State) {}
#endif
  State before_;
  State now_;
};

}  // namespace nnfast
