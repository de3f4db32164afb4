# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A private mount namespace for tests that need a host of their own."""

from __future__ import annotations

import ctypes
import os
import typing as t
from pathlib import Path

import pytest

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = (1 << 14) | (1 << 18)
PLACE = "/mnt"


def check(result: int, what: str) -> None:
    """Raise OSError when the C library's call failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount_tmpfs(target: t.Union[str, Path], flags: int = 0) -> None:
    """Mount an empty filesystem of root's, mode 0755."""
    arguments = (b"world", str(target).encode(), b"tmpfs", ctypes.c_ulong(flags), b"mode=755")
    check(LIBC.mount(*arguments), f"mount {target}")


@pytest.fixture
def private_place() -> t.Iterator[Path]:
    """An empty directory below root's own, in a mount namespace that ends with the test.

    /tmp will not do: others may write it, so nothing below it is trusted.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root: a mount namespace of its own")
    home, directory = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC), os.getcwd()
    try:
        if LIBC.unshare(CLONE_NEWNS) != 0:
            pytest.skip("needs CAP_SYS_ADMIN: no mount namespace can be made here")
        try:
            check(LIBC.mount(b"none", b"/", b"", ctypes.c_ulong(MS_REC_PRIVATE), b""), "make private")
            mount_tmpfs(PLACE)
            yield Path(PLACE)
        finally:
            check(LIBC.setns(home, CLONE_NEWNS), "setns")
            os.chdir(directory)
    finally:
        os.close(home)


@pytest.fixture
def mount_at(private_place: Path) -> t.Callable[[Path], Path]:
    """Something that mounts a tmpfs, for as long as the test runs."""

    def mount(path: Path) -> Path:
        path.mkdir(exist_ok=True)
        mount_tmpfs(path)
        return path

    return mount


@pytest.fixture(name="run")
def prepare(private_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of locks and notes."""
    # Collections can be imported only once pytest has read this file.
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

    monkeypatch.setattr(journal, "RUN_PATH", str(private_place / "run"))
    monkeypatch.setattr(journal, "_OPERATIONS", str(private_place / "run" / "operations"))
    journal.prepare_run()
    return private_place / "run"
