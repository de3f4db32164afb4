# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labels where SELinux is on. Its files are stood in for; nox -s selinux has the real ones."""

from __future__ import annotations

import ctypes
import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import labels, mounts, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

CONTEXT = "system_u:object_r:tmp_t:s0:c1,c3"
# Takes numbers alone; the kernel answers another word as it answers a context that it does not know.
REFUSES = "/proc/self/oom_score_adj"


class FewRules:
    """A policy that knows the paths below /srv."""

    def label_of(self, path: str, mode: int) -> t.Optional[bytes]:
        kind = "file" if stat.S_ISREG(mode) else "directory"
        return f"label of {path} as a {kind}".encode() if path.startswith("/srv/") else None


@pytest.fixture(name="chosen")
def fixture_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.List[bytes]:
    """Return what was written to the thread's fscreate, one after the other."""
    written: t.List[bytes] = []
    file = tmp_path / "fscreate"
    file.touch()
    monkeypatch.setattr(labels, "_NEXT", str(file))
    real = os.write

    def write(fd: int, content: bytes) -> int:
        if os.readlink(f"/proc/self/fd/{fd}") == str(file):
            written.append(content)
        return real(fd, content)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(labels, "_rules", FewRules)
    monkeypatch.setattr(system, "_SELINUX", "/dev/null")
    return written


def test_context_that_the_policy_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_CHECK", REFUSES)
    error = refused(labels.canonical_context, CONTEXT)
    assert (error.code, f'"{CONTEXT}"' in error.message) == ("option_not_allowed", True)


def test_context_that_nobody_may_ask_for_is_left_to_the_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_CHECK", str(tmp_path / "none"))
    assert labels.canonical_context(CONTEXT) == CONTEXT


def test_context_is_what_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_CHECK", str(tmp_path / "context"))
    os.mkfifo(tmp_path / "context")  # gives back what it is given
    asked = Definition("tmpfs", "x", ("nodev",), (("context", CONTEXT), ("size", "4096")))
    assert labels.with_canonical_context(asked) == asked


def test_definition_without_context_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_CHECK", REFUSES)
    asked = Definition("tmpfs", "x", (), (("size", "4096"),))
    assert labels.with_canonical_context(asked) is asked


@pytest.mark.parametrize(("is_file", "kind"), [(False, b"directory"), (True, b"file")])
def test_label_is_chosen_and_taken_back(chosen: t.List[bytes], is_file: bool, kind: bytes) -> None:
    with system.labelled("/srv/a", is_file=is_file):
        assert chosen == [b"label of /srv/a as a " + kind]
    assert chosen[1:] == [b""]


def test_label_is_taken_back_after_a_failure(chosen: t.List[bytes]) -> None:
    with pytest.raises(FileExistsError), system.labelled("/srv/a"):
        os.mkdir("/")
    assert chosen[1:] == [b""]


def test_path_without_a_label_leaves_the_choice_to_the_policy(chosen: t.List[bytes]) -> None:
    with system.labelled("/mnt/a"):
        pass
    assert not chosen


def test_label_that_may_not_be_chosen_is_the_parents(
    chosen: t.List[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_NEXT", REFUSES)
    with system.labelled("/srv/a"):
        pass
    assert not chosen


def test_host_without_selinux_is_asked_for_nothing(
    chosen: t.List[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_SELINUX", "/nowhere")
    with system.labelled("/srv/a"):
        pass
    assert not chosen


def test_host_without_the_library_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_LIBRARY", "libnothere.so.1")
    labels._rules.cache_clear()
    try:
        (warning,) = labels.warnings()
        with labels.created_as("/srv/a", stat.S_IFDIR):
            pass
    finally:
        labels._rules.cache_clear()
    assert "libnothere.so.1" in warning


def test_rules_of_the_library_are_those_of_matchpathcon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real library, with a policy of three lines."""
    contexts = tmp_path / "etc/policy/contexts/files"
    contexts.mkdir(parents=True)
    (contexts / "file_contexts").write_text(
        "/srv(/.*)?  system_u:object_r:var_t:s0\n"
        "/srv/([^/]*/)?www(/.*)?  system_u:object_r:web_t:s0:c1,c2\n"
        "/srv/none  <<none>>\n"
        "/srv/www/f -- system_u:object_r:file_t:s0\n"
    )
    (contexts / "file_contexts").chmod(0o644)
    try:
        library = ctypes.CDLL("libselinux.so.1")
    except OSError:
        pytest.skip("needs libselinux.so.1")
    opened = Opened(library, str(contexts / "file_contexts"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: opened)
    rules = labels._Rules()
    found = [
        rules.label_of(path, mode)
        for path, mode in (
            ("/srv/ü", stat.S_IFDIR),
            ("/srv/www/data", stat.S_IFDIR),
            ("/srv/www/f", stat.S_IFDIR),
            ("/srv/www/f", stat.S_IFREG),
            ("/srv/none", stat.S_IFDIR),
            ("/opt", stat.S_IFDIR),
        )
    ]
    base = b"system_u:object_r:"
    assert found == [
        base + b"var_t:s0",
        base + b"web_t:s0:c1,c2",
        base + b"web_t:s0:c1,c2",
        base + b"file_t:s0",
        None,
        None,
    ]


class Option(ctypes.Structure):
    """struct selinux_opt (selinux/label.h)."""

    _fields_ = [("type", ctypes.c_int), ("value", ctypes.c_char_p)]


class Opened:
    """The library, whose selabel_open reads this file: the host's own policy may not be there."""

    def __init__(self, library: ctypes.CDLL, file: str) -> None:
        self.selabel_lookup_raw = library.selabel_lookup_raw
        self.freecon = library.freecon
        option = Option(3, file.encode())  # SELABEL_OPT_PATH

        def selabel_open(backend: int, _options: None, _count: int) -> t.Any:
            library.selabel_open.restype = ctypes.c_void_p
            return library.selabel_open(backend, ctypes.byref(option), 1)

        self.selabel_open = selabel_open


def test_statmount_context_with_commas_is_one_option() -> None:
    """As security_sb_show_options() writes it before the filesystem's own options (fs/namespace.c)."""
    strings, offsets = b"", {}
    for name, value in (
        ("options", b'context="system_u:object_r:tmp_t:s0:c1,c3",size=4k,mode=700'),
        ("type", b"tmpfs"),
        ("root", b"/"),
        ("point", b"/srv/a"),
        ("source", b"scratch"),
    ):
        offsets[name] = len(strings)
        strings += value + b"\0"
    fields = [0] * 23
    fields[2] = mounts._NEEDED | mounts._MNT_OPTS
    for index, name in ((1, "options"), (7, "type"), (17, "root"), (18, "point"), (21, "source")):
        fields[index] = offsets[name]
    raw = mounts._FIELDS.pack(*fields[: len(mounts._FIELDS.unpack(bytes(mounts._FIELDS.size)))])
    mount = mounts._from_statmount(raw.ljust(mounts._STRINGS, b"\0") + strings)
    assert mount is not None
    assert mount.options == ("rw", f'context="{CONTEXT}"', "size=4k", "mode=700")
