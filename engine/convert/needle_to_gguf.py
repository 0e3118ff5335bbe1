#!/usr/bin/env python3
"""Turns a published Needle checkpoint (a pickle of arrays) into a GGUF file of Lintel's engine.

    needle_to_gguf.py checkpoint.pkl out.gguf --tokenizer needle.model [--type f32|f16]

The pickle may hold numpy arrays of float32, float16 or bfloat16 and a configuration; it is read by
an unpickler that knows these and nothing else, so a foreign pickle cannot run code here. Only the
standard library is needed. Kernels are turned from (in, out) to (out, in) and stacked layers are
laid out one by one. The file gets mask "joint" and render "needle-json".
"""
import argparse
import array
import itertools
import os
import pickle
import struct
import sys
import tempfile

ALIGN = 32
F32, F16 = 0, 1
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


class ConvertError(Exception):
    """What is wrong with the input, in one line."""


# ---- the pickle -------------------------------------------------------------------------------


class DType:
    """Stand-in for numpy.dtype: a name such as "f4" and whether bytes are big-endian."""

    def __init__(self, name, *_):
        self.name = {"float32": "f4", "float16": "f2", "float64": "f8"}.get(str(name), str(name))
        self.is_big = False

    def __setstate__(self, state):
        self.is_big = state[1] == ">"

    def floats(self, raw):
        """The bytes `raw` as array('f')."""
        codes = {"f4": "f", "f2": "e", "f8": "d", "i4": "i", "i8": "q"}
        if self.name == "bfloat16":
            halves = array.array("H", raw)
            if self.is_big != (sys.byteorder == "big"):
                halves.byteswap()
            wide = array.array("I", (h << 16 for h in halves))
            return array.array("f", wide.tobytes())
        if self.name not in codes:
            raise ConvertError(f"arrays of type {self.name} are not read; use f32, f16 or bf16")
        form = (">" if self.is_big else "<") + codes[self.name]
        if len(raw) % struct.calcsize(form):
            raise ConvertError("an array's bytes are no whole number of values; the pickle is corrupt")
        return array.array("f", (x for (x,) in struct.iter_unpack(form, raw)))


class Array:
    """Stand-in for numpy.ndarray: shape and values in C order."""

    def __init__(self, shape=(), values=None):
        self.shape = shape
        self.values = values

    def __setstate__(self, state):
        _, self.shape, dtype, is_fortran, raw = state
        self.values = dtype.floats(raw)
        if is_fortran:
            self._from_fortran()
        self._check()

    def _check(self):
        n = 1
        for d in self.shape:
            n *= d
        if n != len(self.values):
            raise ConvertError(f"an array of shape {self.shape} holds {len(self.values)} values")

    def _from_fortran(self):
        strides = list(itertools.accumulate((1, *self.shape[:-1]), lambda a, b: a * b))
        if len(self.shape) < 2:
            return
        out = array.array("f")
        span = strides[-1] * self.shape[-1]
        for index in itertools.product(*(range(d) for d in self.shape[:-1])):
            start = sum(i * s for i, s in zip(index, strides))
            out.extend(self.values[start : start + span : strides[-1]])
        self.values = out

    def layer(self, i):
        """Row i of the first dimension."""
        n = len(self.values) // self.shape[0]
        return Array(self.shape[1:], self.values[i * n : (i + 1) * n])

    def transposed(self):
        rows, cols = self.shape
        out = array.array("f")
        for c in range(cols):
            out.extend(self.values[c::cols])
        return Array((cols, rows), out)


def _frombuffer(raw, dtype, shape, order):
    a = Array(tuple(shape), dtype.floats(bytes(raw)))
    if order == "F":
        a._from_fortran()
    a._check()
    return a


class Config(dict):
    """Stand-in for the checkpoint's configuration class: its fields as a dictionary."""

    def __init__(self, *_, **fields):
        super().__init__(fields)

    def __setstate__(self, state):
        for part in state if isinstance(state, tuple) else (state,):
            self.update(part or {})


