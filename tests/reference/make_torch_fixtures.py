#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of torch.save for tests/unit/files/test_torch.c, written to tests/reference/torch, and inputs
for tests/fuzz/corpus/torch. expected.safetensors holds what views.pt must read as, in fp32.

Needs torch and safetensors.
"""
import argparse
import collections
import io
import json
import os
import pathlib
import pickle
import shutil
import zipfile

import numpy
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
out = here / "torch"
fuzz = here.parent / "fuzz" / "corpus" / "torch"


def values(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(sum(shape) * 7 + len(shape))
    return torch.randn(*shape, generator=generator).to(dtype)


def views():
    """Every kind of view a state dict may hold."""
    whole = values(6, 5)
    line = values(40)
    return collections.OrderedDict(
        plain=values(3, 4),
        half=values(3, 4, dtype=torch.float16),
        brain=values(3, 4, dtype=torch.bfloat16),
        double=values(3, 4, dtype=torch.float64),
        transposed=values(3, 4).t(),
        half_transposed=values(4, 6, dtype=torch.float16).t(),
        permuted=values(2, 3, 4).permute(2, 0, 1),
        rows=whole[2:5],
        columns=whole[:, 1:4],
        every_other=line[1::3],
        shared=line[10:20],
        expanded=values(1, 4).expand(3, 4),
        overlapping=line.as_strided((4, 4), (2, 1), 3),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(values(2, 3)),
    )


def facts():
    """What trainers note beside their tensors; NumPy 2 calls the module numpy._core, NumPy 1 numpy.core."""
    return {
        "w": values(2, 2), "best": numpy.float64(0.5), "loss": numpy.float32(1.5), "step": numpy.int64(7),
        "done": numpy.bool_(True), "half": numpy.float16(2), "many": numpy.uint8(200), "mean": numpy.complex64(1j),
        "run": numpy.str_("caf\u00e9"), "raw": numpy.bytes_(b"ab"), "day": numpy.datetime64("2020-01-01"),
        "kind": numpy.dtype("float32"), "shape": torch.Size([2, 3]), "none": torch.Size([]),
        "dtype": torch.bfloat16, "types": [torch.float32, torch.int64, torch.bool, torch.float8_e4m3fn],
        numpy.int64(3): numpy.float64(1), "deep": {"dtype": torch.float16, "b": values(2)},
    }


def forbidden():
    """What asks for more than a state dict may."""
    class Runs:
        def __reduce__(self):
            return (os.system, ("true",))

    tensor = {"w": values(2, 2)}
    return {
        "system": {"w": Runs()},
        "namespace": {**tensor, "args": argparse.Namespace(lr=1e-3)},
        "array": {**tensor, "history": numpy.arange(3.0)},
        "type": {**tensor, "type": numpy.float32},
        "device": {**tensor, "device": torch.device("cpu")},
        "sparse": {"w": torch.eye(3).to_sparse()},
        "set": {**tensor, "names": {"a"}},
    }


def rezip(source, target, change):
    """The same members, each through change(name, bytes), which gives (name, bytes, compression)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            made = change(info.filename, old.read(info))
            if made:
                new.writestr(made[0], made[1], made[2])


