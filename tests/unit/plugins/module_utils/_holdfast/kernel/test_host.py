# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for the whole host, and who may not go on."""

from __future__ import annotations

import ctypes
import os
import sys
import typing as t
from types import SimpleNamespace

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.system import (
    observe_host,
    refuse_unknown_namespace,
    require_privileges,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Protection
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

CAP_VERSION_3, CAP_SYS_ADMIN = 0x20080522, 21


def drop_capability() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(CAP_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    for index in (0, 1, 2):
        data[index] &= ~(1 << CAP_SYS_ADMIN)
    assert libc.capset(header, data) == 0


def become_nobody() -> None:
    os.setresuid(65534, 65534, 65534)


def told_in_child(prepare: t.Callable[[], None]) -> str:
    """Return the refusal that a child gets after it has prepared itself."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            prepare()
            error = refused(require_privileges, "full")
            os.write(writer, f"{error.code}: {error.message}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        pytest.param(become_nobody, "unsupported: mounting needs root; set 'become: true'", id="nobody"),
        pytest.param(drop_capability, "unsupported: mounting needs the capability CAP_SYS_", id="no cap"),
    ],
)
def test_require_privileges_refuses(prepare: t.Callable[[], None], told: str) -> None:
    assert told_in_child(prepare).startswith(told)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it is asked first")
def test_require_privileges_refuses_a_legacy_kernel() -> None:
    assert "older than Linux 5.12" in refused(require_privileges, "legacy").message


def test_observe_host_of_another_system_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert refused(observe_host).code == "unsupported"


def test_observe_host_tells_boot_and_namespace() -> None:
    seen = observe_host()
    assert len(seen.boot_id) == 36
    assert f"mnt:[{seen.mount_namespace}]" == os.readlink("/proc/self/ns/mnt")


@pytest.mark.parametrize(
    ("change", "protection"),
    [
        pytest.param({"has_unique_id": True, "mount_id": 5}, "full", id="unique ids"),
        pytest.param({"has_unique_id": False, "mount_id": 5}, "no_unique_id", id="plain ids"),
        pytest.param({"has_unique_id": False, "mount_id": 0}, "legacy", id="no ids"),
    ],
)
def test_observe_host_tells_the_protection(
    monkeypatch: pytest.MonkeyPatch, change: t.Dict[str, t.Any], protection: Protection
) -> None:
    monkeypatch.setattr(inodes, "inode_of", lambda fd: SimpleNamespace(**change))
    assert observe_host().protection == protection


def test_observe_host_that_may_not_ask_for_its_namespace_goes_on_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As SELinux has it for staff_u, whose facts need no namespace."""
    real = os.stat

    def stat(path: t.Any, *args: t.Any, **kwargs: t.Any) -> os.stat_result:
        if path == "/proc/self/ns/mnt":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", stat)
    seen = observe_host()
    assert seen.mount_namespace == 0
    assert (seen.shows(seen.boot_id, 5), seen.shows("another", 5)) == (True, False)
    assert "audit log" in refused(refuse_unknown_namespace, seen).message