class Unpickler(pickle.Unpickler):
    """Knows arrays, numbers and configurations; everything else is refused."""

    NUMPY = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric",
             "numpy._core.numeric")

    def find_class(self, module, name):
        if module in self.NUMPY:
            known = {
                "ndarray": Array,
                "dtype": DType,
                "_reconstruct": lambda *_: Array(),
                "scalar": lambda dtype, raw: float(dtype.floats(raw)[0]),
                "_frombuffer": _frombuffer,
            }
            if name in known:
                return known[name]
        if name in ("bfloat16", "float32", "float16") and module.split(".")[0] in (
                "ml_dtypes", "numpy", "jax"):
            return name
        if module in ("collections", "builtins") and name in ("OrderedDict", "dict"):
            return dict
        if module == "_codecs" and name == "encode":  # how old protocols spell bytes
            return lambda text, _encoding: text.encode("latin-1")
        if module == "copyreg" and name == "_reconstructor":
            return lambda cls, *_: cls()
        if module == "builtins" and name == "object":
            return Config
        if name.endswith("Config"):
            return Config
        raise ConvertError(f"the pickle wants {module}.{name}, which no checkpoint needs; refused")


def flatten(tree, prefix=""):
    for key, value in tree.items():
        name = f"{prefix}/{key}" if prefix else str(key)
        if isinstance(value, dict):
            yield from flatten(value, name)
        else:
            yield name, value


# ---- names ------------------------------------------------------------------------------------

ATTENTION = (("q_proj/kernel", "q.weight"), ("k_proj/kernel", "k.weight"),
             ("v_proj/kernel", "v.weight"), ("out_proj/kernel", "output.weight"),
             ("q_norm/scale", "q_norm.weight"), ("k_norm/scale", "k_norm.weight"))


def name_map():
    """Checkpoint name -> (GGUF name, is stacked by layer)."""
    m = {
        "embedding/embedding": ("token_embd.weight", False),
        "encoder/final_norm/scale": ("enc.output_norm.weight", False),
        "decoder/ZCRMSNorm_0/scale": ("dec.output_norm.weight", False),
        "contrastive_hidden/kernel": ("retrieval.hidden.weight", False),
        "contrastive_hidden/bias": ("retrieval.hidden.bias", False),
        "contrastive_proj/kernel": ("retrieval.proj.weight", False),
    }
    enc, dec = "encoder/layers/EncoderBlock_0", "decoder/layers/DecoderBlock_0"
    m[f"{enc}/attn_gate"] = ("enc.blk.%d.attn_gate", True)
    m[f"{enc}/ZCRMSNorm_0/scale"] = ("enc.blk.%d.attn_norm.weight", True)
    m[f"{dec}/self_attn_gate"] = ("dec.blk.%d.attn_gate", True)
    m[f"{dec}/cross_attn_gate"] = ("dec.blk.%d.cross_gate", True)
    m[f"{dec}/ZCRMSNorm_0/scale"] = ("dec.blk.%d.attn_norm.weight", True)
    m[f"{dec}/ZCRMSNorm_1/scale"] = ("dec.blk.%d.cross_norm.weight", True)
    for theirs, ours in ATTENTION:
        m[f"{enc}/self_attn/{theirs}"] = (f"enc.blk.%d.attn_{ours}", True)
        m[f"{dec}/self_attn/{theirs}"] = (f"dec.blk.%d.attn_{ours}", True)
        m[f"{dec}/cross_attn/{theirs}"] = (f"dec.blk.%d.cross_{ours}", True)
    return m


def tensors_of(params, dropped):
    """(name, Array) for every tensor; refuses what is missing or not understood."""
    known = name_map()
    found = {}
    for name, value in flatten(params):
        if name == "log_temp" or any(name.startswith(d) for d in dropped):
            continue
        if name not in known:
            raise ConvertError(f"parameter {name} is not part of a SAN; leave it out with --drop")
        if not isinstance(value, Array):
            raise ConvertError(f"parameter {name} is no array")
        found[name] = value
    out = []
    for theirs, (ours, is_stacked) in known.items():
        if theirs not in found:
            if theirs.startswith("contrastive"):
                continue  # the retrieval head is optional
            raise ConvertError(f"parameter {theirs} is missing")
        a = found[theirs]
        layers = [a.layer(i) for i in range(a.shape[0])] if is_stacked else [a]
        for i, layer in enumerate(layers):
            if theirs.endswith("/kernel"):
                layer = layer.transposed()
            if layer.shape == ():
                layer = Array((1,), layer.values)
            out.append((ours % i if is_stacked else ours, layer))
    return out


