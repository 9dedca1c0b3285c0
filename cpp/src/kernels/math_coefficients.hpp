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
  static constexpr float kMillsShift = 4.0F;  // of kMills
  static constexpr float kMillsCenter = 0.75F;  // of kMills
  static constexpr float kEpsilon = 0x1p-23F;  // ulp(1)
  static constexpr float kLog2Epsilon = -23.0F;  // its exponent
  static constexpr float kSqrt2 = 0x1.6a09e6p+0F;  // sqrt(2)
  static constexpr float kInvSqrt2Pi = 0x1.988454p-2F;  // 1 / sqrt(2 pi)
  static constexpr float kGelu1 = 0x1.988454p+0F;  // 2 sqrt(2/pi)
  static constexpr float kGelu1Low = -0x1.857936p-25F;  // 2 sqrt(2/pi) - kGelu1
  static constexpr float kGelu3 = 0x1.2444f2p-4F;  // 2 sqrt(2/pi) 0.044715
  static constexpr float kGelu3Low = 0x1.49b16ap-29F;  // 2 sqrt(2/pi) 0.044715 - kGelu3
  // expm1(r) = r + r^2 P(r), |r| <= ln(2)/2: error 2^-28.8
  static constexpr float kExp[] = {
      0.5F,
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
  // erf(x) = x + x P(z), z = x^2, |x| <= 0.875: error 2^-25.3
  static constexpr float kErf[] = {
      0x1.06eba6p-3F,
      -0x1.81270cp-2F,
      0x1.ce211ep-4F,
      -0x1.b6f388p-6F,
      0x1.49c9f2p-8F,
      -0x1.453a7cp-11F,
  };
  // erf(x) = 1 - exp(P(x - 1)), 0.875 <= x <= 4: error 2^-26.2
  static constexpr float kErfTail[] = {
      -0x1.d97fcp+0F,
      -0x1.51c9b2p+1F,
      -0x1.afaba4p-1F,
      -0x1.545fe4p-5F,
      0x1.46d16cp-7F,
      -0x1.ee7c1cp-10F,
      0x1.a58426p-13F,
  };
  // Phi(-a) exp(a^2/2) = P(t) / (a + 4), t = 2 a / (a + 4) - 0.75, a <= 15.0: error 2^-23.9
  static constexpr float kMills[] = {
      0x1.de857ap-1F,
      -0x1.ae40bp-1F,
      0x1.19eae6p-1F,
      -0x1.0056a8p-2F,
      0x1.0d34d6p-4F,
      -0x1.b76226p-12F,
      -0x1.7a5928p-8F,
      0x1.e0d964p-11F,
      0x1.f3c004p-12F,
      -0x1.196d6p-13F,
  };
};

template <>
struct Coefficients<double> {
  static constexpr double kLog2e = 0x1.71547652b82fep+0;  // 1 / ln(2)
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;  // ln(2), so short that a product with an exponent is exact
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;  // ln(2) - kLn2High
  static constexpr double kMillsShift = 4.0;  // of kMills
  static constexpr double kMillsCenter = 0.75;  // of kMills
  static constexpr double kEpsilon = 0x1p-52;  // ulp(1)
  static constexpr double kLog2Epsilon = -52.0;  // its exponent
  static constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;  // sqrt(2)
  static constexpr double kInvSqrt2Pi = 0x1.9884533d43651p-2;  // 1 / sqrt(2 pi)
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
  // erf(x) = x + x P(z), z = x^2, |x| <= 0.875: error 2^-54.9
  static constexpr double kErf[] = {
      0x1.06eba8214db69p-3,
      -0x1.812746b0379e4p-2,
      0x1.ce2f21a042991p-4,
      -0x1.b82ce3127ab9fp-6,
      0x1.565bcd0bae782p-8,
      -0x1.c02db35e6261ep-11,
      0x1.f9a30f2e6e66cp-14,
      -0x1.f4d00cf785f9cp-17,
      0x1.b9c05555f8ca1p-20,
      -0x1.5dca4f94cdd52p-23,
      0x1.e517afca2e63ap-27,
      -0x1.dbd1acbc6627bp-31,
  };
  // erf(x) = 1 - exp(P(x - 1)), 0.875 <= x <= 6: error 2^-57.0
  static constexpr double kErfTail[] = {
      -0x1.d97fbf27aa2a1p+0,
      -0x1.51c9b0006c23ep+1,
      -0x1.afabc11a28fb1p-1,
      -0x1.5477f09ca5b75p-5,
      0x1.48c9d40cc6455p-7,
      -0x1.033f69b0f4d94p-9,
      0x1.f1b4bb8c68a39p-13,
      0x1.b8c0149afd9eep-16,
      -0x1.c76386428d5p-16,
      0x1.419297f7e3c9ep-17,
      -0x1.107df9a490dfep-19,
      0x1.f81cb4be8a67p-24,
      0x1.e8f9ae5bac213p-24,
      -0x1.00759952f0075p-24,
      0x1.2d2d83551f9ccp-26,
      -0x1.e018881f2438cp-29,
      0x1.01bf6999f77c9p-31,
      -0x1.51dbd87868d08p-35,
      0x1.988862f378c9bp-40,
  };
  // Phi(-a) exp(a^2/2) = P(t) / (a + 4), t = 2 a / (a + 4) - 0.75, a <= 40.0: error 2^-54.5
  static constexpr double kMills[] = {
      0x1.de857af53ff0bp-1,
      -0x1.ae40ac4f79fp-1,
      0x1.19ead4b3e4c52p-1,
      -0x1.00573167296a9p-2,
      0x1.0d3cd92199785p-4,
      -0x1.aa11320278348p-12,
      -0x1.7d00cae8630eap-8,
      0x1.d2bcda4c7cb4dp-11,
      0x1.28697d8d6d591p-11,
      -0x1.00683979fa108p-13,
      -0x1.3626244eb9833p-14,
      0x1.88b9d6a8898fep-17,
      0x1.84d6284e714d2p-17,
      -0x1.ddef75c693209p-24,
      -0x1.df2a329c39fcap-20,
      -0x1.71b17c61b32bp-22,
      0x1.c4796b6f0b191p-23,
      0x1.ec2d84855285fp-24,
      -0x1.0db73ad320ea4p-28,
      -0x1.a9c024a661adep-26,
      -0x1.ad0bdfd470733p-28,
      0x1.3264e7a39b3eap-28,
      0x1.829e7372f1534p-30,
      -0x1.6bbe85268941ep-31,
  };
};

}  // namespace nnfast::NNFAST_ISA
