// Compiled once per instruction set: puts the groups together in nnfast::<isa>::tables.

#include "kernels/kernel_table.hpp"

namespace nnfast::NNFAST_ISA {

#define NNFAST_GROUP(Type, name)       \
  extern const Type<float> name##_f32; \
  extern const Type<double> name##_f64;
#include "kernels/groups.inc"
#undef NNFAST_GROUP

extern const Tables tables;
const Tables tables = {
#define NNFAST_GROUP(Type, name) name##_f32,
    {
#include "kernels/groups.inc"
    },
#undef NNFAST_GROUP
#define NNFAST_GROUP(Type, name) name##_f64,
    {
#include "kernels/groups.inc"
    },
#undef NNFAST_GROUP
};

}  // namespace nnfast::NNFAST_ISA