# ---- the SentencePiece model ------------------------------------------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of each field of one protobuf message."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            n, at = varint(data, at)
            value, at = data[at : at + n], at + n
        elif wire in (1, 5):
            n = 8 if wire == 1 else 4
            value, at = data[at : at + n], at + n
        else:
            raise ConvertError("the tokenizer file is no SentencePiece model")
        if at > len(data):
            raise ConvertError("the tokenizer file ends too early")
        yield number, value


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def read_sentencepiece(path):
    pieces, trainer, normalizer = [], {}, {}
    try:
        with open(path, "rb") as f:
            data = f.read()
        for number, value in fields(data):
            if number == 1:
                p = dict(fields(value))
                score = struct.unpack("<f", p[2])[0] if 2 in p else 0.0
                pieces.append((bytes(p[1]), score, p.get(3, NORMAL)))
            elif number == 2:
                trainer = dict(fields(value))
            elif number == 3:
                normalizer = dict(fields(value))
    except (IndexError, KeyError, TypeError, struct.error) as e:
        raise ConvertError(f"{path} is no SentencePiece model") from e
    if trainer.get(3, 1) != 2:
        raise ConvertError(f"{path} is no BPE model (model_type {trainer.get(3, 1)})")
    if trainer.get(24, 0) or not normalizer.get(5, 1):
        raise ConvertError(f"{path} writes spaces in a way that is not supported")
    if normalizer.get(2):
        print(f"note: {path} normalises text ({bytes(normalizer.get(1, b'')).decode()}); the "
              "engine does not", file=sys.stderr)
    return {
        "pieces": pieces,
        "unk": signed(trainer.get(40, 0)),
        "bos": signed(trainer.get(41, 1)),
        "eos": signed(trainer.get(42, 2)),
        "pad": signed(trainer.get(43, (1 << 64) - 1)),
        "prefix": bool(normalizer.get(3, 1)),
        "remove": bool(normalizer.get(4, 1)),
    }


def plain_tokenizer(n):
    """One piece per character, for networks without a vocabulary of their own (tests)."""
    pieces = [("<pad>", CONTROL), ("<eos>", CONTROL), ("<unk>", UNKNOWN), ("<tool_call>", USER),
              ("<tools>", USER), ("\u2581", NORMAL)]
    pieces += [(chr(c), NORMAL) for c in range(0x21, 0x7F)]
    pieces += [(chr(0xA1 + i), NORMAL) for i in range(max(0, n - len(pieces)))]
    return {
        "pieces": [(p.encode(), 0.0 if t != NORMAL else -float(i), t)
                   for i, (p, t) in enumerate(pieces[:n])],
        "unk": 2, "bos": -1, "eos": 1, "pad": 0, "prefix": True, "remove": False,
    }


# ---- GGUF -------------------------------------------------------------------------------------

U32, FLOAT, BOOL, STRING, LIST = 4, 6, 7, 8, 9
I32 = 5


def gguf_str(s):
    raw = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_value(kind, value):
    if kind == STRING:
        return gguf_str(value)
    return struct.pack({U32: "<I", I32: "<i", FLOAT: "<f", BOOL: "<?"}[kind], value)


class Keys:
    def __init__(self):
        self.raw = b""
        self.n = 0

    def add(self, key, kind, value):
        self.raw += gguf_str(key) + struct.pack("<I", kind) + gguf_value(kind, value)
        self.n += 1

    def add_list(self, key, kind, values):
        self.raw += gguf_str(key) + struct.pack("<IIQ", LIST, kind, len(values))
        self.raw += b"".join(gguf_value(kind, v) for v in values)
        self.n += 1


def pad(raw):
    return raw + b"\0" * (-len(raw) % ALIGN)


def write_gguf(path, keys, tensors, want_f16):
    infos, blobs, offset = b"", [], 0
    for name, a in tensors:
        is_f16 = want_f16 and len(a.shape) == 2
        one = struct.Struct("<e" if is_f16 else "<f").pack
        raw = b"".join(map(one, a.values))
        infos += gguf_str(name) + struct.pack("<I", len(a.shape))
        infos += b"".join(struct.pack("<Q", d) for d in reversed(a.shape))
        infos += struct.pack("<IQ", F16 if is_f16 else F32, offset)
        blobs.append(pad(raw))
        offset += len(blobs[-1])
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), keys.n) + keys.raw + infos
    folder = os.path.dirname(os.path.abspath(path))
    fd, tmp = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(pad(head))
            for blob in blobs:
                f.write(blob)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(tmp, 0o644)
        os.replace(tmp, path)
    except BaseException:
        os.unlink(tmp)
        raise


# ---- all together -----------------------------------------------------------------------------


def config_int(config, key):
    value = config.get(key)
    if not isinstance(value, int):
        raise ConvertError(f"the configuration has no whole number {key}")
    return value


