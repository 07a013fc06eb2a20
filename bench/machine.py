"""The machine that the bench runs on: its cores, what the kernel has counted for a process, and limits."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):  # noqa: N818 - what a run ends with
    """The bench cannot go on; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where: the proxy alone on one core, the generator and the backend on the others."""

    proxy: int
    others: tuple[int, ...]

    @property
    def alone(self) -> bool:
        """Tell whether the proxy has a core that the bench does not use."""
        return self.proxy not in self.others

    @property
    def ample(self) -> bool:
        """Tell whether the generator, the backend and the bench itself need not share a core."""
        return len(self.others) >= 3


def cores() -> Cores:
    """Take the last core for the proxy; with one core only, everything shares it."""
    found = sorted(os.sched_getaffinity(0))
    return Cores(found[-1], tuple(found[:-1]) or (found[-1],))


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of a tree of processes, and of everybody on one core, at one moment."""

    at: float
    total: float
    user: float
    system: float
    core: float

    def since(self, earlier: Usage) -> Spent:
        """Give what was spent between two moments."""
        ticks = (self.user - earlier.user) + (self.system - earlier.system)
        total = self.total - earlier.total
        share = (self.user - earlier.user) / ticks if ticks else 0.0
        return Spent(self.at - earlier.at, total, total * share, self.core - earlier.core)


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds over `seconds` of time: of the proxy in all and in user space, and of everybody on its core."""

    seconds: float
    total: float
    user: float
    core: float

    @property
    def share(self) -> float:
        """The part of its core that the proxy had, 0 to 1."""
        return self.total / self.seconds

    @property
    def foreign(self) -> float:
        """The part of the core that somebody else had, 0 to 1; ticks are coarse, so a little is no evidence."""
        return max(0.0, self.core - self.total) / self.seconds


def usage(pid: int, core: int) -> Usage:
    """Read the clocks of a process with its children, and of a core."""
    members = tree(pid)
    clocks = [clock(member) for member in members]
    user, system = sum(c[0] for c in clocks), sum(c[1] for c in clocks)
    exact = sum(nanoseconds(member) for member in members) / 1e9
    return Usage(time.monotonic(), exact or user + system, user, system, busy(core))


def tree(pid: int) -> list[int]:
    """Give a process and all that it started, as far as they live."""
    found = [pid]
    for task in tasks(pid):
        children = read(f"/proc/{pid}/task/{task}/children").split()
        found += [member for child in children for member in tree(int(child))]
    return found


def tasks(pid: int) -> list[str]:
    """Give the threads of a process."""
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return []


def read(path: str) -> str:
    """Read a file of /proc; empty when its process has just ended, or the kernel does not keep it."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def clock(pid: int) -> tuple[float, float]:
    """Give a process's seconds in user space and in the kernel (proc(5), fields 14 and 15 of stat)."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) / TICKS, int(fields[12]) / TICKS) if fields else (0.0, 0.0)


def nanoseconds(pid: int) -> int:
    """Give a process's exact CPU time over all its threads; 0 where the kernel does not tell."""
    return sum(int((read(f"/proc/{pid}/task/{task}/schedstat") or "0").split()[0]) for task in tasks(pid))


def waited(pid: int) -> float:
    """Give the seconds that a process's main thread was ready to run and had no core; 0 if the kernel does not tell."""
    return int((read(f"/proc/{pid}/schedstat") or "0 0").split()[1]) / 1e9


def started(pid: int) -> list[int]:
    """Give what a process has started, and what that has started, without itself."""
    return tree(pid)[1:]


def busy(core: int) -> float:
    """Give the seconds that a core has worked for anybody, the hypervisor's thefts included (proc(5), stat)."""
    line = next(line for line in read("/proc/stat").splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICKS


def resident(pid: int) -> int:
    """Give the bytes of memory that a process and its children hold."""
    return sum(map(resident_alone, tree(pid)))


def resident_alone(pid: int) -> int:
    """Give the bytes of memory that a process holds, without its children (VmRSS)."""
    lines = read(f"/proc/{pid}/status").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def descriptors() -> int:
    """Raise the limit of open files as far as allowed, for children to inherit, and give it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(hard, 65536)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return wanted


def go_first() -> None:
    """Put this process and those that it starts before all others; raise Failure when that is not allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        group = Path(
            "/proc/self/autogroup"
        )  # where sessions are scheduled as groups, a process's own priority is naught
        if group.exists():
            group.write_text("-20", encoding="ascii")
    except PermissionError:
        raise Failure("only root may go before other work on the machine") from None


def describe() -> dict[str, str]:
    """Say what machine this is."""
    models = [line.partition(":")[2].strip() for line in read("/proc/cpuinfo").splitlines() if "model name" in line]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}",
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Linux {platform.release()}",
    }
