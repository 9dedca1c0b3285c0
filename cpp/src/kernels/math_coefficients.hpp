#pragma once
// Written by cpp/tools/make_coefficients.py; do not edit. Errors are shares of the function's value.

#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
struct Coefficients;

template <>
struct Coefficients<float> {
  static constexpr float kLog2e = 0x1.715476p+0F;  // 1 / ln(2)
  static constexpr float kLn2High = 0x1.62e4p-1F;  // ln(2), so short that a product with an exponent is exact
  static constexpr float kLn2Low = 0x1.7f7d1cp-20F;  // ln(2) - kLn2High
  static constexpr float kMillsShift = 4;  // of kMills
  static constexpr float kEpsilon = 0x1p-23F;  // ulp(1)
  static constexpr float kLog2Epsilon = -23;  // its exponent
  static constexpr float kInvSqrt2Pi = 0x1.988454p-2F;  // 1 / sqrt(2 pi)
  static constexpr float kSqrt2 = 0x1.6a09e6p+0F;  // sqrt(2)
  static constexpr float kGelu1 = 0x1.988454p+0F;  // 2 sqrt(2/pi)
  static constexpr float kGelu1Low = -0x1.857936p-25F;  // 2 sqrt(2/pi) - kGelu1
  static constexpr float kGelu3 = 0x1.2444f2p-4F;  // 2 sqrt(2/pi) 0.044715
  static constexpr float kGelu3Low = 0x1.49b16ap-29F;  // 2 sqrt(2/pi) 0.044715 - kGelu3
  // expm1(r) = r + r^2 P(r), |r| <= ln(2)/2: error 2^-28.8
  static constexpr float kExp[] = {
      0x1p-1F,
      0x1.555554p-3F,
      0x1.5554b2p-5F,
      0x1.11118ap-7F,
      0x1.6d71f8p-10F,
      0x1.a032f6p-13F,
  };
  // log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2, sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2): error 2^-30.1
  static constexpr float kLog[] = {
      0x1.55557ap-1F,
      0x1.995eb6p-2F,
      0x1.31e34ap-2F,
  };
  // tanh(x) = x + x z P(z), z = x^2, |x| <= 1: error 2^-27.5
  static constexpr float kTanh[] = {
      -0x1.55553cp-2F,
      0x1.110be2p-3F,
      -0x1.b96222p-5F,
      0x1.600994p-6F,
      -0x1.0460c8p-7F,
      0x1.2da504p-9F,
      -0x1.77dd52p-12F,
  };
  // erf(x) = x + x P(z), z = x^2, |x| <= 1.25: error 2^-25.5
  static constexpr float kErf[] = {
      0x1.06eba8p-3F,
      -0x1.81274p-2F,
      0x1.ce2de8p-4F,
      -0x1.b8140ap-6F,
      0x1.5560c8p-8F,
      -0x1.b53bbep-11F,
      0x1.b3f32cp-14F,
      -0x1.fc35e4p-18F,
  };
  // Phi(-a) exp(a^2/2) = P(t) / (a + 4), t = (4-a)/(4+a), a <= 15.0: error 2^-24.9
  static constexpr float kMills[] = {
      0x1.82b4bcp-1F,
      0x1.373e38p-1F,
      0x1.8c6d9ep-2F,
      0x1.7e001ep-3F,
      0x1.eed34cp-5F,
      0x1.ed17d4p-8F,
      -0x1.cc172ep-9F,
      -0x1.9b25fp-10F,
      0x1.6e49eep-13F,
      0x1.196d6p-13F,
  };
};