def model_keys(config, params, tensors, tok, args):
    shapes = {name: a.shape for name, a in tensors}
    keys = Keys()
    keys.add("general.architecture", STRING, "san")
    keys.add("general.name", STRING, args.name)
    if args.license:
        keys.add("general.license", STRING, args.license)
    keys.add("general.file_type", U32, 1 if args.type == "f16" else 0)
    keys.add("san.embedding_length", U32, config_int(config, "d_model"))
    keys.add("san.encoder.block_count", U32, config_int(config, "num_encoder_layers"))
    keys.add("san.decoder.block_count", U32, config_int(config, "num_decoder_layers"))
    keys.add("san.attention.head_count", U32, config_int(config, "num_heads"))
    keys.add("san.attention.head_count_kv", U32, config_int(config, "num_kv_heads"))
    keys.add("san.context_length", U32, config_int(config, "max_seq_len"))
    keys.add("san.attention.layer_norm_rms_epsilon", FLOAT, 1e-6)
    keys.add("san.rope.freq_base", FLOAT, float(config.get("rope_theta", 10000.0)))
    keys.add("san.encoder.mask", STRING, "joint")
    keys.add("san.render", STRING, "needle-json")
    if "retrieval.proj.weight" in shapes:
        keys.add("san.retrieval.hidden", U32, shapes["retrieval.hidden.weight"][0])
        keys.add("san.retrieval.dim", U32, shapes["retrieval.proj.weight"][0])
    if "log_temp" in params:
        value = params["log_temp"]
        value = value.values[0] if isinstance(value, Array) else float(value)
        keys.add("san.retrieval.log_temperature", FLOAT, value)
    pieces = tok["pieces"]
    keys.add("tokenizer.ggml.model", STRING, "llama")
    keys.add_list("tokenizer.ggml.tokens", STRING, [p[0] for p in pieces])
    keys.add_list("tokenizer.ggml.scores", FLOAT, [p[1] for p in pieces])
    keys.add_list("tokenizer.ggml.token_type", I32, [p[2] for p in pieces])
    for key, which in (("bos", "bos"), ("eos", "eos"), ("padding", "pad"), ("unknown", "unk")):
        if tok[which] >= 0:
            keys.add(f"tokenizer.ggml.{key}_token_id", U32, tok[which])
    keys.add("tokenizer.ggml.add_space_prefix", BOOL, tok["prefix"])
    keys.add("tokenizer.ggml.remove_extra_whitespaces", BOOL, tok["remove"])
    return keys


def convert(args):
    with open(args.checkpoint, "rb") as f:
        try:
            checkpoint = Unpickler(f).load()
        except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError,
                IndexError, KeyError, struct.error) as e:
            raise ConvertError(f"{args.checkpoint} is no checkpoint: {e}") from e
    if not isinstance(checkpoint, dict) or not {"params", "config"} <= checkpoint.keys():
        raise ConvertError(f"{args.checkpoint} holds no \"params\" and \"config\"")
    params, config = checkpoint["params"], checkpoint["config"]
    if not config.get("no_feedforward", False):
        raise ConvertError("the network has feed-forward layers; only attention-only ones are read")
    tensors = tensors_of(params, args.drop)
    n_vocab = dict(tensors)["token_embd.weight"].shape[0]
    tok = read_sentencepiece(args.tokenizer) if args.tokenizer else plain_tokenizer(n_vocab)
    if len(tok["pieces"]) != n_vocab:
        raise ConvertError(f"the tokenizer has {len(tok['pieces'])} pieces, the network {n_vocab}")
    keys = model_keys(config, params, tensors, tok, args)
    write_gguf(args.out, keys, tensors, args.type == "f16")
    print(f"{args.out}: {len(tensors)} tensors, {sum(len(a.values) for _, a in tensors)} parameters")


def main():
    p = argparse.ArgumentParser(description="Needle checkpoint to GGUF.")
    p.add_argument("checkpoint", help="pickle with params and config")
    p.add_argument("out", help="GGUF file to write")
    tok = p.add_mutually_exclusive_group(required=True)
    tok.add_argument("--tokenizer", help="SentencePiece .model file (BPE)")
    tok.add_argument("--plain-tokenizer", action="store_true",
                     help="one piece per character, for test networks without a vocabulary")
    p.add_argument("--type", choices=("f32", "f16"), default="f32", help="type of the matrices")
    p.add_argument("--name", default="needle", help="general.name of the file")
    p.add_argument("--license", default="", help="general.license of the file")
    p.add_argument("--drop", action="append", default=[], metavar="PREFIX",
                   help="leave out parameters whose name begins so")
    try:
        convert(p.parse_args())
    except (ConvertError, OSError) as e:
        sys.exit(f"needle_to_gguf: {e}")


if __name__ == "__main__":
    main()
