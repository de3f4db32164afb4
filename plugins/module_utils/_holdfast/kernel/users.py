# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps mounts busy: processes and the kernel itself, told by mounts and not by devices.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import time
import typing as t
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    inodes,
    mountinfo,
    syscalls,
    utf8,
)

# A search is given up after this time, something holds it; after this part of that it stops by itself.
_SECONDS, _SEARCHING = 1.0, 0.8
_SIOCUNIXFILE = 0x89E0  # include/uapi/linux/un.h
_FDINFO_MOUNT = re.compile(r"^mnt_id:\s*([0-9]+)$", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")
# Names of processes and files are other users' text: nothing in it may look like another name.
_STRANGE = re.compile("[^A-Za-z0-9 _.:/@+~%=-]")

# The number of a mount that was asked for, and a user of it; None while nothing is found.
_Step = t.Optional[t.Tuple[int, model.User]]
# The same with the way in which a process uses it.
_Uses = t.Callable[[int, "_Copies"], t.Iterator[t.Optional[t.Tuple[int, str]]]]


def find_users(numbers: t.Collection[int], seconds: float = _SECONDS) -> t.Dict[int, model.Users]:
    """Return what uses each mount with one of these numbers in mountinfo, within about so many seconds.

    No lock may be held: other users can hold whoever looks at their processes, for as long as they like.
    So each search is a child that nobody waits for beyond that. LIMIT: what ends meanwhile, processes of
    another namespace of processes, descriptors in flight, and users in the kernel other than loop devices,
    swap areas and mounts (exports of NFS, for example) are not seen.
    """
    rows = mountinfo.read_mounts()
    asked = {row.mount_id: row for row in rows if row.mount_id in numbers}
    caller = os.getpid()
    searches = [_in_kernel(asked, rows)]
    searches += [_in_processes(asked, caller, uses) for uses in (_leaders, _threads, _mappings, _sockets)]
    tasks = [child.Task(partial(_collect, search, _SEARCHING * seconds)) for search in searches]
    found: t.Dict[int, t.Dict[t.Tuple[str, object], model.User]] = {number: {} for number in asked}
    is_complete = True
    searching: t.Set[int] = set()
    for answer in child.run_together(tasks, seconds, step="users"):
        steps, is_whole, pid = answer if isinstance(answer, tuple) else ((), False, -1)
        is_complete = is_complete and is_whole
        searching.add(pid)
        for number, user in steps:
            found[number].setdefault((user.kind, user.pid or user.text), user)
    # One search may have met another, which had yet to close what it inherited.
    return {
        number: model.Users(
            tuple(sorted(user for user in users.values() if user.pid not in searching)), is_complete
        )
        for number, users in found.items()
    }


def _collect(
    search: t.Iterator[_Step], seconds: float
) -> t.Tuple[t.List[t.Tuple[int, model.User]], bool, int]:
    """Return what is found in time, whether that is all, and which process has searched."""
    deadline = time.monotonic() + seconds
    found = []
    for step in search:
        if step is not None:
            found.append(step)
        if time.monotonic() >= deadline:
            return found, False, os.getpid()
    return found, True, os.getpid()


def _in_kernel(
    asked: t.Mapping[int, model.KernelMount], rows: t.Sequence[model.KernelMount]
) -> t.Iterator[_Step]:
    for row in rows:
        if row.parent_id in asked and row.parent_id != row.mount_id:
            server = "" if row.server is None else f", served by the user {row.server}"
            text = f"{_safe(row.fstype)} at '{_safe(row.mount_point)}'{server}"
            yield row.parent_id, model.User("mount", 0, text)
    for name in _names("/sys/block"):
        path = _read(f"/sys/block/{name}/loop/backing_file").rstrip(b"\n")
        number = _carrier(path, asked, rows)
        text = f"/dev/{_safe(name)} of '{_safe(utf8.decoded(path))}'"
        yield (number, model.User("loop device", 0, text)) if number else None
    for line in _read("/proc/swaps").splitlines()[1:]:
        path = _ESCAPE.sub(lambda found: bytes((int(found[1], 8),)), line.split()[0])
        number = _carrier(path, asked, rows)
        yield (number, model.User("swap area", 0, f"swap '{_safe(utf8.decoded(path))}'")) if number else None


def _carrier(
    raw: bytes, asked: t.Mapping[int, model.KernelMount], rows: t.Sequence[model.KernelMount]
) -> int:
    """Return the number of the mount, of those asked for, that a file with this path lies on; 0 for none."""
    path = utf8.decoded(raw)
    above = [row for row in rows if f"{path}/".startswith(row.mount_point.rstrip("/") + "/")]
    # Of those at one mount point the last one is on top.
    last = max(reversed(above), key=lambda row: len(row.mount_point), default=None) if path else None
    return last.mount_id if last and last.mount_id in asked else 0


def _in_processes(asked: t.Mapping[int, model.KernelMount], caller: int, uses: _Uses) -> t.Iterator[_Step]:
    copies = _Copies(asked)
    for pid in map(int, filter(str.isdigit, _names("/proc"))):
        yield None
        if pid in (caller, os.getpid()):
            continue
        for use in uses(pid, copies):
            if use is None:
                yield None
                continue
            command = _safe(utf8.decoded(_read(f"/proc/{pid}/comm").rstrip(b"\n")))
            yield use[0], model.User("process", pid, f"{pid} ({command}){use[1]}")


class _Copies:
    """Which mounts are meant: those asked for, and their copies in other mount namespaces."""

    def __init__(self, asked: t.Mapping[int, model.KernelMount]) -> None:
        self.asked = asked
        self._meant = {number: (number, "") for number in asked}
        self._known = {_namespace("/proc/self")}

    def find(self, link: str) -> t.Optional[t.Tuple[int, str]]:
        """Return what is meant by what a link of a process leads to."""
        return self._meant.get(_mount_behind(link))

    def learn(self, process: str) -> None:
        """Look for copies in the namespace of this process, if it is a new one."""
        namespace = _namespace(process)
        if namespace in self._known:
            return
        rows = mountinfo.parse_mountinfo(utf8.decoded(_read(f"{process}/mountinfo")))
        if rows:
            self._known.add(namespace)
        for number, row in self.asked.items():
            same = [copy for copy in rows if (copy.device, copy.root) == (row.device, row.root)]
            # Another mount of the same filesystem has copies too.
            here = [copy for copy in same if copy.mount_point == row.mount_point]
            for copy in here or same:
                self._meant.setdefault(copy.mount_id, (number, " in another mount namespace"))


def _leaders(pid: int, copies: _Copies) -> t.Iterator[t.Optional[t.Tuple[int, str]]]:
    yield from _links(f"/proc/{pid}", copies)


def _threads(pid: int, copies: _Copies) -> t.Iterator[t.Optional[t.Tuple[int, str]]]:
    """A thread may have a directory and descriptors of its own, and go on when the leader has ended."""
    for tid in _names(f"/proc/{pid}/task"):
        if tid != str(pid):
            yield from _links(f"/proc/{pid}/task/{tid}", copies)


def _links(task: str, copies: _Copies) -> t.Iterator[t.Optional[t.Tuple[int, str]]]:
    """Not by fdinfo: a user can make who reads that of an epoll descriptor wait (eventpoll.c)."""
    copies.learn(task)
    for link in ("cwd", "root", "exe"):
        yield copies.find(f"{task}/{link}")
    for fd in _names(f"{task}/fd"):
        yield copies.find(f"{task}/fd/{fd}")


def _mappings(pid: int, copies: _Copies) -> t.Iterator[t.Optional[t.Tuple[int, str]]]:
    """Devices say where it is worth looking; an overlay may show those of its layers."""
    devices = [
        b""
        if filesystems.record_of(row.fstype).has_layers
        else b" %02x:%02x " % tuple(map(int, row.device.split(":")))
        for row in copies.asked.values()
    ]
    for tid in _tasks(pid):
        maps = _read(f"/proc/{tid}/maps")
        if any(device in maps for device in devices):
            copies.learn(f"/proc/{tid}")
            for name in _names(f"/proc/{tid}/map_files"):
                yield copies.find(f"/proc/{tid}/map_files/{name}")
        yield None
        if maps:
            return  # threads share their memory


def _sockets(pid: int, copies: _Copies) -> t.Iterator[t.Optional[t.Tuple[int, str]]]:
    """A unix socket keeps the file that it is bound to, and no link tells that."""
    before: t.List[str] = []
    for tid in _tasks(pid):
        names = _names(f"/proc/{tid}/fd")
        if names == before:
            continue  # the same descriptors
        before = names
        copies.learn(f"/proc/{tid}")
        for fd in names:
            yield None
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                if not inodes.inode_behind(f"/proc/{tid}/fd/{fd}").is_socket:
                    continue
                handle = syscalls.pidfd_open(tid, 0 if tid == pid else os.O_EXCL)
                stack.callback(os.close, handle)
                bound = stack.enter_context(socket.socket(fileno=syscalls.pidfd_getfd(handle, int(fd))))
                if bound.family != socket.AF_UNIX:
                    continue
                file = fcntl.ioctl(bound, _SIOCUNIXFILE)
                stack.callback(os.close, file)
                use = copies.find(f"/proc/self/fd/{file}")
                if use:
                    path = _safe(utf8.decoded(os.readlink(f"/proc/self/fd/{file}".encode("ascii"))))
                    yield use[0], f"{use[1]} with the socket '{path}'"


def _tasks(pid: int) -> t.List[int]:
    """Return the threads of a process, its leader first."""
    return sorted(map(int, _names(f"/proc/{pid}/task")), key=lambda tid: tid != pid)


def _namespace(process: str) -> int:
    try:
        return os.stat(f"{process}/ns/mnt").st_ino
    except OSError:
        return 0


def _mount_behind(link: str) -> int:
    """Return the number of the mount that a link of a process leads to, 0 where there is none."""
    try:
        number = inodes.inode_behind(link).mount_id
        if number:
            return number
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError:
        pass  # a filesystem that was shut down, a server that has forgotten the file
    # Before Linux 5.8 only a descriptor tells; one that was opened so has nothing but its mount to tell.
    try:
        fd = os.open(link, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        reported = _FDINFO_MOUNT.search(_read(f"/proc/self/fdinfo/{fd}").decode("ascii", "replace"))
    finally:
        os.close(fd)
    return int(reported.group(1)) if reported else 0


def _names(path: str) -> t.List[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []  # gone, or a kernel without it


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _safe(text: str) -> str:
    return _STRANGE.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in utf8.encoded(found[0])), text)
