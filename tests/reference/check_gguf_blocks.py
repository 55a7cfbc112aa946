#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_gguf_blocks.py READ_TENSORS [BLOCKS]: so many random blocks (10,000) of every type of GGUF that
is read, of any bits, read by tests/tools/read_tensors and by gguf-py: every bit must be the same, but
for those of NaN. Exit code 1 where one is not. Needs numpy and gguf."""
import pathlib
import subprocess
import sys
import tempfile

import numpy

import gguf_types


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        made, read = pathlib.Path(scratch) / "blocks.gguf", pathlib.Path(scratch) / "values"
        gguf_types.write(made, count)
        subprocess.run([sys.argv[1], made, read], check=True)
        ours = numpy.fromfile(read, numpy.float32)
    for name, theirs in gguf_types.values(count).items():
        mine, ours = ours[:theirs.size], ours[theirs.size:]
        same = (mine.view(numpy.uint32) == theirs.view(numpy.uint32)) | (numpy.isnan(mine) & numpy.isnan(theirs))
        print(f"{name:8} {count} blocks, {theirs.size} numbers, {int((~same).sum())} differ, "
              f"{int(numpy.isnan(theirs).sum())} NaN")
        failed = failed or not same.all()
    return 1 if failed or ours.size else 0


sys.exit(main())