template <>
struct Coefficients<double> {
  static constexpr double kLog2e = 0x1.71547652b82fep+0;  // 1 / ln(2)
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;  // ln(2), so short that a product with an exponent is exact
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;  // ln(2) - kLn2High
  static constexpr double kMillsShift = 4;  // of kMills
  static constexpr double kEpsilon = 0x1p-52;  // ulp(1)
  static constexpr double kLog2Epsilon = -52;  // its exponent
  static constexpr double kInvSqrt2Pi = 0x1.9884533d43651p-2;  // 1 / sqrt(2 pi)
  static constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;  // sqrt(2)
  static constexpr double kGelu1 = 0x1.9884533d43651p+0;  // 2 sqrt(2/pi)
  static constexpr double kGelu1Low = -0x1.cbc0d30ebfd15p-54;  // 2 sqrt(2/pi) - kGelu1
  static constexpr double kGelu3 = 0x1.2444f2a4d8b4bp-4;  // 2 sqrt(2/pi) 0.044715
  static constexpr double kGelu3Low = -0x1.6c843a29d1c7p-61;  // 2 sqrt(2/pi) 0.044715 - kGelu3
  // expm1(r) = r + r^2 P(r), |r| <= ln(2)/2: error 2^-54.7
  static constexpr double kExp[] = {
      0x1.0000000000005p-1,
      0x1.5555555555539p-3,
      0x1.55555555522b9p-5,
      0x1.1111111118fd9p-7,
      0x1.6c16c17edb789p-10,
      0x1.a01a017505167p-13,
      0x1.a019a76fb2f51p-16,
      0x1.71de8829e4c9fp-19,
      0x1.28a1dfaa02192p-22,
      0x1.ae6b70cf7763p-26,
  };
  // log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2, sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2): error 2^-58.9
  static constexpr double kLog[] = {
      0x1.5555555555592p-1,
      0x1.999999997fd78p-2,
      0x1.24924941f4f6bp-2,
      0x1.c71c520609541p-3,
      0x1.74663fa231e83p-3,
      0x1.39a1a6ef22ca8p-3,
      0x1.2f0635163182p-3,
  };
  // tanh(x) = x + x z P(z), z = x^2, |x| <= 1: error 2^-54.2
  static constexpr double kTanh[] = {
      -0x1.555555555550fp-2,
      0x1.111111110d81ep-3,
      -0x1.ba1ba1b811e63p-5,
      0x1.664f4836cafc6p-6,
      -0x1.226e2ec218e27p-7,
      0x1.d6d3103343455p-9,
      -0x1.7d9bcdead769cp-10,
      0x1.3521477d5c262p-11,
      -0x1.f336d0e166438p-13,
      0x1.8d7c83b78c0adp-14,
      -0x1.2eb75b8a8c3abp-15,
      0x1.9e1affea759a1p-17,
      -0x1.cafae823acaa8p-19,
      0x1.5f60c15bc365ap-21,
      -0x1.0d437b2cff516p-24,
  };
  // erf(x) = x + x P(z), z = x^2, |x| <= 1.25: error 2^-54.2
  static constexpr double kErf[] = {
      0x1.06eba8214db69p-3,
      -0x1.812746b0379e2p-2,
      0x1.ce2f21a0428f6p-4,
      -0x1.b82ce3127cef6p-6,
      0x1.565bcd0cdcd97p-8,
      -0x1.c02db3c13c756p-11,
      0x1.f9a3207b43b9fp-14,
      -0x1.f4d1e789bd521p-17,
      0x1.b9e10df765378p-20,
      -0x1.5f41158d433cdp-23,
      0x1.fa40e35879642p-27,
      -0x1.46c716b4bc3fcp-30,
      0x1.5d10416916666p-34,
      -0x1.cb10ee592a988p-39,
  };
  // Phi(-a) exp(a^2/2) = P(t) / (a + 4), t = (4-a)/(4+a), a <= 40.0: error 2^-54.2
  static constexpr double kMills[] = {
      0x1.82b4bb8c94dcep-1,
      0x1.373e3a893c28ap-1,
      0x1.8c6dbf2cfc2b5p-2,
      0x1.7dff2bff6839fp-3,
      0x1.eec4cc3e4d097p-5,
      0x1.ee2761047d8bdp-8,
      -0x1.c81719d51f13cp-9,
      -0x1.ab825fc095291p-10,
      0x1.17a4ae135d649p-13,
      0x1.e4a42554dba46p-13,
      -0x1.001e220732bb1p-19,
      -0x1.26d097b03d828p-15,
      0x1.80aed71bbd453p-21,
      0x1.8d4afc4571975p-18,
      -0x1.51dcf9783ad28p-21,
      -0x1.12362479cf2f5p-20,
      0x1.232240c7f6171p-22,
      0x1.4ceee57c81b28p-23,
      -0x1.6bae90a0bbe8cp-24,
      -0x1.cf1b1d8708d03p-27,
      0x1.493291da24763p-26,
      -0x1.dc20cccdef138p-30,
      -0x1.4992a5adeca51p-29,
      0x1.6bbe85268941ep-31,
  };
};

}  // namespace nnfast::NNFAST_ISA
