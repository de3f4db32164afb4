# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's file on the real kernel: whom it trusts, and how it is replaced."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files, syscalls
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.child import run_with_deadline
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.files import read_trusted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.codec import ledger_to_json
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_reference,
    refused,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.conftest import LIBC, check

LEDGER = Ledger("this-boot", {PATH: make_reference("web")})
NOBODY = 65534


@pytest.fixture(name="file")
def ledger_file(private_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the ledger, whose directories are yet to be made."""
    file = private_place / "ansible" / "facts.d" / "holdfast_mounts.fact"
    monkeypatch.setattr(store, "LEDGER_PATH", str(file))
    return file


@pytest.fixture(name="written")
def written_file(file: Path) -> Path:
    store.LedgerFile().write(LEDGER)
    return file


RESERVE = ".holdfast_mounts.reserve"
NEW = ".holdfast_mounts.new"


def listing(file: Path) -> t.List[str]:
    """Return the names beside the ledger, the reserve's aside."""
    return sorted(set(os.listdir(file.parent)) - {RESERVE})


def make_hard_link(file: Path) -> None:
    os.link(file, file.parent / "other")


def make_link_of_file(file: Path) -> None:
    os.rename(file, file.parent / "real")
    os.symlink("real", file)


def make_link_of_directory(file: Path) -> None:
    os.rename(file.parent, file.parent.parent / "real")
    os.symlink("real", file.parent)


def make_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def make_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


# --- Refusals ---


def test_ledger_behind_a_filesystem_of_a_user_is_refused_at_once(written: Path) -> None:
    """Its root says that it is root's, and nobody serves it."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    data = f"fd={server},rootmode=40755,user_id={NOBODY},group_id={NOBODY},allow_other".encode()
    check(LIBC.mount(b"user", str(written.parent).encode(), b"fuse", ctypes.c_ulong(6), data), "mount")
    try:
        error = refused(run_with_deadline, store.LedgerFile().read, 5, kept=(), step="ledger")
    finally:
        os.close(server)
    assert (error.code, "filesystem of FUSE" in error.message) == ("ledger_untrusted", True)


SPOILERS: t.Dict[str, t.Tuple[t.Callable[[Path], object], str]] = {
    "owner": (lambda file: os.chown(file, NOBODY, 0), "does not belong to root"),
    "group writes": (lambda file: file.chmod(0o664), "more than 0644"),
    "all write": (lambda file: file.chmod(0o646), "more than 0644"),
    "setuid": (lambda file: file.chmod(0o4644), "more than 0644"),
    "executable": (lambda file: file.chmod(0o744), "more than 0644"),
    "hard link": (make_hard_link, "another name"),
    "link": (make_link_of_file, "symbolic link"),
    "fifo": (make_fifo, "not a regular file"),
    "directory": (make_directory, "not a regular file"),
}
DIRECTORY_SPOILERS: t.Dict[str, t.Tuple[t.Callable[[Path], object], str]] = {
    "link of directory": (make_link_of_directory, "symbolic link"),
    "directory's mode": (lambda file: file.parent.chmod(0o777), "users other than root can write"),
    "sticky directory": (lambda file: file.parent.chmod(0o1777), "users other than root can write"),
    "directory's owner": (lambda file: os.chown(file.parent, NOBODY, 0), "users other than root can write"),
    "parent's mode": (lambda file: file.parent.parent.chmod(0o775), "users other than root can write"),
}
ALL_SPOILERS = {**SPOILERS, **DIRECTORY_SPOILERS}


@pytest.mark.parametrize(("spoil", "told"), ALL_SPOILERS.values(), ids=ALL_SPOILERS)
def test_read_what_others_may_have_written_is_untrusted(
    written: Path, spoil: t.Callable[[Path], object], told: str
) -> None:
    spoil(written)
    error = refused(store.LedgerFile().read)
    assert (error.code, error.step) == ("ledger_untrusted", "ledger")
    assert told in error.message


@pytest.mark.parametrize(("spoil", "told"), DIRECTORY_SPOILERS.values(), ids=DIRECTORY_SPOILERS)
def test_write_where_others_may_write_is_untrusted(
    written: Path, spoil: t.Callable[[Path], object], told: str
) -> None:
    before = written.read_bytes()
    spoil(written)
    error = refused(store.LedgerFile().write, Ledger())
    assert (error.code, told in error.message) == ("ledger_untrusted", True)
    assert (written.read_bytes(), listing(written)) == (before, [written.name])


def test_write_where_the_file_is_a_link_is_untrusted(written: Path) -> None:
    make_link_of_file(written)
    assert refused(store.LedgerFile().write, Ledger()).code == "ledger_untrusted"
    assert written.is_symlink()


@pytest.mark.parametrize(
    "spoil", [pytest.param(make_fifo, id="fifo"), pytest.param(make_directory, id="dir")]
)
def test_read_untrusted_leaves_no_descriptor_open(written: Path, spoil: t.Callable[[Path], object]) -> None:
    spoil(written)
    before = len(os.listdir("/proc/self/fd"))
    refused(store.LedgerFile().read)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[]"], ids=["empty", "cut", "not UTF-8", "list"])
def test_read_damaged_text_is_corrupt_and_stays(written: Path, text: bytes) -> None:
    written.write_bytes(text)
    assert refused(store.LedgerFile().read).code == "ledger_corrupt"
    assert written.read_bytes() == text


# --- Reading and writing ---


def test_read_without_a_file_is_an_empty_ledger_and_makes_nothing(file: Path, private_place: Path) -> None:
    assert store.LedgerFile().read() == Ledger()
    assert list(private_place.iterdir()) == []


def test_write_makes_directories_and_file_of_root_that_all_may_read(file: Path) -> None:
    old = os.umask(0o022)  # as journal.prepare_run sets it
    try:
        store.LedgerFile().write(LEDGER)
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file.parent.parent, file.parent, file)]
    assert modes == [0o755, 0o755, 0o644]


def test_write_is_read_back(written: Path) -> None:
    assert store.LedgerFile().read() == LEDGER
    assert written.read_text(encoding="ascii") == ledger_to_json(LEDGER)


@pytest.mark.parametrize("is_there", [True, False], ids=["a file", "no file yet"])
def test_write_that_cannot_sync_its_directory_has_changed_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    if is_there:
        store.LedgerFile().write(LEDGER)
    sync = os.fsync

    def refuse_directories(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(fd)

    ledger = store.LedgerFile()
    before = ledger.read()
    monkeypatch.setattr(os, "fsync", refuse_directories)
    with pytest.raises(OSError, match="error"):
        ledger.write(Ledger("this-boot", {"/srv/other": make_reference("web")}))
    assert (file.exists(), store.LedgerFile().read().references) == (is_there, before.references)
    assert (ledger.read().references, NEW in listing(file)) == (before.references, False)


def test_write_replaces_the_file_and_leaves_an_open_one_whole(written: Path) -> None:
    with open(written, encoding="ascii") as reader:
        store.LedgerFile().write(Ledger("next-boot"))
        assert reader.read() == ledger_to_json(LEDGER)
    assert store.LedgerFile().read() == Ledger("next-boot")
    assert listing(written) == [written.name]


def test_write_takes_away_what_a_killed_writer_left(written: Path) -> None:
    left = written.parent / NEW
    pid = os.fork()
    if pid == 0:
        os.rename = lambda *_arguments, **_named: os.kill(os.getpid(), 9)
        store.LedgerFile().write(Ledger("killed"))
        os._exit(0)
    os.waitpid(pid, 0)
    assert left.exists()
    assert store.LedgerFile().read() == LEDGER
    store.LedgerFile().write(Ledger("next-boot"))
    assert listing(written) == [written.name]


def test_write_does_not_follow_what_stands_at_its_temporary_name(written: Path, private_place: Path) -> None:
    victim = private_place / "victim"
    victim.write_text("precious")
    (written.parent / NEW).symlink_to(victim)
    store.LedgerFile().write(Ledger("next-boot"))
    assert (victim.read_text(), listing(written)) == ("precious", [written.name])


def test_write_that_fails_leaves_the_old_ledger(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        store.LedgerFile().write(Ledger("next-boot"))
    assert (store.LedgerFile().read(), listing(written)) == (LEDGER, [written.name])


# --- A full filesystem ---


def fill(folder: Path) -> None:
    """Leave no free block in a filesystem of 256 KiB."""
    subprocess.run(["mount", "-o", "remount,size=256k", str(folder)], check=True)
    with open(folder / "filler", "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(b"x" * 512):
            pass


def ledger_of(*names: str) -> Ledger:
    return Ledger("this-boot", {f"{PATH}/{name}": make_reference("web" * 30) for name in names})


NAMES = [f"mount-{number}" for number in range(40)]


@pytest.fixture(name="full")
def full_place(file: Path, private_place: Path) -> Path:
    """A ledger of some blocks, where every other block is somebody else's."""
    store.LedgerFile().write(ledger_of(*NAMES))
    fill(private_place)
    return file


@pytest.mark.parametrize("exchanges", [True, False], ids=["exchange", "rename"])
def test_write_shorter_and_shorter_works_on_a_full_filesystem(
    full: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(syscalls, "RENAME_EXCHANGE", 1 << 20)
    for left in range(len(NAMES) - 1, -1, -1):
        store.LedgerFile().write(ledger_of(*NAMES[:left]))
        assert full.read_text(encoding="ascii") == ledger_to_json(ledger_of(*NAMES[:left]))
        assert stat.S_IMODE(full.stat().st_mode) == 0o644
        assert stat.S_IMODE((full.parent / RESERVE).stat().st_mode) == 0o600
        # Whoever fills the disk takes what was given back.
        fill(full.parent.parent.parent)
    assert listing(full) == [full.name]
    assert store.LedgerFile().read() == ledger_of()


def test_write_longer_is_refused_on_a_full_filesystem_and_what_is_shorter_works_after_it(full: Path) -> None:
    for more in ("another", "and another"):
        with pytest.raises(OSError, match="No space"):
            store.LedgerFile().write(ledger_of(*NAMES, more))
        assert store.LedgerFile().read() == ledger_of(*NAMES)
        assert listing(full) == [full.name]
    store.LedgerFile().write(ledger_of(*NAMES[1:]))


def test_write_as_long_in_another_order_works_on_a_full_filesystem(full: Path) -> None:
    """Little goes first, then much: each time there is as much room as the ledger takes."""
    store.LedgerFile().write(ledger_of(*NAMES[1:]))
    store.LedgerFile().write(ledger_of("mount-7"))
    store.LedgerFile().write(ledger_of())


def test_write_with_room_again_goes_on_as_before(full: Path, private_place: Path) -> None:
    store.LedgerFile().write(ledger_of(*NAMES[1:]))
    (private_place / "filler").unlink()
    store.LedgerFile().write(ledger_of(*NAMES, "another"))
    size, taken = full.stat().st_size, (full.parent / RESERVE).stat()
    assert size <= taken.st_size < size + 4096
    assert taken.st_blocks * 512 >= size


@pytest.mark.parametrize("step", ["pwrite", "fsync", "renameat2", "ftruncate", "chmod"])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_write_killed_on_a_full_filesystem_leaves_a_whole_ledger_and_room(
    full: Path, step: str, is_after: bool
) -> None:
    pid = os.fork()
    if pid == 0:
        module: t.Any = syscalls if step == "renameat2" else os
        real = getattr(module, step)

        def die(*arguments: t.Any, **named: t.Any) -> None:
            if is_after:
                real(*arguments, **named)
            os.kill(os.getpid(), 9)

        setattr(module, step, die)
        store.LedgerFile().write(ledger_of(*NAMES[:3]))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert store.LedgerFile().read() in (ledger_of(*NAMES), ledger_of(*NAMES[:3]))
    fill(full.parent.parent.parent)
    left = sorted(store.LedgerFile().read().references)
    while left:
        left.pop()
        store.LedgerFile().write(Ledger("this-boot", {path: make_reference("web" * 30) for path in left}))
    assert listing(full) == [full.name]


def test_reserve_that_somebody_took_away_is_made_again(written: Path) -> None:
    (written.parent / RESERVE).unlink()
    store.LedgerFile().write(Ledger("next-boot"))
    assert (written.parent / RESERVE).stat().st_size == 4096


@pytest.mark.parametrize("kind", ["link", "hard link", "owner"])
def test_reserve_that_is_another_file_is_not_written_into(full: Path, private_place: Path, kind: str) -> None:
    victim, reserve = full.parent / "victim", full.parent / RESERVE
    os.rename(reserve, victim)
    before = victim.read_bytes()
    if kind == "link":
        reserve.symlink_to(victim)
    else:
        os.link(victim, reserve)
    if kind == "owner":
        victim.unlink()
        os.chown(reserve, NOBODY, 0)
        before = b""
    with contextlib.suppress(OSError):
        store.LedgerFile().write(ledger_of(*NAMES[1:]))
    assert (victim.read_bytes() if kind != "owner" else b"") == before
    (private_place / "filler").unlink()
    store.LedgerFile().write(ledger_of(*NAMES[1:]))
    assert store.LedgerFile().read() == ledger_of(*NAMES[1:])


def test_reader_of_what_becomes_the_reserve_reads_again(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is opened; two writes later it is the reserve that is being written into."""
    torn = [b'{\n "boot_id": "this']
    monkeypatch.setattr(files, "read_trusted", lambda *a, **b: torn.pop() if torn else read_trusted(*a, **b))
    assert store.LedgerFile().read() == ledger_of(*NAMES)


def test_require_room_leaves_nothing(written: Path) -> None:
    store.require_room(100)
    assert (store.LedgerFile().read(), listing(written)) == (LEDGER, [written.name])


def test_require_room_on_a_full_filesystem_is_refused_and_leaves_nothing(written: Path) -> None:
    with pytest.raises(OSError, match=r"No space|too large"):
        store.require_room(1 << 40)
    assert listing(written) == [written.name]
