/* isa.h - the fast versions of one instruction set, as isa/table.c of that set names them. */
#ifndef SAN_ISA_H
#define SAN_ISA_H

#include "kernels.h"

struct san__isa_table {
#define SAN__FIELD(result, name, params, args) result(*name##_fn) params;
#define SAN__ACTION(name, params, args)        void(*name##_fn) params;
    SAN__KERNELS(SAN__FIELD)
    SAN__KERNEL_ACTIONS(SAN__ACTION)
#undef SAN__FIELD
#undef SAN__ACTION
};

#endif
