# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of credentials: which are read, and that an error never quotes one."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mounts, pathwalk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.files import read_credentials
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

TEXT = "username=bob\npassword=hunter2\n"


@pytest.fixture
def file(private_place: Path) -> Path:
    """A file of credentials as it should be."""
    path = private_place / "credentials"
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o600)
    return path


def make_link(file: Path) -> Path:
    link = file.with_name("link")
    link.symlink_to(file)
    return link


def make_link_on_the_way(file: Path) -> Path:
    file.with_name("way").symlink_to(file.parent)
    return file.parent / "way" / file.name


def make_missing(file: Path) -> Path:
    return file.with_name("nothing")


def make_directory(file: Path) -> Path:
    file.with_name("folder").mkdir(mode=0o700)
    return file.with_name("folder")


def make_fifo(file: Path) -> Path:
    os.mkfifo(file.with_name("fifo"), 0o600)
    return file.with_name("fifo")


def make_readable(file: Path) -> Path:
    file.chmod(0o640)
    return file


def make_foreign(file: Path) -> Path:
    os.chown(file, 65534, 0)
    return file


def make_second_name(file: Path) -> Path:
    os.link(file, file.with_name("second"))
    return file


def make_open_parent(file: Path) -> Path:
    file.parent.chmod(0o777)
    return file


def make_long(file: Path) -> Path:
    file.write_text("#" * 5000, encoding="utf-8")
    return file


def make_binary(file: Path) -> Path:
    file.write_bytes(b"password=hunter2\xff\n")
    return file


WRONG: t.Dict[str, t.Tuple[t.Callable[[Path], Path], str, str]] = {
    "link": (make_link, "unsafe_path", "symbolic link"),
    "link_on_the_way": (make_link_on_the_way, "unsafe_path", "symbolic link"),
    "missing": (make_missing, "mount_failed", "does not exist"),
    "directory": (make_directory, "unsafe_path", "not a regular file"),
    "fifo": (make_fifo, "unsafe_path", "not a regular file"),
    "readable_by_others": (make_readable, "unsafe_path", "mode allows more than 0600"),
    "of_somebody_else": (make_foreign, "unsafe_path", "does not belong to root"),
    "second_name": (make_second_name, "unsafe_path", "hard link"),
    "parent_that_others_write": (make_open_parent, "unsafe_path", "users other than root can write"),
    "long": (make_long, "mount_failed", "longer than"),
    "binary": (make_binary, "mount_failed", "not UTF-8"),
}


@pytest.mark.parametrize(("make", "code", "words"), WRONG.values(), ids=WRONG.keys())
def test_credentials_file_that_is_not_safe_is_refused(
    file: Path, make: t.Callable[[Path], Path], code: str, words: str
) -> None:
    error = refused(read_credentials, str(make(file)))
    assert (error.code, error.step) == (code, "credentials")
    assert words in error.message
    assert "hunter2" not in repr((error.message, error.detail, error.__cause__, error.args))


@pytest.mark.parametrize("mode", [0o600, 0o400], ids=["writable", "read_only"])
def test_credentials_file_of_root_alone_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_credentials(str(file)) == TEXT


def test_credentials_file_behind_a_server_is_not_waited_for_and_not_believed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "mount_type", lambda *_given, **_named: "fuse")
    with pytest.raises(pathwalk.MayBlock):
        read_credentials(str(file))
    error = refused(read_credentials, str(file), may_block=True)
    assert (error.code, "count for nothing" in error.detail) == ("unsafe_path", True)
