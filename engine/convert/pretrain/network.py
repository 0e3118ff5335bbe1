"""The network of docs/network.md, render "lintel", over packed batches.

Every block stands once in a batch and is encoded once; what an example sees of its catalogue is
gathered by index. Rows of unequal length are padded for attention only: by block for the blocks, by
example for utterances and decisions. Products may run in bfloat16 (torch.autocast); norms, scores
of decisions and the loss are fp32.
"""
import math

import torch
import torch.nn.functional as F


def zcn(x, gain, eps):
    x = x.float()
    return (1 + gain) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


def spans(off):
    """Offsets (n+1) -> index (n, longest) into the rows, and which of them exist."""
    n = off[1:] - off[:-1]
    longest = int(n.max()) if len(n) else 0
    k = torch.arange(longest, device=off.device)
    mask = k < n[:, None]
    return torch.where(mask, off[:-1, None] + k, 0), mask


class Layout:
    """Index arrays of a batch that all layers share."""

    def __init__(self, b):
        device = b["tok"].device
        self.block, self.block_mask = spans(b["block_off"])
        self.utt, self.utt_mask = spans(b["utt_off"])
        self.step, self.step_mask = spans(b["step_off"])
        starts = torch.cat([b["block_off"][:-1], b["utt_off"][:-1]])
        sizes = torch.cat([b["block_off"].diff(), b["utt_off"].diff()])
        n_tok = len(b["tok"])
        self.pos = torch.arange(n_tok, device=device) - torch.repeat_interleave(starts, sizes)
        n_ex, n_step = len(b["utt_off"]) - 1, len(b["step_kind"])
        self.step_pos = torch.arange(n_step, device=device) - torch.repeat_interleave(
            b["step_off"][:-1], b["step_off"].diff())
        # what each example sees: the tokens of its catalogue's blocks, then its utterance
        rows, seen_n = [], []
        for x in range(n_ex):
            blocks = b["cat_block"][b["cat_off"][x]:b["cat_off"][x + 1]]
            mine = self.block[blocks][self.block_mask[blocks]]
            utt = torch.arange(int(b["utt_off"][x]), int(b["utt_off"][x + 1]), device=device)
            rows.append(torch.cat([mine, utt]))
            seen_n.append(len(rows[-1]))
        self.seen = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        self.seen_mask = torch.arange(self.seen.shape[1], device=device) < torch.tensor(
            seen_n, device=device)[:, None]
        t = self.step.shape[1]
        self.causal = torch.ones(t, t, dtype=torch.bool, device=device).tril()


