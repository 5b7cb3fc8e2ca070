#!/usr/bin/env python3
"""What the machine can do and what else it was doing: printed beside every figure, because a figure
without them says nothing. Run alone, prints the calibration as JSON."""

import json
import os
import platform
import time


def cpu_field(key):
    """The first processor's `key` in /proc/cpuinfo; None without one."""
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return None


def cpu_vendor():
    return cpu_field("vendor_id")


def cpu_name():
    """With the instructions for bf16, which the name does not tell."""
    flags = (cpu_field("flags") or "").split()
    bf16 = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags]
    name = (cpu_field("model name") or platform.machine()).replace("(R)", "").removesuffix(" Processor")
    return " ".join([name, *bf16])


def memory_gib():
    with open("/proc/meminfo") as file:
        return int(file.readline().split()[1]) / 2**20


def best_of(repeats, function):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def sgemm_gflops(size=2048):
    import torch
    a, b, c = (torch.rand(size, size) for _ in range(3))
    torch.mm(a, b, out=c)
    return 2 * size**3 / best_of(8, lambda: torch.mm(a, b, out=c)) / 1e9


def copy_gbps(megabytes=512):
    """Bytes read and written by all cores."""
    import torch
    source = torch.ones(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_of(8, lambda: target.copy_(source)) / 1e9


def fsync_ms(folder="."):
    path = os.path.join(folder, ".fsync-probe")
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)

    def write():
        os.pwrite(descriptor, b"x" * 4096, 0)
        os.fsync(descriptor)

    seconds = best_of(20, write)
    os.close(descriptor)
    os.unlink(path)
    return seconds * 1e3


def calibration():
    import torch
    return {
        "cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory_gib(), 1),
        "sgemm_2048_gflops": round(sgemm_gflops(), 1), "copy_gbps": round(copy_gbps(), 1),
        "fsync_4k_ms": round(fsync_ms(), 3), "kernel": platform.release(),
        "python": platform.python_version(), "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


class Watch:
    """Shares of the processor time since it was made that the hypervisor kept (steal), and that
    processes other than this one's finished children used."""

    def __init__(self):
        self.start = self.read()

    @staticmethod
    def read():
        with open("/proc/stat") as file:
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
        ours = os.times()
        ticks = os.sysconf("SC_CLK_TCK")
        return {"all": user + nice + system + idle + iowait + irq + softirq + steal, "steal": steal,
                "busy": user + nice + system, "ours": ticks * sum(ours[:4])}

    def shares(self):
        now = self.read()
        delta = {key: now[key] - self.start[key] for key in now}
        total = max(1, delta["all"])
        return {"steal": round(delta["steal"] / total, 4),
                "others": round(max(0.0, (delta["busy"] - delta["ours"]) / total), 4)}


if __name__ == "__main__":
    print(json.dumps(calibration()))
