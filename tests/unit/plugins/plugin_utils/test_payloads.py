# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The store of payloads: what names one, who may have written it, and what is not lent."""

from __future__ import annotations

import fcntl
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.plugin_utils._bytecode import add_bytecode
from ansible_collections.holdfast.mounts.plugins.plugin_utils._payloads import KEPT, PayloadStore, fingerprint
from ansible_collections.holdfast.mounts.tests.unit.plugins.plugin_utils.payloads import make_payload

PREFIX = "modules.safe_mount-"
NAME = "modules.safe_mount-ZIP_DEFLATED-none"
PAYLOAD = make_payload({"room.py": "x = 1\n"})
COMPILED = add_bytecode(PAYLOAD)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that has made a payload, and what lies beside it."""
    return make_run(tmp_path / "run", {NAME: PAYLOAD, f"{NAME}.lock": b"", "modules.ping-none": b"other"})


def make_run(folder: Path, files: t.Mapping[str, bytes]) -> Path:
    """Return a new folder with these files."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def lent(store: PayloadStore, folder: Path, *, with_bytecode: bool = False) -> t.Dict[str, bytes]:
    """Return what a store lends to a new run."""
    store.lend(PREFIX, make_run(folder, {}), with_bytecode=with_bytecode)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kept_in(folder: Path) -> t.Tuple[Path, Path]:
    """Return the files of a payload in a store: the one that Ansible made, and the one with bytecode."""
    plain, compiled = sorted(folder.iterdir(), key=lambda path: path.name.startswith("bytecode-"))
    return plain, compiled


def test_payload_is_lent_to_the_next_run_and_nothing_else_is(tmp_path: Path, run: Path) -> None:
    PayloadStore(tmp_path / "store", "a").keep(PREFIX, run)
    assert lent(PayloadStore(tmp_path / "store", "a"), tmp_path / "next") == {NAME: PAYLOAD}
    assert [path.name for path in (tmp_path / "store" / "a").iterdir() if ".lock" in path.name] == []


