# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fork private worlds: mount namespaces in which modules and programs run, told what to do by JSON lines.

Started as a script with the number of an inherited socket. Every message on it carries one more socket; a
child is forked that unshares its mount namespace and serves that socket until the other end closes it. The
modules are imported once, so that a call costs a fork and not a start of Python.
"""

from __future__ import annotations

import array
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import sys
import traceback
import typing as t

from harness.namespace import CLONE_NEWNS, LIBC, become, check, make_world, mount
from harness.seccomp import forbid

MODULES = "ansible_collections.holdfast.mounts.plugins.modules."
OURS = "ansible_collections.holdfast.mounts.plugins.module_utils._holdfast"


def run_module(name: str, arguments: t.Dict[str, t.Any], identity: str, fuse: t.Optional[Fuse] = None) -> int:
    """Run a module's main as ansible-core does and return its exit status."""
    from ansible.module_utils import basic

    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    if hasattr(basic, "_ANSIBLE_PROFILE"):
        basic._ANSIBLE_PROFILE = "legacy"
    module = importlib.import_module(MODULES + name)
    become(identity)
    if fuse:
        fuse.module = os.getpid()  # it was made by the parent
    sys.setprofile(fuse)
    try:
        module.main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        sys.setprofile(None)
    return 0


class Fuse:
    """Kills a module after its nth call of the operating system, for crashes at every point in turn.

    Calls are those of the built-in modules that make system calls. n of 0 only counts: the number is
    printed to the standard error stream when the module has ended. A child that the module forks for
    what may hang goes on counting from where it began, and both are killed together.
    """

    MODULES = ("posix", "fcntl", "_ctypes")

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0
        self.module = os.getpid()

    def __call__(self, _frame: t.Any, event: str, called: t.Any) -> None:
        if event in ("c_return", "c_exception") and getattr(called, "__module__", "") in self.MODULES:
            self.count += 1
            if self.count == self.number:
                os.kill(self.module, signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)


def forget_kernel() -> None:
    """Have this process find out again what the kernel answers: the warm one has asked without a filter."""
    for module in [module for name, module in sys.modules.items() if name.startswith(OURS)]:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def inherit_oddly(umask: int) -> None:
    """Have what a strange caller leaves its children: a umask, signals blocked and ignored, limits."""
    os.umask(umask)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1))
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CPU, (300, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.RLIM_INFINITY))


class Job:
    """A child process with its output in memory files."""

    def __init__(self) -> None:
        self.stdout = os.memfd_create("stdout")
        self.stderr = os.memfd_create("stderr")
        self.pid = 0

    def enter_child(self, text: str, directory: str, *, own_group: bool) -> None:
        """Give the child its standard files."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if own_group:
            os.setsid()
        os.chdir(directory)
        reader, writer = os.pipe()
        if text:
            os.write(writer, text.encode())
        os.close(writer)
        os.dup2(reader, 0)
        os.dup2(self.stdout, 1)
        os.dup2(self.stderr, 2)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
        os.closerange(3, 256)

    def finish(self, status: int) -> t.Dict[str, t.Any]:
        """Return what came of it and drop the memory files."""
        texts = []
        for handle in (self.stdout, self.stderr):
            size = os.fstat(handle).st_size
            texts.append(os.pread(handle, size, 0).decode("utf-8", "backslashreplace"))
            os.close(handle)
        return {"rc": os.waitstatus_to_exitcode(status), "stdout": texts[0], "stderr": texts[1]}


class Server:
    """Serves one world's socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.jobs: t.Dict[int, Job] = {}

    def serve(self) -> None:
        """Answer until the other end closes; then end what is left running."""
        stream = self.connection.makefile("rwb")
        for line in stream:
            request = json.loads(line)
            try:
                answer = {"ok": getattr(self, "do_" + request.pop("do"))(**request)}
            except Exception:
                answer = {"error": traceback.format_exc()}
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()
        for pid in self.jobs:
            os.kill(pid, signal.SIGKILL)

    def do_world(self, *, propagation: str, private_dev: bool) -> int:
        make_world(propagation, private_dev=private_dev)
        return os.getpid()

    def do_module(
        self,
        *,
        name: str,
        arguments: t.Dict[str, t.Any],
        identity: str,
        namespace: bool = False,
        fuse: t.Optional[int] = None,
        umask: t.Optional[int] = None,
        forbidden: t.Optional[t.Tuple[t.List[str], int]] = None,
    ) -> int:
        job = Job()
        burning = None if fuse is None else Fuse(fuse)
        pid = os.fork()
        if pid == 0:
            status = 71
            try:
                job.enter_child("", "/", own_group=True)
                if namespace:
                    check(LIBC.unshare(CLONE_NEWNS), "unshare")
                if umask is not None:
                    inherit_oddly(umask)
                if forbidden is not None:
                    forget_kernel()
                    forbid(*forbidden)
                status = run_module(name, arguments, identity, burning)
                sys.stdout.flush()
                if burning:
                    sys.stderr.write(f"\n{burning.count}")
                sys.stderr.flush()
            finally:
                os._exit(status)
        return self.keep(job, pid)

    def do_program(
        self, *, argv: t.List[str], environment: t.Optional[t.Dict[str, str]], directory: str, text: str
    ) -> int:
        job = Job()
        pid = os.fork()
        if pid == 0:
            try:
                job.enter_child(text, directory, own_group=True)
                os.execvpe(argv[0], argv, os.environ if environment is None else environment)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(127)
        return self.keep(job, pid)

    def keep(self, job: Job, pid: int) -> int:
        """Remember a job by its process id."""
        job.pid = pid
        self.jobs[pid] = job
        return pid

    def do_wait(self, *, pid: int, seconds: float) -> t.Optional[t.Dict[str, t.Any]]:
        handle = os.pidfd_open(pid)
        try:
            if not select.select([handle], [], [], seconds)[0]:
                return None
        finally:
            os.close(handle)
        status = os.waitpid(pid, 0)[1]
        return self.jobs.pop(pid).finish(status)

    def do_kill(self, *, pid: int, number: int) -> None:
        os.kill(pid, number)

    def do_mount(self, *, source: str, target: str, fstype: str, flags: int, data: str) -> None:
        mount(source, target, fstype, flags, data)

    def do_unmount(self, *, target: str, flags: int) -> None:
        check(LIBC.umount2(target.encode(), flags), f"umount2 {target}")


def warm_up() -> None:
    """Have everything imported that a call imports late: an unprivileged child may not read it."""
    stdout = os.dup(1)
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    refused = {"path": "relative", "state": "released", "_ansible_check_mode": True}
    run_module("safe_mount", refused, "root")
    run_module("safe_mount_facts", {"paths": ["/nothing"]}, "root")
    package = importlib.import_module(OURS)
    for module in pkgutil.walk_packages(package.__path__, OURS + "."):
        importlib.import_module(module.name)
    sys.stdout.flush()
    os.dup2(stdout, 1)
    os.close(stdout)


def receive(control: socket.socket) -> t.Optional[socket.socket]:
    """Return the socket that came with the next message, None when the other end has closed."""
    numbers = array.array("i")
    text, ancillary, _flags, _address = control.recvmsg(1, socket.CMSG_SPACE(numbers.itemsize))
    if not text:
        return None
    for _level, _kind, data in ancillary:
        numbers.frombytes(data[: numbers.itemsize])
    return socket.socket(fileno=numbers[0])


def main() -> None:
    """Fork a world for every socket that is sent."""
    control = socket.socket(fileno=int(sys.argv[1]))
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection = receive(control)
        if connection is None:
            return
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Server(connection).serve()
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    main()
