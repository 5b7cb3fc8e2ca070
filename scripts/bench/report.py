"""The form in which every script hands over its result: one JSON line on stdout for each row of
the table in docs/benchmarks/train.md, everything else on stderr."""

import json
import sys


def note(text):
    print(text, file=sys.stderr, flush=True)


def row(name, what, at_least, aim, measured, value=None, good=None, detail=None):
    """`value` against the numbers `good` = (at_least, aim); more is better when aim is greater."""
    met = None
    if value is not None and good is not None:
        sign = 1 if good[1] >= good[0] else -1
        met = "aim" if sign * value >= sign * good[1] else \
              "at least" if sign * value >= sign * good[0] else "no"
    line = {"row": name, "what": what, "at_least": at_least, "aim": aim, "measured": measured,
            "met": met, "detail": detail or {}}
    print(json.dumps(line), flush=True)
    note(f"{what}: {measured} (at least {at_least}, aim {aim}) -> {met}")
