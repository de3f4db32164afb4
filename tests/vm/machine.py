# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A virtual machine of the tests: started, spoken to over SSH on loopback, rebooted, and ended.

Everything of a machine lies in its folder: disk overlay, keys, inventory, console log, process id. So a
later process finds it again, and a later run ends what a crashed one left.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import typing as t
from pathlib import Path

from architecture import ARCHITECTURES, Architecture
from cpio import Entry, make_archive
from image import Image, Unavailable, require

EMULATORS = {
    "qemu-img": "qemu-utils",
    "ssh": "openssh-client",
    "timeout": "coreutils",
}
# Emulation is slow, and slower on a busy host: only what hangs meets these.
BOOT_SECONDS = 400
COMMAND_SECONDS = 600
# A machine that nobody ends ends by itself.
LIFETIME_SECONDS = 3 * 3600
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# Disks beside the root's, /dev/vdb and /dev/vdc: nothing is on them.
SPARES, SPARE_SIZE = ("first", "second"), "64M"
MEMORY = 1536
# Of QEMU's package, and of a package of its own in newer Debians.
VIRTIOFS_SERVERS = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
KERNEL_WORDS = "root=/dev/vda rw net.ifnames=0 mitigations=off quiet loglevel=4"


class Machine:
    """One machine and its folder; it need not run yet, and may have been started by another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.console = self.folder / "console.log"
        self.inventory = self.folder / "inventory.yml"

    # Life

    def start(self, image: Image) -> None:
        """Boot from an image with a fresh overlay and wait for SSH. Raises Unavailable."""
        architecture = image.architecture
        require({**EMULATORS, architecture.emulator: architecture.package})
        self.end()
        self.folder.mkdir(parents=True, exist_ok=True)
        old = list(self.folder.iterdir())
        if old and self.folder / "key" not in old:
            raise Unavailable(f"{self.folder} has files that are no machine's")
        for path in old:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        self._make_keys()
        self._make_disks(image)
        (self.folder / "initrd").write_bytes(image.initrd.read_bytes() + self._seed())
        (self.folder / "kernel").symlink_to(image.kernel)
        for fstype in image.shares:
            (self.folder / f"shared-{fstype}").mkdir()
        words = f"{KERNEL_WORDS} console={architecture.console} {image.kernel_words}\n"
        (self.folder / "kernel_words").write_text(words, encoding="ascii")
        (self.folder / "architecture").write_text(f"{architecture.name}\n", encoding="ascii")
        self._launch()

    def reboot(self) -> None:
        """Have the system shut down and boot again, and wait for SSH. The disk is kept."""
        before = self.ssh(f"cat {BOOT_ID}").stdout
        self._try("systemctl reboot")
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._has_banner() and self._try(f"cat {BOOT_ID}") not in ("", before):
                return
            time.sleep(0.5)
        raise Unavailable(f"it does not come back:\n{self.tail()}")

    def cut_power(self) -> None:
        """End the machine at once, boot it from what its disk holds, and wait for SSH."""
        self.end()
        self._launch()

    def exchange_spares(self) -> None:
        """Shut the system down, exchange the two spare disks, boot, and wait for SSH."""
        self._try("systemctl poweroff")
        deadline = time.monotonic() + BOOT_SECONDS
        while self.find_process() is not None:
            if time.monotonic() > deadline:
                raise Unavailable(f"it does not shut down:\n{self.tail()}")
            time.sleep(0.5)
        first, second = (self.folder / f"{name}.qcow2" for name in SPARES)
        first.rename(self.folder / "exchanged")
        second.rename(first)
        (self.folder / "exchanged").rename(second)
        self._launch()

    def end(self) -> None:
        """End the machine at once. Its folder stays."""
        for name in ("pid", "virtiofs.pid"):
            self._end_process(name)

    def _end_process(self, name: str) -> None:
        pid = self.find_process(name)
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while self.find_process(name) is not None:
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.05)

    def find_process(self, name: str = "pid") -> t.Optional[int]:
        """Return the process of the emulator, or of another file in the folder, None when it has ended.

        Numbers of processes are used again: only one that names this folder is ours.
        """
        try:
            pid = int((self.folder / name).read_text(encoding="ascii"))
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(str(self.folder)) in words else None

    def tail(self) -> str:
        """Return the end of what the machine said on its console."""
        try:
            text = self.console.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "(no console)"
        return "\n".join(text.splitlines()[-30:])

    # Talk

    @property
    def port(self) -> int:
        """The port of its SSH server on loopback."""
        return int((self.folder / "port").read_text(encoding="ascii"))

    def ssh_words(self) -> t.List[str]:
        """Return the command that reaches it, without what to run there."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "LogLevel=ERROR", "StrictHostKeyChecking=yes"]
        options.append(f"UserKnownHostsFile={shlex.quote(str(self.folder / 'known_hosts'))}")
        words = ["ssh", "-F", "/dev/null", "-i", str(self.folder / "key"), "-p", str(self.port)]
        return words + [word for option in options for word in ("-o", option)] + ["root@127.0.0.1"]

    def ssh(
        self, command: str, *, text: str = "", check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command in it and return what came of it."""
        done = subprocess.run(
            [*self.ssh_words(), command],
            check=False,
            input=text,
            capture_output=True,
            text=True,
            errors="backslashreplace",  # the journal keeps what others wrote
            timeout=seconds,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{command!r} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    # Parts

    def _try(self, command: str) -> str:
        """Return what a command printed, nothing when the machine goes away in the middle."""
        try:
            return self.ssh(command, check=False, seconds=60).stdout
        except subprocess.TimeoutExpired:
            return ""

    def _make_keys(self) -> None:
        for name in ("key", "host_key"):
            path = str(self.folder / name)
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True
            )

    def _make_disks(self, image: Image) -> None:
        """Make the root's overlay, and disks without a filesystem that a test may fill."""
        create = ["qemu-img", "create", "-q", "-f", "qcow2"]
        backed = ["-F", "raw", "-b", str(image.disk), "disk.qcow2"]
        for words in (backed, *([f"{name}.qcow2", SPARE_SIZE] for name in SPARES)):
            subprocess.run([*create, *words], cwd=self.folder, check=True)

    def _seed(self) -> bytes:
        """Return an archive with the keys of this run, laid out as on the disk."""
        public = (self.folder / "key.pub").read_bytes()
        folders = ("seed", "seed/etc", "seed/etc/ssh", "seed/root", "seed/root/.ssh")
        entries = [Entry(name, None, 0o700 if "root" in name else 0o755) for name in folders]
        entries.append(Entry("seed/root/.ssh/authorized_keys", public, 0o600))
        for suffix, mode in (("", 0o600), (".pub", 0o644)):
            content = (self.folder / f"host_key{suffix}").read_bytes()
            entries.append(Entry(f"seed/etc/ssh/ssh_host_ed25519_key{suffix}", content, mode))
        return make_archive(entries)

    def _launch(self) -> None:
        """Start the emulator on a port that is free, and wait until SSH answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (self.folder / "port").write_text(f"{port}\n", encoding="ascii")
        self._write_words_about(port)
        if self._shares("virtiofs"):
            self._serve_folder()
        with (self.folder / "emulator.log").open("a") as log:
            process = subprocess.Popen(
                self._emulator_words(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(f"{process.pid}\n", encoding="ascii")
        deadline = time.monotonic() + BOOT_SECONDS
        while not self._has_banner():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "emulator.log").read_text(encoding="utf-8", errors="replace")
                self.end()
                raise Unavailable(f"it does not boot: {said}\n{self.tail()}")
            time.sleep(0.25)

    def _architecture(self) -> Architecture:
        return ARCHITECTURES[(self.folder / "architecture").read_text(encoding="ascii").strip()]

    def _shares(self, fstype: str) -> bool:
        """Whether the machine is offered a folder of this one by a type; its tag is the type's name."""
        return (self.folder / f"shared-{fstype}").is_dir()

    def _serve_folder(self) -> None:
        """Start the server of virtiofs, which ends with the emulator, and wait for its socket."""
        program = next((path for path in VIRTIOFS_SERVERS if os.access(path, os.X_OK)), None)
        if program is None:
            raise Unavailable(f"none of {', '.join(VIRTIOFS_SERVERS)} is here")
        place = self.folder / "virtiofs.socket"
        place.unlink(missing_ok=True)
        words = [program, f"--socket-path={place}", "-o", f"source={self.folder / 'shared-virtiofs'}"]
        with (self.folder / "virtiofs.log").open("a") as log:
            server = subprocess.Popen(
                [*words, "-o", "xattr", "-o", "sandbox=chroot"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.folder / "virtiofs.pid").write_text(f"{server.pid}\n", encoding="ascii")
        deadline = time.monotonic() + 30
        while not place.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise Unavailable((self.folder / "virtiofs.log").read_text(encoding="utf-8"))
            time.sleep(0.05)

    def _share_words(self) -> t.List[str]:
        words = []
        if self._shares("9p"):
            words += ["-fsdev", f"local,id=nine,path={self.folder / 'shared-9p'},security_model=none"]
            words += ["-device", "virtio-9p-pci,fsdev=nine,mount_tag=9p"]
        if self._shares("virtiofs"):
            words += ["-object", f"memory-backend-memfd,id=memory,size={MEMORY}M,share=on"]
            words += ["-numa", "node,memdev=memory"]
            words += ["-chardev", f"socket,id=virtiofs,path={self.folder / 'virtiofs.socket'}"]
            words += ["-device", "vhost-user-fs-pci,chardev=virtiofs,tag=virtiofs"]
        return words

    def _emulator_words(self, port: int) -> t.List[str]:
        architecture = self._architecture()
        words = ["timeout", "--kill-after=10", str(LIFETIME_SECONDS), architecture.emulator]
        words += [
            *architecture.machine,
            "-accel",
            "tcg,thread=multi,tb-size=512",
            "-smp",
            "2",
            "-m",
            str(MEMORY),
        ]
        words += ["-nodefaults", "-display", "none", "-serial", f"file:{self.console}"]
        words += ["-kernel", str(self.folder / "kernel"), "-initrd", str(self.folder / "initrd")]
        words += ["-append", (self.folder / "kernel_words").read_text(encoding="ascii").strip()]
        for name in ("disk", *SPARES):
            file = self.folder / f"{name}.qcow2"
            words += ["-drive", f"file={file},format=qcow2,if=none,id={name},cache=unsafe"]
            words += ["-device", f"virtio-blk-pci,drive={name}"]
        # The machine reaches nothing outside; only its SSH server is reached, and only from loopback.
        words += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
        words += ["-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"]
        return words + self._share_words()

    def _write_words_about(self, port: int) -> None:
        """Write what SSH and Ansible need to know."""
        host_key = (self.folder / "host_key.pub").read_text(encoding="ascii")
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}", encoding="ascii")
        known = shlex.quote(str(self.folder / "known_hosts"))
        arguments = f"-F /dev/null -o IdentitiesOnly=yes -o UserKnownHostsFile={known}"
        lines = ["---", "all:", "  hosts:", "    vm:", "      ansible_host: 127.0.0.1"]
        lines += [f"      ansible_port: {port}", "      ansible_user: root"]
        lines += ["      ansible_python_interpreter: /usr/bin/python3"]
        lines += [f"      ansible_ssh_private_key_file: {self.folder / 'key'}"]
        lines += [f'      ansible_ssh_common_args: "{arguments}"']
        self.inventory.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _has_banner(self) -> bool:
        """Return whether an SSH server greets; the emulator itself accepts connections from the start."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False
