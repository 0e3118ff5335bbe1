"""Muon for the matrices of layers and pointers, AdamW for the rest: engine/train/muon.c, optim.c."""
import torch

MUON = (".attn_q.weight", ".attn_k.weight", ".attn_v.weight", ".attn_output.weight",
        ".cross_q.weight", ".cross_k.weight", ".cross_v.weight", ".cross_output.weight")
POINTER = ("pointer.key.weight", "pointer.input.weight")
DECAYED = ("token_embd.weight", "flag_embd.weight", "retrieval.hidden.weight",
           "retrieval.hidden.bias", "retrieval.proj.weight")


def is_muon(name):
    return name.endswith(MUON) or name in POINTER


def orthogonalise(x):
    a, b, c = 3.4445, -4.7750, 2.0315
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Optimiser:
    def __init__(self, p, muon_lr=0.02, momentum=0.95, muon_decay=0.01, adam_lr=2e-3, beta1=0.9,
                 beta2=0.98, eps=1e-8, adam_decay=0.01, clip=1.0):
        self.p = p
        self.o = dict(muon_lr=muon_lr, momentum=momentum, muon_decay=muon_decay, adam_lr=adam_lr,
                      beta1=beta1, beta2=beta2, eps=eps, adam_decay=adam_decay, clip=clip)
        self.m = {k: torch.zeros_like(v) for k, v in p.items()}
        self.v = {k: torch.zeros_like(v) for k, v in p.items() if not is_muon(k)}
        self.n_done = 0

    @torch.no_grad()
    def step(self, scale):
        """Move all parameters against their gradients; returns the gradient's norm."""
        o = self.o
        grads = {k: v.grad.float() for k, v in self.p.items() if v.grad is not None}
        norm = torch.stack([g.double().pow(2).sum() for g in grads.values()]).sum().sqrt()
        if not torch.isfinite(norm):
            raise FloatingPointError(f"the gradient is not finite after {self.n_done} steps")
        k = o["clip"] / float(norm) if float(norm) > o["clip"] > 0 else 1.0
        t = self.n_done + 1
        fix1, fix2 = 1 / (1 - o["beta1"] ** t), 1 / (1 - o["beta2"] ** t)
        alike = {}  # matrices of one shape are orthogonalised together
        for name, g in grads.items():
            w, m, g = self.p[name], self.m[name], k * g
            if is_muon(name):
                m.mul_(o["momentum"]).add_(g)
                alike.setdefault(w.shape, []).append((w, g + o["momentum"] * m))
                continue
            v, lr = self.v[name], scale * o["adam_lr"]
            m.mul_(o["beta1"]).add_(g, alpha=1 - o["beta1"])
            v.mul_(o["beta2"]).addcmul_(g, g, value=1 - o["beta2"])
            if name in DECAYED:
                w.mul_(1 - lr * o["adam_decay"])
            w.addcdiv_(m * fix1, (v * fix2).sqrt() + o["eps"], value=-lr)
        lr = scale * o["muon_lr"]
        for (rows, cols), members in alike.items():
            x = torch.stack([u for _, u in members])
            x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-12)
            x = orthogonalise(x.mT).mT if rows > cols else orthogonalise(x)
            for (w, _), u in zip(members, x):
                w.mul_(1 - lr * o["muon_decay"]).sub_(u, alpha=lr * max(1.0, rows / cols) ** 0.5)
        self.n_done += 1
        return float(norm)

    def state(self):
        return {"n_done": self.n_done, "m": self.m, "v": self.v}

    def load(self, state):
        self.n_done = state["n_done"]
        for mine, theirs in ((self.m, state["m"]), (self.v, state["v"])):
            for k in mine:
                mine[k].copy_(theirs[k])
