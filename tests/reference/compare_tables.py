# SPDX-License-Identifier: Apache-2.0
"""Compares the rows wane reads from CSV and TSV with those of pandas.read_csv.

    python3 compare_tables.py --tool build/dev/tests/tools/read_rows [--count 20000]

Tables are drawn from the characters that matter (quotes, separators, every line end, blanks), and
written by pandas.DataFrame.to_csv. wane may refuse what pandas reads (uneven rows, text behind a
closing quote, a column named twice); what wane reads must be what pandas reads. One flaw of pandas'
C reader is passed over: behind an empty line that ends in CR it loses a field that is empty, so there
Python's csv module is asked. Exits 1 otherwise.
"""
import argparse
import collections
import csv
import io
import json
import random
import re
import struct
import subprocess
import sys

import pandas


def run(tool, ending, tables):
    data = b"".join(struct.pack("<I", len(t)) + t for t in (table.encode() for table in tables))
    done = subprocess.run([tool, ending], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split("\n")[:-1]


def read(table, separator):
    """Rows by pandas, the header as one of them; None where it refuses."""
    if re.search("[\r\n][ \t]*\r" + separator, table) and separator in re.split("[\r\n]", table)[0]:
        try:
            rows = list(csv.reader(io.StringIO(table, newline=""), delimiter=separator, strict=True))
        except csv.Error:
            return None
        return [row for row in rows if len(row) > 1]
    try:
        frame = pandas.read_csv(io.BytesIO(table.encode()), sep=separator, dtype=str, header=None,
                                keep_default_na=False)
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError):
        return None
    return frame.values.tolist()


def drawn(separator, draw):
    letters = ["a", "b", '"', '"', '""', separator, "\n", "\r", "\r\n", " ", "\t", ",", "\u00e9"]
    columns = draw.randint(1, 3)
    end = draw.choice(["\n", "\r", "\r\n"])
    lines = [separator.join("ABC"[:columns])]
    for _ in range(draw.randint(0, 4)):
        cells = []
        for _ in range(columns):
            text = "".join(draw.choices(letters, k=draw.randint(0, 5)))
            if draw.random() < 0.6:
                text = '"' + text.replace('"', '""') + '"'
            cells.append(text)
        lines.append(separator.join(cells))
    return end.join(lines) + draw.choice(["", end])


def written(separator, draw):
    """As pandas writes a table of any texts."""
    letters = ["a", '"', separator, "\n", "\r", "\r\n", " ", "\t", ",", "\u00e9", "x y"]
    columns = draw.randint(1, 3)
    rows = [["".join(draw.choices(letters, k=draw.randint(1, 5))) for _ in range(columns)]
            for _ in range(draw.randint(1, 4))]
    frame = pandas.DataFrame(rows, columns=list("ABC"[:columns]))
    return frame.to_csv(sep=separator, index=False, lineterminator=draw.choice(["\n", "\r\n"]))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--tool", required=True)
    options.add_argument("--count", type=int, default=20000)
    asked = options.parse_args()
    bad = 0
    for ending, separator in ((".csv", ","), (".tsv", "\t")):
        for make in (written, drawn):
            draw = random.Random(7)
            tables = [make(separator, draw) for _ in range(asked.count)]
            said = collections.Counter()
            for table, line in zip(tables, run(asked.tool, ending, tables)):
                want = read(table, separator)
                if line.startswith("error: "):
                    kind = line.split(": ", 2)[2].split(" (")[0]
                    said["refused by both" if want is None else "refused: " + kind] += 1
                    continue
                got = json.loads(line) or (want or [])[:1]  # a header alone is no row
                said["equal" if got == want else "DIFFERENT"] += 1
                if got != want:
                    bad += 1
                    if bad <= 10:
                        print(f"{table!r}\n  wane   {got}\n  pandas {want}")
            print(ending, make.__name__)
            for kind, count in sorted(said.items()):
                print(f"  {count:6d} {kind}")
    sys.exit(bad > 0)


main()
