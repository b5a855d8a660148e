"""What a process tree costs: resident memory and CPU time, read from the operating system."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # ships no types

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process tree in MiB. `pss` shares pages out among their users; None if unreadable."""

    rss: float
    pss: float | None


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its living descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory(pid: int) -> Memory:
    """Resident memory of the tree under `pid`, in MiB."""
    rss = 0
    pss: int | None = 0
    for process in tree(pid):
        try:
            rss += process.memory_info().rss
            if pss is not None:
                pss += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        except (psutil.AccessDenied, AttributeError):
            pss = None
    return Memory(rss / MIB, None if pss is None else pss / MIB)


def cpu_seconds(pid: int) -> float:
    """User and system time the tree has used so far, in seconds (the kernel counts in steps of 10 ms)."""
    total = 0.0
    for process in tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


async def cpu_when_done(pid: int, *, quiet: float = 0.1, limit: float = 5.0) -> float:
    """`cpu_seconds` once the tree stands still for `quiet` seconds: work after the answer counts too."""
    deadline = time.monotonic() + limit
    now = cpu_seconds(pid)
    while time.monotonic() < deadline:
        await asyncio.sleep(quiet)
        before, now = now, cpu_seconds(pid)
        if now - before <= 0.01:  # one step of the kernel's clock
            break
    return now


async def settled(pid: int, *, quiet: float = 1.0, limit: float = 20.0) -> None:
    """Wait until the tree has used less than 2 % of a core for `quiet` seconds, at most `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        before = cpu_seconds(pid)
        await asyncio.sleep(quiet)
        if cpu_seconds(pid) - before <= 0.02 * quiet:
            return


def listener(port: int) -> int | None:
    """The process that listens on this loopback port, when it may be known; else None."""
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.AccessDenied, OSError):
        return None
    pids = {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port}
    known = sorted(pid for pid in pids if pid)
    return known[0] if known else None


def load_average() -> tuple[float, float, float]:
    """Load average of 1, 5 and 15 minutes: shows how much other work went on beside the measurement."""
    return os.getloadavg()


async def end(pid: int, *, patience: float = 10.0) -> None:
    """End a process this bench has started, and its descendants: politely, then for good."""
    family = tree(pid)
    if family:
        _signal(family[0], kill=False)
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, patience)
    for process in alive:
        _signal(process, kill=True)
    await asyncio.to_thread(psutil.wait_procs, alive, patience)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
