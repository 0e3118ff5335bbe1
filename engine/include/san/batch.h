/* san/batch.h - a packed training or evaluation batch for the render "lintel".
 *
 * All encoder tokens of a batch stand in one array, block after block and then utterance after
 * utterance, without padding. A block that several examples share stands there once. "Position"
 * below is an index into that array (0..n_tok-1), never a RoPE position. A RoPE position is the
 * token's index within its own segment. All index arrays are CSR: row i is [off[i], off[i+1]).
 * Memory: the arrays belong to whoever filled the struct; the network only reads them. */
#ifndef SAN_BATCH_H
#define SAN_BATCH_H

#include <stdint.h>

struct san_batch {
    /* encoder tokens */
    int n_tok;
    const int32_t *tok;   /* (n_tok) vocabulary ids */
    const uint32_t *flag; /* (n_tok) bit i set: add F[i] to this token's embedding */
    int n_block;
    const int32_t *block_off; /* (n_block+1) block b is tokens [block_off[b], block_off[b+1]);
                                 block_off[0] == 0; utterances begin at block_off[n_block] */
    int n_ex;
    const int32_t *utt_off;   /* (n_ex+1) utterance x is tokens [utt_off[x], utt_off[x+1]);
                               utt_off[0] == block_off[n_block], utt_off[n_ex] == n_tok */
    const int32_t *cat_off;   /* (n_ex+1) into cat_block */
    const int32_t *cat_block; /* block indices of each example's catalogue */

    /* retrieval: utterances once more, as blocks alone that no catalogue has */
    int n_ret;                    /* 0: nothing of it is learnt from this batch */
    const int32_t *ret_block;     /* (n_ret) block of each */
    const int32_t *ret_right_off; /* (n_ret+1) into ret_right */
    const int32_t *ret_right;     /* the blocks of the tools that it calls, at least one */
    int n_ret_tool;
    const int32_t *ret_tool; /* (n_ret_tool) blocks of all tools, each once; to choose from */

    /* decoder steps */
    int n_step;
    const int32_t *step_off;   /* (n_ex+1) steps of each example */
    const int32_t *step_kind;  /* (n_step) vocabulary id of the kind token */
    const int32_t *step_prev;  /* (n_step) previous choice: >= 0 a vocabulary id, -1 none (first
                                  step), <= -2 the encoder position -2-x */
    const float *step_weight;  /* (n_step) loss weight */
    const int32_t *cand_off;   /* (n_step+1) candidates of each step */
    const int32_t *cand;       /* vocabulary id (>= 0) or encoder position as -2-x */
    const uint8_t *cand_class; /* row of the feature table; read for encoder positions alone */
    const float *cand_feat;    /* (n_cand, n_feat) lexical features, row-major */
    const uint8_t *cand_right; /* non-zero for the right ones; at least one per step */
};

#endif
