"""Unpacks wheels side by side into one folder, as scripts/setup.sh wants them.

  wheels.py missing DEPS NAME==VERSION...   prints those not wholly unpacked in DEPS
  wheels.py unpack DEPS WHEEL...            unpacks them
  wheels.py cuda DEPS                       prints the CUDA wheels that torch in DEPS asks for

A wheel is extracted under a temporary name and then moved file by file, its .dist-info/RECORD
last: an interruption at any point leaves a state that `missing` reports and `unpack` mends.
"""
import csv
import os
import re
import shutil
import sys
import zipfile


def dist_info(deps, requirement):
    name, version = requirement.split("==")
    return os.path.join(deps, f"{name.replace('-', '_')}-{version}.dist-info")


def is_complete(deps, requirement):
    """Every file of the wheel's own list is there with its size."""
    record = os.path.join(dist_info(deps, requirement), "RECORD")
    if not os.path.exists(record):
        return False
    with open(record, newline="", encoding="utf-8") as lines:
        for path, _, size in csv.reader(lines):
            try:
                if size and os.stat(os.path.join(deps, path)).st_size != int(size):
                    return False
            except FileNotFoundError:
                return False
    return True


def unpack(deps, wheel):
    staging = os.path.join(deps, ".unpack-" + os.path.basename(wheel))
    shutil.rmtree(staging, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:  # extractall checks the CRC of each file
        archive.extractall(staging)
    for top in sorted(os.listdir(staging), key=lambda name: name.endswith(".dist-info")):
        for folder, _, files in os.walk(os.path.join(staging, top)):
            target = os.path.join(deps, os.path.relpath(folder, staging))
            os.makedirs(target, exist_ok=True)
            for file in sorted(files, key=lambda name: name == "RECORD"):
                os.replace(os.path.join(folder, file), os.path.join(target, file))
    shutil.rmtree(staging)


def requirements(info):
    """(name, extras, version, marker) of each pinned Requires-Dist line of a .dist-info."""
    pattern = r"^Requires-Dist: ([\w.-]+)(?:\[([^\]]*)\])?==([\w.]+?)(?:\.\*)?(?:;\s*(.*))?$"
    with open(os.path.join(info, "METADATA"), encoding="utf-8") as file:
        return re.findall(pattern, file.read(), re.MULTILINE)


def cuda(deps):
    """NVIDIA's wheels. cuda-toolkit only names others by extra: it is listed too, and those
    others once it is there."""
    torch = next(n for n in sorted(os.listdir(deps)) if re.fullmatch(r"torch-.*\.dist-info", n))
    for name, extras, version, marker in requirements(os.path.join(deps, torch)):
        if "extra ==" in marker or not name.startswith(("nvidia-", "cuda-toolkit")):
            continue
        print(f"{name}=={version}")
        toolkit = dist_info(deps, f"{name}=={version}")
        if extras and os.path.isdir(toolkit):
            for sub_name, _, sub_version, sub_marker in requirements(toolkit):
                extra = re.search(r"extra == ['\"]([\w-]+)['\"]", sub_marker)
                if extra and extra.group(1) in extras.split(",") and "linux" in sub_marker:
                    print(f"{sub_name}=={sub_version}")


def main(verb="", *args):
    if verb == "missing":
        print("\n".join(r for r in args[1:] if not is_complete(args[0], r)))
    elif verb == "unpack":
        for wheel in args[1:]:
            unpack(args[0], wheel)
    elif verb == "cuda":
        cuda(args[0])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
