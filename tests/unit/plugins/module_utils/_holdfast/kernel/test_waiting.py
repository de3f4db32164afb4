# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which filesystems may be asked by a process that nobody watches."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mounts, pathwalk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.inodes import inode_of

HERE = os.open("/", os.O_PATH | os.O_DIRECTORY)


@pytest.fixture(params=["fuse", "nfs4", "cifs", "ceph", "9p", "autofs", "a type of tomorrow"])
def slow_type(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A filesystem's type that may not answer, as that of the root."""
    fstype = t.cast("str", request.param)
    monkeypatch.setattr(mounts, "mount_type", lambda *_given, **_named: fstype)
    return fstype


def test_filesystem_that_may_not_answer_is_not_asked(slow_type: str) -> None:
    with pytest.raises(pathwalk.MayBlock) as caught:
        pathwalk.require_nonblocking(inode_of(HERE), "/")
    assert caught.value.path == "/"


@pytest.mark.usefixtures("slow_type")
def test_filesystem_that_may_not_answer_is_asked_where_somebody_keeps_watch() -> None:
    pathwalk.require_nonblocking(inode_of(HERE), "/", may_block=True)


def test_server_of_roots_is_asked_for_what_nothing_can_be_done_without(slow_type: str) -> None:
    if slow_type != "fuse":  # which any user may mount
        pathwalk.require_nonblocking(inode_of(HERE), "/", is_vital=True)
        return
    with pytest.raises(pathwalk.MayBlock):
        pathwalk.require_nonblocking(inode_of(HERE), "/", is_vital=True)


@pytest.mark.parametrize("fstype", ["tmpfs", "ext4", "xfs", "overlay", "devtmpfs", None])
def test_local_filesystem_is_asked(fstype: t.Optional[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "mount_type", lambda *_given, **_named: fstype)
    pathwalk.require_nonblocking(inode_of(HERE), "/")


def test_types_of_this_host_are_known() -> None:
    for path in ("/", "/proc", "/sys", "/dev"):
        fd = os.open(path, os.O_PATH)
        try:
            assert pathwalk.answers_at_once(inode_of(fd)), path
        finally:
            os.close(fd)
