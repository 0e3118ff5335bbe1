"""The two files that C and Python share: networks (GGUF, fp32) and batches (san/batch_file.h).

A network is read from a GGUF file that `lintel train` wrote and saved as a copy of that file with
the tensors' bytes replaced, so that keys and vocabulary pass through untouched.
"""
import os
import struct

import torch

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
FORMS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
         12: "<d"}
STRING, LIST, F32 = 8, 9, 0


class Network:
    """keys: GGUF keys; tensors: name -> fp32 tensor of the file's shape (rows, columns)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.raw = bytearray(f.read())
        self.at = 0
        magic, version, n_tensor, n_key = self._take("<4sIQQ")
        if magic != b"GGUF" or version != 3:
            raise ValueError(f"{path} is no GGUF file of version 3")
        self.keys = {}
        for _ in range(n_key):
            name = self._string()
            (kind,) = self._take("<I")
            self.keys[name] = self._value(kind)
        infos = []
        for _ in range(n_tensor):
            name = self._string()
            (n_dim,) = self._take("<I")
            shape = self._take(f"<{n_dim}Q")[::-1]
            kind, offset = self._take("<IQ")
            if kind != F32:
                raise ValueError(f"{path}: {name} is not fp32; start from what `lintel train` wrote")
            infos.append((name, shape, offset))
        align = self.keys.get("general.alignment", 32)
        start = (self.at + align - 1) // align * align
        self.where, self.tensors = {}, {}
        for name, shape, offset in infos:
            n = 1
            for d in shape:
                n *= d
            self.where[name] = (start + offset, n)
            view = torch.frombuffer(self.raw, dtype=torch.float32, count=n, offset=start + offset)
            self.tensors[name] = view.clone().reshape(shape)

    def _take(self, form):
        value = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return value

    def _string(self):
        (n,) = self._take("<Q")
        raw = bytes(self.raw[self.at:self.at + n])
        self.at += n
        return raw.decode("utf-8", "surrogateescape")

    def _value(self, kind):
        if kind == STRING:
            return self._string()
        if kind == LIST:
            inner, n = self._take("<IQ")
            return [self._value(inner) for _ in range(n)]
        return self._take(FORMS[kind])[0]

    def save(self, path, tensors):
        raw = bytearray(self.raw)
        for name, (start, n) in self.where.items():
            flat = tensors[name].detach().to("cpu", torch.float32).contiguous().reshape(-1)
            assert flat.numel() == n, name
            raw[start:start + 4 * n] = flat.numpy().tobytes()
        with open(path + ".part", "wb") as f:
            f.write(raw)
            f.flush()
            os.fsync(f.fileno())
        os.replace(path + ".part", path)


class Batch(dict):
    """Tensors by the names of san/batch_file.h; int64 but for step_weight and cand_feat."""

    def to(self, device):
        return Batch({k: v.to(device, non_blocking=True) for k, v in self.items()})


def read_batches(file):
    """Batches of an open file or pipe until it ends."""
    if file.read(8) != b"SANBAT01":
        raise ValueError("no file of batches")
    while True:
        head = file.read(28)
        if not head:
            return
        if len(head) < 28:
            raise ValueError("the batches end in the middle of one")
        n_tok, n_block, n_ex, n_cat, n_step, n_cand, n_feat = struct.unpack("<7i", head)
        sizes = {"tok": n_tok, "flag": n_tok, "block_off": n_block + 1, "utt_off": n_ex + 1,
                 "cat_off": n_ex + 1, "cat_block": n_cat, "step_off": n_ex + 1, "step_kind": n_step,
                 "step_prev": n_step, "step_weight": n_step, "cand_off": n_step + 1,
                 "cand": n_cand, "cand_class": n_cand, "cand_right": n_cand,
                 "cand_feat": n_cand * n_feat}
        batch = Batch()
        for name, n in sizes.items():
            raw = file.read(4 * n)
            if len(raw) < 4 * n:
                raise ValueError("the batches end in the middle of one")
            is_float = name in ("step_weight", "cand_feat")
            kind = torch.float32 if is_float else torch.int32
            t = torch.frombuffer(bytearray(raw), dtype=kind) if n else torch.zeros(0, dtype=kind)
            batch[name] = t if is_float else t.long()
        batch["cand_feat"] = batch["cand_feat"].reshape(n_cand, n_feat)
        yield batch
