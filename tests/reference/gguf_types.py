# SPDX-License-Identifier: Apache-2.0
"""Random blocks of every type of GGUF that is read, and files of them, for the scripts that ask gguf-py."""
import numpy
from gguf import GGMLQuantizationType as Type, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

READ = [Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K,
        Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ4_NL, Type.IQ4_XS]
EXTREMES = [0x00, 0xFF, 0x7F, 0x80, 0x0F, 0xF0, 0x7B, 0xFB]


def blocks(kind, count, seed):
    """`count` blocks: of one byte over and over for the first, of every bit at random for the rest."""
    size = GGML_QUANT_SIZES[kind][1]
    made = numpy.random.default_rng([seed, kind.value]).integers(0, 256, (count, size), dtype=numpy.uint8)
    for i, byte in enumerate(EXTREMES[:count]):
        made[i] = byte
    return made


def write(path, count, seed=0):
    """A file with a tensor of each type, NAME, of one row of `count` blocks."""
    writer = GGUFWriter(path, "none")
    for kind in READ:
        raw = blocks(kind, count, seed)
        writer.add_tensor(kind.name, raw.reshape(1, -1), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def values(count, seed=0):
    """What gguf-py makes of them, by name in the order of bytes."""
    with numpy.errstate(all="ignore"):
        return {kind.name: dequantize(blocks(kind, count, seed).reshape(1, -1), kind).astype(numpy.float32).ravel()
                for kind in sorted(READ, key=lambda k: k.name)}