class San:
    """`p` holds fp32 parameters under their GGUF names, `keys` the sizes."""

    def __init__(self, keys, p):
        self.p = p
        self.width = keys["san.embedding_length"]
        self.n_enc = keys["san.encoder.block_count"]
        self.n_dec = keys["san.decoder.block_count"]
        self.heads = keys["san.attention.head_count"]
        self.kv_heads = keys["san.attention.head_count_kv"]
        self.eps = keys["san.attention.layer_norm_rms_epsilon"]
        self.base = keys["san.rope.freq_base"]
        self.d = self.width // self.heads
        if keys["san.render"] != "lintel" or keys["san.encoder.mask"] != "block":
            raise ValueError("only render \"lintel\" with mask \"block\" is trained here")

    def rope(self, x, pos):  # x (n, heads, d); the pair (i, i + d/2)
        half = self.d // 2
        i = torch.arange(half, device=x.device, dtype=torch.float32)
        angle = pos[:, None].float() * self.base ** (-2 * i / self.d)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def project(self, h, name, heads):
        return F.linear(h, self.p[name + ".weight"]).reshape(len(h), heads, self.d)

    def attend(self, q, k, v, mask):
        """q (b, t, heads, d); k, v (b, s, kv_heads, d); mask broadcasts to (b, t, s)."""
        rep = self.heads // self.kv_heads
        dtype = v.dtype
        q, k, v = q.to(dtype).transpose(1, 2), k.to(dtype).transpose(1, 2), v.transpose(1, 2)
        k, v = k.repeat_interleave(rep, 1), v.repeat_interleave(rep, 1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None]).transpose(1, 2)

    def output(self, x, o, name, gate):
        y = F.linear(o.reshape(len(x), self.width), self.p[name + ".weight"])
        return x + torch.sigmoid(self.p[gate]) * y

    def encoder_layer(self, x, l, lay):
        n = f"enc.blk.{l}."
        h = zcn(x, self.p[n + "attn_norm.weight"], self.eps)
        q = self.project(h, n + "attn_q", self.heads)
        k = self.project(h, n + "attn_k", self.kv_heads)
        v = self.project(h, n + "attn_v", self.kv_heads)
        q = self.rope(zcn(q, self.p[n + "attn_q_norm.weight"], self.eps), lay.pos)
        k = self.rope(zcn(k, self.p[n + "attn_k_norm.weight"], self.eps), lay.pos)
        o = torch.zeros(len(x), self.heads, self.d, dtype=v.dtype, device=x.device)
        if lay.block_mask.numel():
            got = self.attend(q[lay.block], k[lay.block], v[lay.block], lay.block_mask[:, None])
            o = o.index_put((lay.block[lay.block_mask],), got[lay.block_mask])
        got = self.attend(q[lay.utt], k[lay.seen], v[lay.seen], lay.seen_mask[:, None])
        o = o.index_put((lay.utt[lay.utt_mask],), got[lay.utt_mask])
        return self.output(x, o, n + "attn_output", n + "attn_gate")

    def decoder_layer(self, x, e, l, lay):
        n = f"dec.blk.{l}."
        h = zcn(x, self.p[n + "attn_norm.weight"], self.eps)
        q = self.project(h, n + "attn_q", self.heads)
        k = self.project(h, n + "attn_k", self.kv_heads)
        v = self.project(h, n + "attn_v", self.kv_heads)
        q = self.rope(zcn(q, self.p[n + "attn_q_norm.weight"], self.eps), lay.step_pos)
        k = self.rope(zcn(k, self.p[n + "attn_k_norm.weight"], self.eps), lay.step_pos)
        got = self.attend(q[lay.step], k[lay.step], v[lay.step], lay.causal[None])
        x = self.output(x, got[lay.step_mask], n + "attn_output", n + "attn_gate")

        h = zcn(x, self.p[n + "cross_norm.weight"], self.eps)
        q = self.project(h, n + "cross_q", self.heads)
        k = self.project(e, n + "cross_k", self.kv_heads)
        v = self.project(e, n + "cross_v", self.kv_heads)
        q = zcn(q, self.p[n + "cross_q_norm.weight"], self.eps)
        k = zcn(k, self.p[n + "cross_k_norm.weight"], self.eps)
        got = self.attend(q[lay.step], k[lay.seen], v[lay.seen], lay.seen_mask[:, None])
        return self.output(x, got[lay.step_mask], n + "cross_output", n + "cross_gate")

    def loss(self, b):
        """Mean loss by weight, and how many decisions are right."""
        p, scale = self.p, math.sqrt(self.width)
        embd, flags = p["token_embd.weight"], p["flag_embd.weight"]
        lay = Layout(b)
        bits = (b["flag"][:, None] >> torch.arange(len(flags), device=embd.device)) & 1
        x = scale * (embd[b["tok"]] + bits.float() @ flags)
        for l in range(self.n_enc):
            x = self.encoder_layer(x, l, lay)
        e = zcn(x, p["enc.output_norm.weight"], self.eps)

        prev = b["step_prev"]
        x = scale * embd[b["step_kind"]]
        x = x + torch.where((prev >= 0)[:, None], scale * embd[prev.clamp(min=0)], 0.0)
        is_ptr = (prev <= -2)[:, None]
        x = x + torch.where(is_ptr, e[(-2 - prev).clamp(min=0)] @ p["pointer.input.weight"].T, 0.0)
        for l in range(self.n_dec):
            x = self.decoder_layer(x, e, l, lay)
        h = zcn(x, p["dec.output_norm.weight"], self.eps)

        with torch.autocast(h.device.type, enabled=False):
            h, e = h.float(), e.float()
            u = h @ p["pointer.key.weight"]
            s = p["pointer.scale"].reshape(2).exp() / scale
            step = torch.repeat_interleave(
                torch.arange(len(h), device=h.device), b["cand_off"].diff())
            cand = b["cand"]
            word = s[0] * (h[step] * embd[cand.clamp(min=0)]).sum(-1)
            ptr = s[1] * (u[step] * e[(-2 - cand).clamp(min=0)]).sum(-1)
            ptr = ptr + (p["pointer.feature.weight"][b["cand_class"]] * b["cand_feat"]).sum(-1)
            logit = torch.where(cand >= 0, word, ptr)
            right = b["cand_right"] != 0
            logp = self.lse(logit.masked_fill(~right, -1e30), step, len(h)) - self.lse(
                logit, step, len(h))
            w = b["step_weight"]
            best = torch.full((len(h),), -1e30, device=h.device).scatter_reduce(
                0, step, logit.detach(), "amax")
            n_ok = torch.zeros(len(h), device=h.device).index_put(
                (step[(logit == best[step]) & right],), torch.ones((), device=h.device)).sum()
            return -(w * logp).sum() / w.sum(), n_ok

    @staticmethod
    def lse(x, group, n):
        top = torch.full((n,), -1e30, device=x.device).scatter_reduce(0, group, x.detach(), "amax")
        total = torch.zeros(n, device=x.device).index_add(0, group, (x - top[group]).exp())
        return top + total.log()
