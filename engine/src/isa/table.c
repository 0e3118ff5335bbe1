/* table.c - what one instruction set has to offer. Compiled once per set. */
#include "isa.h"

extern const struct san__isa_table SAN__PASTE(san__isa_table, SAN__ISA);
const struct san__isa_table SAN__PASTE(san__isa_table, SAN__ISA) = {
#define FIELD(result, name, params, args) .name##_fn = name,
#define ACTION(name, params, args)        .name##_fn = name,
    SAN__KERNELS(FIELD) SAN__KERNEL_ACTIONS(ACTION)};