def test_payload_of_the_run_is_not_replaced(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    (run / NAME).write_bytes(b"of this run")
    store.lend(PREFIX, run)
    assert (run / NAME).read_bytes() == b"of this run"


@pytest.mark.parametrize("content", [b"", PAYLOAD[:-1], PAYLOAD + b"more"], ids=["none", "less", "more"])
def test_damaged_payload_is_not_lent(tmp_path: Path, run: Path, content: bytes) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    plain, compiled = kept_in(tmp_path / "store" / "a")
    compiled.write_bytes(content)
    assert lent(store, tmp_path / "one", with_bytecode=True) == {NAME: PAYLOAD}
    plain.write_bytes(content)
    assert lent(store, tmp_path / "next", with_bytecode=True) == {}


def test_folder_that_others_may_write_is_not_read(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    assert lent(store, tmp_path / "control") == {NAME: PAYLOAD}
    (tmp_path / "store" / "a").chmod(0o770)
    with pytest.raises(PermissionError, match="written by others"):
        lent(store, tmp_path / "next")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_folder_of_somebody_else_is_neither_read_nor_written(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    os.chown(tmp_path / "store" / "a", 12345, 12345)
    with pytest.raises(PermissionError):
        lent(store, tmp_path / "next")
    (run / f"{NAME}-other").write_bytes(PAYLOAD)
    with pytest.raises(PermissionError):
        store.keep(PREFIX, run)
    assert len(list((tmp_path / "store" / "a").iterdir())) == 2


def test_symlinks_are_not_followed(tmp_path: Path, run: Path) -> None:
    PayloadStore(tmp_path / "store", "a").keep(PREFIX, run)
    (tmp_path / "store" / "b").symlink_to("a")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        lent(PayloadStore(tmp_path / "store", "b"), tmp_path / "next")
    kept, _compiled = kept_in(tmp_path / "store" / "a")
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="Too many levels"):
        lent(PayloadStore(tmp_path / "store", "a"), tmp_path / "another")


def test_oldest_are_dropped(tmp_path: Path, run: Path) -> None:
    names = [f"number-{number}" for number in range(KEPT + 2)]
    for age, name in enumerate(reversed(names)):
        PayloadStore(tmp_path / "store", name).keep(PREFIX, run)
        os.utime(tmp_path / "store" / name, (1000 - age, 1000 - age))
    PayloadStore(tmp_path / "store", "last").keep(PREFIX, run)
    left = {path.name for path in (tmp_path / "store").iterdir()}
    assert "last" in left
    assert len(left) == KEPT


def test_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path, run: Path) -> None:
    (tmp_path / "store").write_text("off")
    store = PayloadStore(tmp_path / "store", "a")
    with pytest.raises(NotADirectoryError):
        store.lend(PREFIX, run)
    with pytest.raises(NotADirectoryError):
        store.keep(PREFIX, run)


# With bytecode


def test_payload_with_bytecode_is_lent_where_it_is_asked_for(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    assert lent(store, tmp_path / "one", with_bytecode=True) == {NAME: COMPILED}
    assert lent(store, tmp_path / "two") == {NAME: PAYLOAD}
    # Hosts with other Pythons in one run: nobody is left without, whichever was first.
    store.lend(PREFIX, tmp_path / "two", with_bytecode=True)
    assert (tmp_path / "two" / NAME).read_bytes() == COMPILED
    store.lend(PREFIX, tmp_path / "two")
    assert (tmp_path / "two" / NAME).read_bytes() == COMPILED


def test_run_with_bytecode_leaves_no_payload(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    before = kept_in(tmp_path / "store" / "a")
    lent(store, tmp_path / "next", with_bytecode=True)
    store.keep(PREFIX, tmp_path / "next")
    assert kept_in(tmp_path / "store" / "a") == before


def test_bytecode_that_a_killed_run_has_not_left_is_made_by_the_next(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    store.keep(PREFIX, run)
    _plain, compiled = kept_in(tmp_path / "store" / "a")
    compiled.unlink()
    assert lent(store, tmp_path / "next", with_bytecode=True) == {NAME: PAYLOAD}
    store.keep(PREFIX, tmp_path / "next")
    assert lent(store, tmp_path / "last", with_bytecode=True) == {NAME: COMPILED}


def test_payload_of_an_unknown_form_is_kept_as_it_is(tmp_path: Path, run: Path) -> None:
    (run / NAME).write_bytes(b"\x80another form")
    store = PayloadStore(tmp_path / "store", "a")
    with pytest.raises(Exception, match="pickle"):
        store.keep(PREFIX, run)
    assert lent(store, tmp_path / "next", with_bytecode=True) == {NAME: b"\x80another form"}


def test_one_process_compiles_for_all(tmp_path: Path, run: Path) -> None:
    store = PayloadStore(tmp_path / "store", "a")
    (tmp_path / "store" / "a").mkdir(parents=True, mode=0o700)
    handle = os.open(tmp_path / "store" / "a", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            store.keep(PREFIX, run)
        assert list((tmp_path / "store" / "a").iterdir()) == []
    finally:
        os.close(handle)
    store.keep(PREFIX, run)
    assert len(kept_in(tmp_path / "store" / "a")) == 2


# What names a payload


def rewrite(path: Path) -> None:
    """Change a file and leave its size and both times that a program can set."""
    before = path.stat()
    path.write_text(path.read_text().swapcase())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Put another file of the same size and age in the place of one."""
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_text(path.read_text().swapcase())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


CHANGES: t.List[t.Callable[[Path], t.Any]] = [
    rewrite,
    replace,
    Path.unlink,
    lambda path: path.with_name("new.py").write_text(""),
    lambda path: path.rename(path.with_name("renamed.py")),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_of_a_source_gives_another_name(tmp_path: Path, change: t.Callable[[Path], t.Any]) -> None:
    (tmp_path / "deep").mkdir()
    source = tmp_path / "deep" / "room.py"
    source.write_text("text")
    before = fingerprint([tmp_path], ["2.19.1"])
    assert fingerprint([tmp_path], ["2.19.1"]) == before
    change(source)
    assert fingerprint([tmp_path], ["2.19.1"]) != before


def test_control_size_and_age_miss_a_change(tmp_path: Path) -> None:
    source = tmp_path / "room.py"
    source.write_text("text")
    before = source.stat()
    rewrite(source)
    assert (source.stat().st_size, source.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_version_and_each_source_are_in_the_name(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(name)
    names = {
        fingerprint([tmp_path], ["2.19.1"]),
        fingerprint([tmp_path], ["2.19.2"]),
        fingerprint([tmp_path / "a.py"], ["2.19.1"]),
        fingerprint([tmp_path / "b.py"], ["2.19.1"]),
        fingerprint([tmp_path / "missing"], ["2.19.1"]),
    }
    assert len(names) == 5
