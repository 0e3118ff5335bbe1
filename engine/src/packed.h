/* packed.h - where the packed matrices lie. Private to the engine; san/packed.h is the interface. */
#ifndef SAN_PACKED_IMPL_H
#define SAN_PACKED_IMPL_H

#include "mat.h"
#include "san/packed.h"

struct san_packed {
    uint8_t *mem;
    size_t n_bytes;
    struct san__mat first[SAN_T_COUNT]; /* layer 0 of a tensor; bits 0: it is not packed */
};

/* `n` bytes for what is read from end to end at every token: on a page of 2 MiB where it fills some
 * of those, which the system is asked to make large. Reading ahead stops at pages of 4 KiB, and a
 * network needs thousands of them. To be given to free(). NULL when out of memory. */
void *san__large_alloc(size_t n);

/* Layer `layer` of a tensor that is packed. */
static inline struct san__mat san__packed_mat(const struct san_packed *k, enum san_tensor_id id,
                                              int layer)
{
    struct san__mat w = k->first[id];
    w.mem += (size_t)layer * san__mat_bytes(w.n_out, w.n_in, w.bits);
    return w;
}

/* May this tensor be packed when its layers are all of this type? */
int san__packed_takes(const struct san_tensor_info *t, enum san_type type);
/* Lay out and allocate: bits[i] is 8 or 4 for the tensors to pack, else 0. The matrices are to be
 * filled by san__mat_pack. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__packed_new(const struct san_tensor_info *info, const uint8_t *bits,
                                         struct san_packed **out);

#endif