def main():
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    state = views()
    torch.save(state, out / "views.pt")
    expected = {name: tensor.detach().to(torch.float32).contiguous().clone() for name, tensor in state.items()}
    save_file(expected, out / "expected.safetensors")
    (out / "expected.safetensors").chmod(0o644)

    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    torch.manual_seed(1)
    for p in module.parameters():
        torch.nn.init.normal_(p)
    torch.save(module.state_dict(), out / "module.pt")  # _metadata, an I64 counter
    optimizer = torch.optim.AdamW(module.parameters())
    module(values(5, 4)).sum().backward()
    optimizer.step()
    torch.save({"epoch": 3, "best": 0.5, "big": 1 << 70, "low": -5, "done": False, "args": None,
                "history": [1, 2.5, ("a", "b")], "optimizer": optimizer.state_dict(),
                "state_dict": module.state_dict()}, out / "training.pt")
    torch.save({"model": {"state_dict": {"layer": {"weight": values(2, 3), 0: values(2)}}}}, out / "nested.pt")
    torch.save({"w": values(2, 2)}, out / "protocol5.pt", pickle_protocol=5)
    torch.save({"w": values(2, 2)}, out / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(facts(), out / "facts.pt")
    torch.save(facts(), out / "facts-protocol5.pt", pickle_protocol=5)
    torch.save(facts(), out / "facts-legacy.pt", _use_new_zipfile_serialization=False)
    rezip(out / "facts.pt", out / "facts-numpy1.pt",
          lambda name, data: (name, data.replace(b"numpy._core.", b"numpy.core."), zipfile.ZIP_STORED))
    torch.save(values(2, 2), out / "tensor.pt")
    torch.save({"epoch": 3}, out / "nothing.pt")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), out / "script.pt")
    for name, what in forbidden().items():
        torch.save(what, out / f"refused-{name}.pt")

    big = lambda name, data: (name, b"big" if name.endswith("byteorder") else data, zipfile.ZIP_STORED)
    rezip(out / "nested.pt", out / "big-endian.pt", big)
    rezip(out / "nested.pt", out / "deflated.pt", lambda name, data: (name, data, zipfile.ZIP_DEFLATED))
    rezip(out / "nested.pt", out / "no-storage.pt",
          lambda name, data: None if name.endswith("data/0") else (name, data, zipfile.ZIP_STORED))
    rezip(out / "nested.pt", out / "short-storage.pt",
          lambda name, data: (name, data[:8] if name.endswith("data/0") else data, zipfile.ZIP_STORED))

    shards = out / "shards"
    shards.mkdir()
    names = list(expected)
    parts = {"pytorch_model-00001-of-00002.bin": names[:5], "pytorch_model-00002-of-00002.bin": names[5:]}
    for file, part in parts.items():
        torch.save({name: state[name] for name in part}, shards / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (shards / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")

    adapter = out / "adapter"
    adapter.mkdir()
    plain = here / "tensors" / "adapter-plain"
    shutil.copyfile(plain / "adapter_config.json", adapter / "adapter_config.json")
    from safetensors.torch import load_file
    torch.save(load_file(plain / "adapter_model.safetensors"), adapter / "adapter_model.bin")

    shutil.rmtree(fuzz, ignore_errors=True)
    fuzz.mkdir()
    for name in ("views", "nested", "protocol5", "refused-system", "no-storage", "deflated", "legacy",
                 "facts", "facts-protocol5", "facts-numpy1"):
        shutil.copyfile(out / f"{name}.pt", fuzz / name)

    def pickled(name, program, storage=b"\0" * 16):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as made:
            made.writestr("a/data.pkl", program)
            made.writestr("a/data/0", storage)
        (fuzz / name).write_bytes(buffer.getvalue())

    def tensor(size, stride, offset=0, elements=4, key="0"):
        text = lambda s: b"X" + len(s).to_bytes(4, "little") + s.encode()
        whole = lambda n: b"\x8a\x08" + (n & (1 << 64) - 1).to_bytes(8, "little")
        group = lambda *n: b"(" + b"".join(map(whole, n)) + b"t"
        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + whole(elements) + b"tQ"
        return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + whole(offset) + group(*size) + group(*stride)
                + b"\x89}tR")

    def dictionary(made):
        return b"\x80\x02}X\x01\0\0\0w" + made + b"s."

    pickled("fits", dictionary(tensor((2, 2), (2, 1))))
    pickled("product", dictionary(tensor((1 << 62, 1 << 62), (0, 0))))
    pickled("reach", dictionary(tensor((3, 3), (1 << 62, 1 << 62))))
    pickled("beyond", dictionary(tensor((2, 2), (2, 1), offset=1)))
    pickled("negative", dictionary(tensor((2, 2), (-2, 1), offset=2)))
    pickled("repeats", dictionary(tensor((1 << 30,), (0,))))
    pickled("claims", dictionary(tensor((2, 2), (2, 1), elements=1 << 61)))
    pickled("path", dictionary(tensor((2, 2), (2, 1), key="../data.pkl")))
    pickled("itself", b"\x80\x02}q\0X\x05\0\0\0modelh\0s.")
    deep = b"\x80\x02" + b"}X\x01\0\0\0d" * 200 + tensor((2, 2), (2, 1)) + b"s" * 200 + b"."
    pickled("deep", deep)
    wide = b"\x80\x02}q\0X\x01\0\0\0w" + tensor((2, 2), (2, 1)) + b"s"
    for i in range(30):  # each dict holds the one before twice
        wide += b"}(X\x01\0\0\0ah" + bytes([i]) + b"X\x01\0\0\0bh" + bytes([i]) + b"uq" + bytes([i + 1])
    pickled("doubling", wide + b".")
    pickled("name", b"\x80\x02}X" + (1025).to_bytes(4, "little") + b"n" * 1025 + tensor((2, 2), (2, 1)) + b"s.")
    pickled("memo", b"\x80\x02}r\xff\xff\xff\xff.")
    pickled("marks", b"\x80\x02((((t.")
    pickled("persistent", b"\x80\x02X\x01\0\0\0aQ.")
    scalar = b"cnumpy.core.multiarray\nscalar\n"
    dtype = b"cnumpy\ndtype\nX\x02\0\0\0f8\x89\x88\x87R"
    pickled("scalar-empty", dictionary(scalar + b")R"))
    pickled("scalar-of-list", dictionary(scalar + dtype + b"]\x86R"))
    pickled("scalar-untyped", dictionary(scalar + b"K\x01C\x01a\x86R"))
    pickled("dtype-of-tensor", dictionary(b"cnumpy\ndtype\n" + tensor((2, 2), (2, 1)) + b"\x85R"))
    pickled("dtype-state", dictionary(dtype + b"K\x01b"))
    pickled("size-of-none", dictionary(b"ctorch\nSize\n)R"))
    pickled("size-of-texts", dictionary(b"ctorch\nSize\nX\x01\0\0\0a\x85\x85R"))
    pickled("called-dtype", dictionary(b"ctorch\nfloat16\n)R"))
    pickled("encode", dictionary(b"c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0rot13\x86R"))


if __name__ == "__main__":
    main()
