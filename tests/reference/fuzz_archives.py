#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the archives of tests/fuzz/corpus/entries (Python's standard library alone)."""
import bz2
import gzip
import io
import lzma
import os
import sys
import tarfile
import zipfile

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus", "entries")


def write(name, data):
    with open(os.path.join(out, name), "wb") as file:
        file.write(data)


def tar(members, form=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = link
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    data = buffer.getvalue()
    return data.rstrip(b"\0").ljust((len(data.rstrip(b"\0")) + 511) // 512 * 512, b"\0") + bytes(1024)


def file(name, content=b"content"):
    return (name, content, tarfile.REGTYPE, "")


def zipped(files, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


plain = tar([("sub", b"", tarfile.DIRTYPE, ""), file("sub/a.csv", b"a,b\n1,2\n"), file("./b.txt")],
            tarfile.USTAR_FORMAT)
packed = gzip.compress(b"a,b\n", mtime=0)
write("plain.tar", plain)
write("plain.tar.gz", gzip.compress(plain, mtime=0))
write("plain.tar.xz", lzma.compress(plain))
write("plain.tar.bz2", bz2.compress(plain))
write("file.gz", packed)
write("two-members.gz", packed + packed)
write("twice.gz", gzip.compress(packed, mtime=0))
write("file.xz", lzma.compress(b"a,b\n"))
write("file.bz2", bz2.compress(b"a,b\n"))
write("file.zst", bytes.fromhex("28b52ffd2004210000612c620a"))
write("pax.tar", tar([file("caf\u00e9/" + "n" * 120)]))
write("gnu-long.tar", tar([file("n" * 200)], tarfile.GNU_FORMAT))
write("nested.tar", tar([file("a.csv.gz", packed), file("b.tar.gz", packed)], tarfile.USTAR_FORMAT))
write("up.tar", tar([file("../x")], tarfile.USTAR_FORMAT))
write("absolute.tar", tar([file("/x")], tarfile.USTAR_FORMAT))
write("link.tar", tar([("l", b"", tarfile.SYMTYPE, "/etc/passwd")], tarfile.USTAR_FORMAT))
write("hard.tar", tar([file("a"), ("l", b"", tarfile.LNKTYPE, "a")], tarfile.USTAR_FORMAT))
write("device.tar", tar([("d", b"", tarfile.CHRTYPE, "")], tarfile.USTAR_FORMAT))
write("twice.tar", tar([file("a"), file("./a")], tarfile.USTAR_FORMAT))
write("no-end.tar", plain[:-1024])
write("bomb.gz", gzip.compress(bytes(1 << 19), mtime=0))
write("plain.zip", zipped([("a.csv", b"a,b\n" * 20), ("sub/b", b"")]))
write("stored.zip", zipped([("a", b"stored"), ("caf\u00e9", b"x")], zipfile.ZIP_STORED))
write("lzma.zip", zipped([("a", b"lzma" * 9)], zipfile.ZIP_LZMA))
write("up.zip", zipped([("../a", b"x")], zipfile.ZIP_STORED))
