#pragma once
// Written by cpp/tools/make_coefficients.py; do not edit. Errors are shares of the function's value.

#include "kernels/vec.hpp"

namespace nnfast::NNFAST_ISA {

template <class T>
struct Coefficients;

template <>
struct Coefficients<float> {
  static constexpr float kLog2e = 0x1.715476p+0F;  // 1 / ln(2)
  static constexpr float kHalfLn2 = 0x1.62e43p-2F;  // ln(2) / 2
  static constexpr float kLn2High = 0x1.62e4p-1F;  // ln(2), so short that a product with an exponent is exact
  static constexpr float kLn2Low = 0x1.7f7d1cp-20F;  // ln(2) - kLn2High
  static constexpr float kMillsShift = 4.0F;  // of kMills
  static constexpr float kMillsCenter = 0.625F;  // of kMills
  static constexpr float kEpsilon = 0x1p-23F;  // ulp(1)
  static constexpr float kLog2Epsilon = -23.0F;  // its exponent
  static constexpr float kSqrt2 = 0x1.6a09e6p+0F;  // sqrt(2)
  static constexpr float kInvSqrt2Pi = 0x1.988454p-2F;  // 1 / sqrt(2 pi)
  static constexpr float kGelu1 = 0x1.988454p+0F;  // 2 sqrt(2/pi)
  static constexpr float kGelu1Low = -0x1.857936p-25F;  // 2 sqrt(2/pi) - kGelu1
  static constexpr float kGelu3 = 0x1.2444f2p-4F;  // 2 sqrt(2/pi) 0.044715
  static constexpr float kGelu3Low = 0x1.49b16ap-29F;  // 2 sqrt(2/pi) 0.044715 - kGelu3
  // exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, as a share of exp(r): error 2^-28.2
  static constexpr float kExp[] = {
      0x1.fffffcp-2F,
      0x1.55548ep-3F,
      0x1.5558a6p-5F,
      0x1.123bd8p-7F,
      0x1.6a5908p-10F,
  };
  // exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, as a share of expm1(r): error 2^-31.0
  static constexpr float kExpm1[] = {
      0.5F,
      0x1.555554p-3F,
      0x1.5554fp-5F,
      0x1.111308p-7F,
      0x1.6d4372p-10F,
      0x1.9e079cp-13F,
  };
  // log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2, sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2): error 2^-30.2
  static constexpr float kLog[] = {
      0x1.55557ap-1F,
      0x1.995ed6p-2F,
      0x1.31e096p-2F,
  };
  // tanh(x) = x + x z P(z), z = x^2, |x| <= 1: error 2^-27.6
  static constexpr float kTanh[] = {
      -0x1.55553cp-2F,
      0x1.110bd8p-3F,
      -0x1.b96068p-5F,
      0x1.5ffcb8p-6F,
      -0x1.043506p-7F,
      0x1.2d18e8p-9F,
      -0x1.7686d6p-12F,
  };
  // expm1(2 r) / 2 = r + r^2 P(r), |r| <= ln(2)/4, as a share of exp(2 r): error 2^-28.2
  static constexpr float kTanhExp[] = {
      0x1.fffffcp-1F,
      0x1.55548ep-1F,
      0x1.5558a6p-2F,
      0x1.123bd8p-3F,
      0x1.6a5908p-5F,
  };
  // erf(x) = x + x P(z), z = x^2, |x| <= 0.875: error 2^-30.1
  static constexpr float kErf[] = {
      0x1.06eba8p-3F,
      -0x1.812742p-2F,
      0x1.ce2ep-4F,
      -0x1.b80fd8p-6F,
      0x1.54e274p-8F,
      -0x1.ab8e6p-11F,
      0x1.624852p-14F,
  };
  // erf(x) = 1 - exp(P(x - 1)), 0.875 <= x <= 4: error 2^-26.7
  static constexpr float kErfTail[] = {
      -0x1.d97fcp+0F,
      -0x1.51c9b2p+1F,
      -0x1.afab54p-1F,
      -0x1.546f3ep-5F,
      0x1.470e5cp-7F,
      -0x1.ef1024p-10F,
      0x1.a56c3ap-13F,
  };
  // Phi(-a) exp(a^2/2) = P(t) / (a + 4), t = 2 a / (a + 4) - 0.625, a <= 15.0: error 2^-27.1
  static constexpr float kMills[] = {
      0x1.0c7bb6p+0F,
      -0x1.fb00a8p-1F,
      0x1.4d210cp-1F,
      -0x1.21d21p-2F,
      0x1.087ebep-4F,
      0x1.119c76p-8F,
      -0x1.9eda2ap-8F,
      0x1.38f6d6p-12F,
      0x1.4b7aep-11F,
      -0x1.dc013cp-15F,
      -0x1.6b5214p-15F,
  };
};

template <>
struct Coefficients<double> {
  static constexpr double kLog2e = 0x1.71547652b82fep+0;  // 1 / ln(2)
  static constexpr double kHalfLn2 = 0x1.62e42fefa39efp-2;  // ln(2) / 2
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
  // exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, as a share of exp(r): error 2^-57.9
  static constexpr double kExp[] = {
      0x1.000000000000ap-1,
      0x1.5555555555508p-3,
      0x1.55555555506cep-5,
      0x1.11111111248cfp-7,
      0x1.6c16c18472386p-10,
      0x1.a01a013a48651p-13,
      0x1.a019996bcdc84p-16,
      0x1.71df03e581e2ep-19,
      0x1.28adf2048c02dp-22,
      0x1.adb1bd0869688p-26,
  };
  // exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, as a share of expm1(r): error 2^-55.5
  static constexpr double kExpm1[] = {
      0x1.0000000000005p-1,
      0x1.555555555553dp-3,
      0x1.5555555552114p-5,
      0x1.1111111118204p-7,
      0x1.6c16c17f2d0eep-10,
      0x1.a01a017989b1p-13,
      0x1.a019a6a63e391p-16,
      0x1.71de7e60c122cp-19,
      0x1.28a28c0c60f72p-22,
      0x1.ae7a87d7c7dd8p-26,
  };
  // log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2, sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2): error 2^-59.5
  static constexpr double kLog[] = {
      0x1.5555555555592p-1,
      0x1.999999997ff49p-2,
      0x1.24924941ddbacp-2,
      0x1.c71c521771037p-3,
      0x1.74663c4de5157p-3,
      0x1.39a1f7992474dp-3,
      0x1.2f033638aa4fdp-3,
  };
  // tanh(x) = x + x z P(z), z = x^2, |x| <= 1: error 2^-56.1
  static constexpr double kTanh[] = {
      -0x1.555555555550fp-2,
      0x1.111111110d70bp-3,
      -0x1.ba1ba1b805e39p-5,
      0x1.664f483505c0bp-6,
      -0x1.226e2e9d1421fp-7,
      0x1.d6d30c69c7222p-9,
      -0x1.7d9bacb5a6ce9p-10,
      0x1.35207ccbdbc0cp-11,
      -0x1.f32ff25ae2f3p-13,
      0x1.8d6731812ed5cp-14,
      -0x1.2e88546618102p-15,
      0x1.9d8b09d7ed2cap-17,
      -0x1.c9d830da1e066p-19,
      0x1.5e047ee0dfd74p-21,
      -0x1.0bcc9b5d41909p-24,
  };
  // expm1(2 r) / 2 = r + r^2 P(r), |r| <= ln(2)/4, as a share of exp(2 r): error 2^-57.9
  static constexpr double kTanhExp[] = {
      0x1.000000000000ap+0,
      0x1.5555555555508p-1,
      0x1.55555555506cep-2,
      0x1.11111111248cfp-3,
      0x1.6c16c18472386p-5,
      0x1.a01a013a48651p-7,
      0x1.a019996bcdc84p-9,
      0x1.71df03e581e2ep-11,
      0x1.28adf2048c02dp-13,
      0x1.adb1bd0869688p-16,
  };
  // erf(x) = x + x P(z), z = x^2, |x| <= 0.875: error 2^-56.3
  static constexpr double kErf[] = {
      0x1.06eba8214db69p-3,
      -0x1.812746b0379fep-2,
      0x1.ce2f21a0436e4p-4,
      -0x1.b82ce312ae131p-6,
      0x1.565bcd1292b7cp-8,
      -0x1.c02db4804b51ep-11,
      0x1.f9a32dd276da5p-14,
      -0x1.f4d22d0bbb84ep-17,
      0x1.b9d8f64abbb7cp-20,
      -0x1.5e7da95b3d53bp-23,
      0x1.eae9a2614184p-27,
      -0x1.f0da735ec42d1p-31,
  };
  // erf(x) = 1 - exp(P(x - 1)), 0.875 <= x <= 6: error 2^-57.7
  static constexpr double kErfTail[] = {
      -0x1.d97fbf27aa2a1p+0,
      -0x1.51c9b0006c23ep+1,
      -0x1.afabc11a28fa4p-1,
      -0x1.5477f09ca52b7p-5,
      0x1.48c9d40caf132p-7,
      -0x1.033f69b0ea2e6p-9,
      0x1.f1b4bc3ff4036p-13,
      0x1.b8bff54fbc6b5p-16,
      -0x1.c7632bb1ec40ep-16,
      0x1.41914757803cbp-17,
      -0x1.1077302ba4accp-19,
      0x1.f752b5047a9c2p-24,
      0x1.e983784dc9b9ep-24,
      -0x1.00babfe2a1989p-24,
      0x1.2d9295e1ffa64p-26,
      -0x1.e0e9dad479b87p-29,
      0x1.0250de1e85386p-31,
      -0x1.52ceec04efcd3p-35,
      0x1.99f9002058192p-40,
  };
  // exp(r) = P(r), |r| <= ln(2)/2: error 2^-29.0
  static constexpr double kWideExp[] = {
      0x1.0000000261698p+0,
      0x1.0000009c1d5c3p+0,
      0x1.fffffaaeb6b6dp-2,
      0x1.55540a58e4d42p-3,
      0x1.55589a86e88bbp-5,
      0x1.126d1ee5fc31cp-7,
      0x1.6ab976f480e38p-10,
  };
  // log(1 + x) = x P(x), 0 <= x <= 1: error 2^-30.3
  static constexpr double kWideLog1p[] = {
      0x1.fffffff99b62ep-1,
      -0x1.fffff388ee676p-2,
      0x1.55534dfa7def8p-2,
      -0x1.ffbd407bb306ep-3,
      0x1.975cbd61bf9dbp-3,
      -0x1.49d7fc176e3bdp-3,
      0x1.fca7c4803fc2dp-4,
      -0x1.51ad1db784d0dp-4,
      0x1.53c7f13ca0f4bp-5,
      -0x1.b752701f864eap-7,
      0x1.0a1861a205bcdp-9,
  };
  // Phi(-a) exp(a^2/2) = P(t) / (a + 4), t = 2 a / (a + 4) - 0.75, a <= 40.0: error 2^-56.1
  static constexpr double kMills[] = {
      0x1.de857af53ff0bp-1,
      -0x1.ae40ac4f79fp-1,
      0x1.19ead4b3e4c42p-1,
      -0x1.0057316729676p-2,
      0x1.0d3cd9219a9a2p-4,
      -0x1.aa1132040adebp-12,
      -0x1.7d00cae9905d8p-8,
      0x1.d2bcda59968e8p-11,
      0x1.28697de22f1adp-11,
      -0x1.00683b78b901ep-13,
      -0x1.36263239dc905p-14,
      0x1.88ba95dba1cdcp-17,
      0x1.84d7812510566p-17,
      -0x1.df5719ce829c5p-24,
      -0x1.df3c33ec48fbfp-20,
      -0x1.70de16aa218a5p-22,
      0x1.c4bf8aa285a1fp-23,
      0x1.e78867d0b8432p-24,
      -0x1.f2b8ebf8f66fap-29,
      -0x1.9c09ff9cd2e5cp-26,
      -0x1.d0656c6cdd71dp-28,
      0x1.25f3df6b9e5a7p-28,
      0x1.c6beadfc9ceafp-30,
      -0x1.8d79bd5505b2dp-31,
  };
};

}  // namespace nnfast::NNFAST_ISA
