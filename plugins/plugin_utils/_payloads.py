# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payloads of modules, kept on the controller from run to run.

Ansible looks for what a module imports by parsing all of it, once per run and module. For the modules of
this collection that takes longer than the rest of a task. It leaves what it found in a folder of the run,
and takes what it finds there. So that file is kept, as Python keeps bytecode, under a name made of everything
that it depends on; and once more with bytecode in it. Private to holdfast.mounts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.holdfast.mounts.plugins.plugin_utils._bytecode import add_bytecode

# Two versions of Ansible or of this collection in turns, in two environments each.
KEPT = 4
# What Ansible has beside a payload: its lock, and for a moment a part of it.
NOT_WHOLE = (".lock", "-part")
# What the name of a payload with bytecode begins with.
BYTECODE = "bytecode-"


def fingerprint(sources: t.Iterable[Path], versions: t.Iterable[str]) -> str:
    """Return a name for what these files and folders hold, and for these versions.

    Any write to a file, or another one in its place, changes it: its number, size and both times are in it.
    Raises OSError.
    """
    digest = hashlib.sha256("\0".join((*versions, sys.version)).encode())
    for source in sources:
        for path in sorted(_files_of(source)):
            found = os.stat(path)
            told = (path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            digest.update(repr(told).encode())
    return digest.hexdigest()


def _files_of(source: Path) -> t.Iterator[str]:
    if source.is_file():
        yield str(source)
    for folder, _folders, names in os.walk(source):
        yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


class PayloadStore:
    """The folder of the payloads, and in it a folder for each fingerprint. Methods raise OSError.

    What lies there is run by root on managed hosts. So it is read only where nobody else may write, and only
    what is whole: its name ends in its SHA-256, as nothing is flushed to disk that can be made again.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.payloads = folder / name

    def lend(self, prefix: str, run: Path, *, with_bytecode: bool = False) -> None:
        """Copy the payloads that begin with this prefix to the folder of a run, which lacks them.

        with_bytecode: rather those, and in the place of others.
        """
        handle = self._open()
        try:
            names = os.listdir(handle)
            for kind in (BYTECODE, "") if with_bytecode else ("",):
                for kept in (name for name in names if name.startswith(kind + prefix)):
                    name, _dot, checksum = kept[len(kind) :].rpartition(".")
                    if not _is_lent(run / name, kept, handle, is_any=not kind):
                        content = _read(kept, handle)
                        if hashlib.sha256(content).hexdigest() == checksum:
                            _write(run / name, content)
        finally:
            os.close(handle)

    def keep(self, prefix: str, run: Path) -> None:
        """Copy the payloads that begin with this prefix, and that the store lacks, from the folder of a run.

        Then drops the oldest. Raises BlockingIOError while another process does it.
        """
        made = [path for path in run.iterdir() if path.name.startswith(prefix)]
        made = [path for path in made if not path.name.endswith(NOT_WHOLE)]
        if not made:
            return
        self.payloads.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = self._open()
        try:
            # A process that was killed between the two has left one; a run gets bytecode from here alone.
            lacking = [path for path in made if BYTECODE + path.name not in _names(handle)]
            if not lacking:
                return
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            kept = _names(handle)
            for path in lacking:
                content = path.read_bytes()
                if path.name not in kept:
                    self._keep(path.name, content)
                if BYTECODE + path.name not in kept:
                    self._keep(BYTECODE + path.name, add_bytecode(content))
        finally:
            os.close(handle)
        self._drop_oldest()

    def _keep(self, name: str, content: bytes) -> None:
        _write(self.payloads / f"{name}.{hashlib.sha256(content).hexdigest()}", content)

    def _drop_oldest(self) -> None:
        ages = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in ages[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)

    def _open(self) -> int:
        """Return a descriptor of the folder of the payloads, which is nobody else's."""
        handle = os.open(self.payloads, os.O_DIRECTORY | os.O_NOFOLLOW)
        found = os.fstat(handle)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
            os.close(handle)
            raise PermissionError(f"{self.payloads} may be written by others")
        return handle


def _names(folder: int) -> t.Set[str]:
    """Return the names of the payloads in a folder, without their checksums."""
    return {name.rpartition(".")[0] for name in os.listdir(folder)}


def _is_lent(path: Path, kept: str, folder: int, *, is_any: bool) -> bool:
    """Whether a run has a payload: this one, as its size tells, or any."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    return is_any or size == os.stat(kept, dir_fd=folder, follow_symlinks=False).st_size


def _read(name: str, folder: int) -> bytes:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(handle, "rb") as stream:
        return stream.read()


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody sees a part of it."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=NOT_WHOLE[1])
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
