"""Memory of a process, from /proc."""

import time


def status_bytes(field, pid="self"):
    """A field of /proc/PID/status in bytes (VmHWM, VmRSS, RssAnon); None when the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def reset_peak():
    """VmHWM of this process starts again from the present size."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def watch_anonymous(process, every=0.002):
    """Largest anonymous RSS of a running subprocess until it ends."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, status_bytes("RssAnon", process.pid) or 0)
        time.sleep(every)
    return peak
