"""Fuzzes every target for a number of runs, from its seeds and from what earlier calls have found.

  run.py BUILD [--runs N] [TARGET...]     BUILD: where the preset fuzz was built

An input that breaks a target is kept as BUILD/fuzz/TARGET/crash-* and named; exit 1. When it is
fixed, the input goes into seeds/TARGET as a test.
"""

import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
DICTIONARIES = {"recipe": "recipe.dict", "manifest": "json.dict", "model_config": "json.dict",
                "safetensors": "json.dict", "tokenizer": "json.dict"}
LIMITS = ["-rss_limit_mb=2048", "-malloc_limit_mb=256", "-max_len=8192", "-timeout=60"]


def unpack(target, folder):
    """The seeds as libFuzzer reads them: bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in sorted((HERE / "seeds" / target).iterdir()):
        data = seed.read_bytes()
        (folder / seed.stem).write_bytes(bytes.fromhex(data.decode()) if seed.suffix == ".hex" else data)


def fuzz(build, target, runs):
    work = build / "fuzz" / target
    unpack(target, work / "seeds")
    (work / "found").mkdir(exist_ok=True)
    command = [build / "bin" / f"fuzz_{target}", *LIMITS, f"-runs={runs}", "-seed=1",
               "-print_final_stats=1", f"-artifact_prefix={work}/", work / "found", work / "seeds"]
    if target in DICTIONARIES:
        command.insert(1, f"-dict={HERE / 'seeds' / DICTIONARIES[target]}")
    done = subprocess.run(command, text=True, errors="replace", capture_output=True)
    if done.returncode != 0:
        print(done.stderr[-6000:])
        print(f"{target}: exit {done.returncode}")
        return False
    executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    print(f"{target}: {executed[1]} runs, {covered[-1]} edges covered", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("targets", nargs="*")
    given = parser.parse_intermixed_args()
    every = sorted(p.name for p in (HERE / "seeds").iterdir() if p.is_dir())
    unknown = sorted(set(given.targets) - set(every))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(every)}")
    held = [fuzz(given.build.resolve(), target, given.runs) for target in given.targets or every]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
