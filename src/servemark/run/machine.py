"""The machine that a run is made on, as its report tells it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from servemark.records import Machine

PROC = Path("/proc")
SYS = Path("/sys")


def this_machine() -> Machine:
    """What the kernel says of the machine; ``None`` where it does not say."""
    cpuinfo = _read(PROC / "cpuinfo") or ""
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.M)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _read(PROC / "meminfo") or "", re.M)
    flags = re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.M)
    return Machine(
        cpu_model=model[1].strip() if model else platform.machine(),
        cpu_count=os.cpu_count() or 1,
        memory_bytes=int(memory[1]) * 1024 if memory else 0,
        kernel=platform.release(),
        system=_system_name(),
        python=platform.python_version(),
        governor=_read(SYS / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtual_machine="yes" if flags else None,
    )


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
