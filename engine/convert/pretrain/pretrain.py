#!/usr/bin/env python3
"""Trains a network of Lintel's on batches that `lintel generate --batches` made (README.md).

    lintel generate --grammar --batches … | pretrain.py --init start.gguf --out wide.gguf --steps N

Checkpoints (--state) hold weights, optimiser and position; a run that was stopped goes on with
--resume and the same stream of batches, of which it skips what it has seen.
"""
import argparse
import os
import sys
import time

import torch

from files import Network, read_batches
from network import San
from optimiser import Optimiser


def lr_scale(step, a):
    rise = (step + 1) / a.warmup if a.warmup else 1.0
    left = 1 - step / a.steps
    fall = left / a.decay if a.decay and left < a.decay else 1.0
    return min(1.0, max(0.01, min(rise, fall)))


def save_state(path, p, optim):
    torch.save({"p": dict(p), "optim": optim.state()}, path + ".part")
    os.replace(path + ".part", path)


def main():
    ap = argparse.ArgumentParser(description="Pre-trains a network on an accelerator.")
    ap.add_argument("--init", required=True, help="network to start from, as `lintel train` wrote it")
    ap.add_argument("--out", required=True, help="network to write")
    ap.add_argument("--batches", default="-", help="file of batches (default: standard input)")
    ap.add_argument("--steps", type=int, required=True)
    ap.add_argument("--warmup", type=int, default=150)
    ap.add_argument("--decay", type=float, default=0.4, help="share of the steps in which the rate falls")
    ap.add_argument("--state", help="checkpoint")
    ap.add_argument("--resume", action="store_true", help="go on from --state")
    ap.add_argument("--save-every", type=int, default=1000)
    ap.add_argument("--report-every", type=int, default=20)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--fp32", action="store_true", help="products in fp32, not bfloat16")
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--adam-lr", type=float, default=2e-3)
    ap.add_argument("--curve", help="write \"step loss gradient-norm\" lines here")
    a = ap.parse_args()

    net = Network(a.init)
    p = {k: v.to(a.device).requires_grad_() for k, v in net.tensors.items()}
    san = San(net.keys, p)
    optim = Optimiser(p, muon_lr=a.muon_lr, adam_lr=a.adam_lr)
    if a.resume:
        if not a.state:
            ap.error("--resume needs --state")
        kept = torch.load(a.state, map_location=a.device)
        with torch.no_grad():
            for k in p:
                p[k].copy_(kept["p"][k])
        optim.load(kept["optim"])

    def save():
        net.save(a.out, p)
        if a.state:
            save_state(a.state, p, optim)

    file = sys.stdin.buffer if a.batches == "-" else open(a.batches, "rb")
    curve = open(a.curve, "a" if a.resume else "w") if a.curve else None
    since, n_ok, n_step, loss_sum, n_ex = time.monotonic(), 0.0, 0, 0.0, 0
    for i, b in enumerate(read_batches(file)):
        if i < optim.n_done:
            continue  # seen before the stop
        if i >= a.steps:
            break
        b = b.to(a.device)
        for t in p.values():
            t.grad = None
        with torch.autocast(a.device.split(":")[0], dtype=torch.bfloat16, enabled=not a.fp32):
            loss, ok = san.loss(b)
        loss.backward()
        norm, loss = optim.step(lr_scale(i, a)), float(loss.detach())
        if curve:
            curve.write(f"{i} {loss:.7f} {norm:.6g}\n")
            curve.flush()
        n_ok, n_step = n_ok + float(ok.detach()), n_step + len(b["step_kind"])
        loss_sum, n_ex = loss_sum + loss, n_ex + len(b["utt_off"]) - 1
        if (i + 1) % a.report_every == 0:
            now = time.monotonic()
            print(f"step {i + 1}  loss {loss_sum / a.report_every:.4f}  right {n_ok / n_step:.4f}  "
                  f"{n_ex / (now - since):.0f} examples/s", flush=True)
            since, n_ok, n_step, loss_sum, n_ex = now, 0.0, 0, 0.0, 0
        if (i + 1) % a.save_every == 0:
            save()
    save()
    if optim.n_done < a.steps:
        print(f"the batches ended after {optim.n_done} of {a.steps} steps", file=sys.stderr)


if __name__ == "__main__":
    main()
