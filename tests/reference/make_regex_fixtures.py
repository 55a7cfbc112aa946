#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/regex.json: what Python's re says of many patterns and names of modules.
Standard library alone; Python 3.11. make_regex_fixtures.py [OUT [COUNT [SEED]]]: another file with
COUNT more patterns at random."""
import json
import pathlib
import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj",
         "model.layers.11.mlp.up_proj", "model.layers.2.mlp.down_proj", "lm_head",
         "model.embed_tokens", "q_proj", "layers.0.0.x", "a", "aa", "aab", "abab", "A.B-c_9",
         "x{2}y", "a]b^c", "1.1", "{,3}", "q\\d", "aaaa", "tab tab"]
WRITTEN = r"""q_proj
.*\.q_proj
(?P<a>.*)\.(?P<b>q|v)_proj
(?P<n>a+)b?(?P=n)?
(a)(?(1)b|c)
(?P<n>a)?(?(n)a|b)ab
.*self_attn\.(q|k|v)_proj$
.*_proj\Z
\Alm_head\Z
\Alm_head\z
^model.*
(?i)Q_PROJ
(?i:Q)_proj
(?-i:Q)_proj
(?i)(?-i:Q)_PROJ
a(?i)b
(?x) q _ proj  # a comment
(?x:q _ proj)
(?x)(?-x:tab tab)
(?x) tab tab
(?x)tab\ tab
(?x)a | q_proj
(?s).*
(?m)^q.*$
(?a)\w+
(?u)\w+
(?L)\w+
(?au)x
(?-a:x)
(?i-i:x)
(?i
(?i-
(?#note)q_proj
(?#note
q(?#note)*_proj
[]a]+
[^]a]+
[a-]+
[-a]+
[a\-b]+
[[:alpha:]]+
[[a]b]+
[a&&b]+
[\w-]+
[\w-z]+
[a-\d]+
[z-a]
[\]\[]+
[
[]
[^
[\b]
[\A]
[\x61b]+
[\0-\177]+
[\1]
[\8]
\x61+
\x6
\u0061
\U00000061
\U00110000
\ud800
\N{LATIN SMALL LETTER A}
\0141
\141+
\377
\400
\1
(a)\1
(a)\1b
(a\1)
(a)\2
(a)(b)\12
(a)\18
\8
\08
\p{L}
\h
\K
\Q.\E
\R
\X
\G
\e
\cA
\v
\z
\a
\o{141}
\g{1}
(a)\g1
\k<n>
a{2}
a{2,}
a{,2}
a{,}
a{}
a{2,1}
a{x}
a{1
{,3}
x\{2}y
x{2}y
a{ 2}
a{2}{2}
a**
a*+
a++
a?+a
a{1,2}+a
a*?
a+?b
a??
a{1,2}?b
*a
a|*b
^*a
$?
\b*a
\Ba
(?=a)*a
(?=a)a
(?!a).*
.*(?<=_)proj
.*(?<!_)proj
(?<=a|bb)c
(?<=a+)b
(?<n>a)
(?'n'a)
(?P>n)
(?P<n>a)(?P<n>b)
(?P<1>a)
(?P<>a)
(?P<n-m>a)
(?P=n)
(?Pn)
(?>a+)ab
(?>a|ab)b
(?|a|b)
(?R)
(?1)
(?&n)
(?C1)
(*ACCEPT)
(*UTF)a
(?(2)a|b)
(?(1)a|b|c)
(?(0)a)
(?(n)a)
(?(R)a|b)
(?(DEFINE)a)
(?(?=a)a|b)
(a
a)
a)(b
()
()*
(a|)*b?
(a*)*b?
(a?){3}
(|a)+
|
a|
.
\.
\-
\_
\ 
\é
é+
(?i)é
[é-ü]
\d+\.\d+
\D+
\s*\S+\s\S+
[\s\S]+
[\W\d]+
[^\W]+
(?:a|b)+?b
(?:(?:a|ab)(?:c|bcd))?.*
layers\.(\d+)\..*
(?=.*q)(?=.*layers).*
.*\.(?:[0-9]|1[0-1])\..*
model\.layers\.(?!1\.).*
(?P<x>.)(?P<y>.)(?P=x)(?P=y)
(.)\1*
\\
q\\d
}
]
a]b\^c
#
 
a b
((((((((((a))))))))))\10
(?:
(?
(?P
(?P<
(?<
(?<=
(?<!
\
(?i)(?x) A a
(?x)a(?i)
(?s-i:.)
(?imsx-:a)
(?:a)(?i:B)
a{65536}
a{99999999999}""".split("\n")
PIECES = ["a", "b", "q", "_", ".", "\\.", "proj", "model", "layers", "\\d", "\\w", "\\W", "\\s", "\\S",
          "\\D", "[a-z]", "[^a-z_.]", "[0-9]", "[\\w.]", "[", "]", "^", "$", "\\Z", "\\A", "\\b", "\\B", "(",
          "(?:", "(?P<n>", "(?P<m>", "(?P=n)", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i)", "(?i:", "(?x:",
          "(?-i:", "(?(1)", "(?(n)", "(?#c)", ")", ")", ")", ")", "|", "|", "*", "+", "?", "{2}", "{,2}",
          "{1,}", "{", "}", "{1,3}", "\\1", "\\2", "\\12", "\\0", "\\x41", "\\x2e", "\\u0061", "\\-", "\\\\", "\\v",
          "-", " ", "#", "A", "1", "0", ",", "&&", "\\141", "\\N", "\\z", "\\p{L}"]


def spoken(pattern, how):
    """Which texts match; None: Python refuses the pattern."""
    try:
        made = re.compile(pattern)
    except (re.error, OverflowError, RecursionError, IndexError):
        return None
    return "".join("1" if getattr(made, how)(text) else "0" for text in TEXTS)


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "regex.json"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    where = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    patterns = list(WRITTEN)
    while len(patterns) < len(WRITTEN) + count:
        pattern = "".join(where.choice(PIECES) for _ in range(where.randint(1, 9)))
        # Most at random are refused for a parenthesis: these are given the ones they lack.
        pattern += ")" * max(0, pattern.count("(") - pattern.count(")") - pattern.count("\\("))
        if spoken(pattern, "match") is not None or where.random() < 0.2:
            patterns.append(pattern)
    rows = [[p, spoken(p, "match"), spoken(p, "fullmatch")] for p in dict.fromkeys(patterns)]
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    out.write_text('{"texts": ' + json.dumps(TEXTS) + ',\n "rows": [\n  ' + lines + "\n ]}\n")


if __name__ == "__main__":
    main()
