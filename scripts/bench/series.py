"""Every point that a run's series show, read straight from the store's file (lib/store/schema.cpp
and lib/store/chunk.h describe it), so that a comparison does not lean on the code it tests."""

import os
import sqlite3


def varint(data):
    """The unsigned LEB128 number that `data` begins with, and how many bytes it takes."""
    value = shift = 0
    for position, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position + 1
    raise ValueError("a number without end")


def decode(data, count):
    """(step, value as its 8 bytes) of a chunk."""
    step, position = 0, 0
    for _ in range(count):
        for field in ("step", "time"):
            raw, used = varint(data[position:position + 10])
            position += used
            if field == "step":
                step += (raw >> 1) ^ -(raw & 1)
        yield step, bytes(data[position:position + 8])
        position += 8
    if position != len(data):
        raise ValueError("bytes after the last point")


def read_series(store):
    """{run uid: {name: [(step, bytes of the value)]}}, as far as later attempts left them."""
    database = sqlite3.connect(f"file:{os.path.join(store, 'store.db')}?mode=ro", uri=True)
    starts = {}
    for run, number, from_step in database.execute("SELECT run_id, number, from_step FROM attempt"):
        starts.setdefault(run, []).append((number, from_step))
    shown = {}
    for run, uid, name, attempt, count, data in database.execute(
            "SELECT run.id, run.uid, key.name, chunk.attempt, chunk.n, chunk.data FROM chunk "
            "JOIN series ON series.id = chunk.series_id JOIN run ON run.id = series.run_id "
            "JOIN key ON key.id = series.key_id ORDER BY chunk.id"):
        last = min((s for n, s in starts[run] if n > attempt), default=float("inf"))
        points = shown.setdefault(uid, {}).setdefault(name, [])
        points.extend(p for p in decode(data, count) if p[0] <= last)
    database.close()
    return {uid: {name: sorted(points, key=lambda p: p[0]) for name, points in names.items() if points}
            for uid, names in shown.items()}
