/* small_net.h - the sizes of a network that tests write to files and read again: 40 tokens and a few layers.
 * A test adds what it is about, as SMALL_NET(.width = 64, .n_enc = 2). */
#ifndef SMALL_NET_H
#define SMALL_NET_H

#include "san/net.h"

#define SMALL_NET(...)                                                                             \
    {                                                                                              \
        .n_vocab = 40, .n_head = 4, .n_kv_head = 2, .n_dec = 1, .n_ctx = 64, .n_flag = 3,          \
        .n_class = 4, .n_feat = 6, .rope_base = 10000, .rms_eps = 1e-6f, .mask = SAN_MASK_BLOCK,   \
        .render = SAN_RENDER_LINTEL, __VA_ARGS__                                                   \
    }

#endif
