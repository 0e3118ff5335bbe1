"""The importer on pickles as NumPy writes them, made here without NumPy: arrays of float32, float16
and bfloat16 with the same values give the same file; what is no checkpoint is refused.

    python3 tests/convert/test_needle_to_gguf.py
"""
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import unittest

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPT = os.path.join(TREE, "engine", "convert", "needle_to_gguf.py")
sys.path.insert(0, os.path.dirname(SCRIPT))
sys.dont_write_bytecode = True
import needle_to_gguf  # noqa: E402

C, HEADS, KV, VOCAB, CTX = 8, 2, 1, 12, 16


def module(name, **members):
    """A module that pickle can name members of."""
    m = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__ = name, key
        setattr(m, key, value)
    sys.modules[name] = m
    return m


def _reconstruct(*_):
    raise NotImplementedError


NUMPY = module("numpy", ndarray=type("ndarray", (), {}), dtype=type("dtype", (), {}))
MULTIARRAY = module("numpy.core.multiarray", _reconstruct=_reconstruct)
module("numpy.core")
ML_DTYPES = module("ml_dtypes", bfloat16=type("bfloat16", (), {}))


class DType:
    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        name = ML_DTYPES.bfloat16 if self.kind == "bf16" else self.kind
        return NUMPY.dtype, (name, False, True), (3, "<", None, None, None, -1, -1, 0)


class Array:
    """Pickles as a NumPy array of the given type does."""

    def __init__(self, shape, values, kind):
        self.shape, self.values, self.kind = shape, values, kind

    def __reduce__(self):
        if self.kind == "bf16":
            raw = b"".join(struct.pack("<f", v)[2:] for v in self.values)
        else:
            raw = struct.pack(f"<{len(self.values)}{'f' if self.kind == 'f4' else 'e'}", *self.values)
        state = (1, self.shape, DType(self.kind), False, raw)
        return MULTIARRAY._reconstruct, (NUMPY.ndarray, (0,), b"b"), state


def shape_of(name):
    d, kv = C // HEADS, KV * (C // HEADS)
    if name == "embedding/embedding":
        return (VOCAB, C)
    layer = (1,) if "/layers/" in name else ()
    if name.endswith("gate"):
        return layer
    if name.endswith(("q_norm/scale", "k_norm/scale")):
        return layer + (d,)
    if name.endswith("scale"):
        return layer + (C,)
    return layer + (C, kv if "k_proj" in name or "v_proj" in name else C)


def values_of(n, salt):
    """Numbers that all three types hold exactly."""
    return [((i * 7 + salt) % 65 - 32) / 16 for i in range(n)]


def checkpoint(kind):
    params = {}
    for salt, name in enumerate(needle_to_gguf.name_map()):
        if name.startswith("contrastive"):
            continue
        shape, n = shape_of(name), 1
        for s in shape:
            n *= s
        at = params
        *path, last = name.split("/")
        for part in path:
            at = at.setdefault(part, {})
        at[last] = Array(shape, values_of(n, salt), kind)
    config = {"d_model": C, "num_heads": HEADS, "num_kv_heads": KV, "num_encoder_layers": 1,
              "num_decoder_layers": 1, "max_seq_len": CTX, "no_feedforward": True}
    return {"params": params, "config": config}


class Convert(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def convert(self, data, *more):
        with open(self.path("in.pkl"), "wb") as f:
            f.write(data)
        out = self.path("out.gguf")
        run = subprocess.run([sys.executable, "-B", SCRIPT, self.path("in.pkl"), out,
                              "--plain-tokenizer", *more], capture_output=True, text=True)
        if run.returncode:
            return None, run.stderr
        with open(out, "rb") as f:
            return f.read(), run.stderr

    def test_arrays__f32_f16_bf16__give_the_same_file(self):
        files = [self.convert(pickle.dumps(checkpoint(kind), 4)) for kind in ("f4", "f2", "bf16")]
        for data, error in files:
            self.assertIsNotNone(data, error)
        self.assertEqual(files[0][0], files[1][0])
        self.assertEqual(files[0][0], files[2][0])
        embedding = struct.pack(f"<{VOCAB * C}f", *values_of(VOCAB * C, 0))
        self.assertIn(embedding, files[0][0])

    def test_halves__asked_for__hold_the_same_values(self):
        data, error = self.convert(pickle.dumps(checkpoint("bf16"), 4), "--type", "f16")
        self.assertIsNotNone(data, error)
        self.assertIn(struct.pack(f"<{VOCAB * C}e", *values_of(VOCAB * C, 0)), data)

    def test_pickle__that_would_run_code__is_refused(self):
        marker = self.path("ran")
        data, error = self.convert(b"cos\nsystem\n(S'touch " + marker.encode() + b"'\ntR.")
        self.assertIsNone(data)
        self.assertIn("refused", error)
        self.assertFalse(os.path.exists(marker))

    def test_pickle__damaged_or_of_something_else__is_refused(self):
        whole = pickle.dumps(checkpoint("f2"), 4)
        odd = checkpoint("f4")
        odd["params"]["mlp"] = Array((1,), [0.0], "f4")
        short = checkpoint("bf16")
        del short["params"]["embedding"]
        for data in (b"", whole[:len(whole) // 2], pickle.dumps([1]), pickle.dumps(odd),
                     pickle.dumps(short)):
            made, error = self.convert(data)
            self.assertIsNone(made)
            self.assertTrue(error.startswith("needle_to_gguf: "), error)
            self.assertEqual(error.count("\n"), 1, error)


if __name__ == "__main__":
    unittest.main()
