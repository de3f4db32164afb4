# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build the image of the virtual machine from Debian's packages, or find the one that was built before.

An image is a folder with a disk, a kernel and an archive of the first process. It lies outside of the
checkout, is named after a hash of its recipe, and never changes: machines write to overlays.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from architecture import ARCHITECTURES, NATIVE, Architecture
from cpio import Entry, make_archive

RECIPE = Path(__file__).resolve().parent / "recipe"
SUITE = "bookworm"
DISK_SIZE = "4G"
# Drivers that Debian builds as modules, and that the machine needs before it has a disk.
DRIVERS = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "crc32c_generic", "ext4")
MODULES = ("architecture.py", "cpio.py")
BUILDERS = {"mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs", "unshare": "util-linux"}


class Unavailable(Exception):
    """The machine cannot be had here; the message says what is missing."""


class Image(t.NamedTuple):
    """What a machine is started from."""

    folder: Path
    variant: str = ""

    @property
    def kernel_words(self) -> str:
        """What the variant's kernel is told beyond what every machine's is."""
        words = RECIPE / self.variant / "kernel_words.txt"
        return words.read_text(encoding="ascii").strip() if words.is_file() else "audit=0"

    @property
    def architecture(self) -> Architecture:
        """What its programs are for."""
        name = RECIPE / self.variant / "architecture.txt"
        return ARCHITECTURES[name.read_text(encoding="ascii").strip() if name.is_file() else NATIVE]

    @property
    def recipes(self) -> t.List[Path]:
        """The folders that it is made after; one of another architecture has nothing of the others'."""
        own = [RECIPE / self.variant] if self.variant else []
        return own if self.architecture.is_foreign else [RECIPE, *own]

    @property
    def shares(self) -> t.FrozenSet[str]:
        """By which types the emulator shares a folder with the variant's machine."""
        names = RECIPE / self.variant / "shares.txt"
        return frozenset(names.read_text(encoding="ascii").split()) if names.is_file() else frozenset()

    @property
    def disk(self) -> Path:
        """The root filesystem, raw."""
        return self.folder / "disk.raw"

    @property
    def kernel(self) -> Path:
        """What the emulator boots directly."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The archive of the first process; a run appends its own."""
        return self.folder / "initrd"


def find_cache() -> Path:
    """Return the folder of all images."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(cache) / "holdfast-mounts"


def find_image(variant: str = "") -> Image:
    """Return where the image of this recipe is, or would be.

    variant: a folder of the recipe, which adds to it.
    """
    digest = hashlib.sha256()
    recipe = [path for path in (*RECIPE.iterdir(), *(RECIPE / variant).iterdir()) if path.is_file()]
    for path in (*sorted(set(recipe)), Path(__file__), *map(Path(__file__).with_name, MODULES)):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    name = f"vm-{variant}-" if variant else "vm-"
    return Image(find_cache() / f"{name}{digest.hexdigest()[:16]}", variant)


def provide_image(say: t.Callable[[str], None], variant: str = "") -> Image:
    """Return the image, built when it is not there. Raises Unavailable."""
    image = find_image(variant)
    if image.folder.is_dir():
        return image
    require({**BUILDERS, "depmod": "kmod"} if image.architecture.is_foreign else BUILDERS)
    if os.geteuid() != 0:
        raise Unavailable("an image can be built by root only")
    image.folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(image.folder.parent / "lock"):
        if not image.folder.is_dir():
            build(image, say)
    return image


def require(commands: t.Mapping[str, str]) -> None:
    """Raise Unavailable when a command is missing; commands maps each to its Debian package."""
    missing = sorted({package for command, package in commands.items() if shutil.which(command) is None})
    if missing:
        raise Unavailable(f"these Debian packages are missing: {' '.join(missing)}")


@contextlib.contextmanager
def locked(path: Path) -> t.Iterator[None]:
    """Hold a lock between processes: only one builds."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def build(image: Image, say: t.Callable[[str], None]) -> None:
    """Build an image aside, and give it its name when it is complete."""
    started = time.monotonic()
    say(f"building {image.folder}")
    with tempfile.TemporaryDirectory(prefix="build-", dir=image.folder.parent) as scratch:
        result = Path(scratch) / "image"
        result.mkdir(0o755)
        root = Path(scratch) / "root"
        install(root, image, Path(scratch) / "log")
        make_boot_files(root, Image(result), Path(scratch) / "log")
        shutil.rmtree(root / "boot")
        run(["mkfs.ext4", "-q", "-d", str(root), str(Image(result).disk), DISK_SIZE], Path(scratch) / "log")
        result.rename(image.folder)
    say(f"built in {time.monotonic() - started:.0f} s")


def install(root: Path, image: Image, log: Path) -> None:
    """Make the root filesystem in a mount namespace of its own, so that nothing stays mounted.

    Packages of another architecture are unpacked alone: their scripts do not run here, and nothing of this
    machine is told to run them.
    """
    texts = [path.read_text(encoding="utf-8") for path in find_package_lists(image.recipes)]
    lines = [line for text in texts for line in text.splitlines()]
    packages = ",".join(line for line in lines if line and not line.startswith("#"))
    argv = ["unshare", "--mount", "--propagation", "private", "mmdebstrap", "--mode=root"]
    argv += ["--format=directory", '--aptopt=Acquire::Languages "none"', f"--include={packages}"]
    argv += ['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io"]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
    if image.architecture.is_foreign:
        argv += ["--variant=extract", f"--architectures={image.architecture.name}", "--include=?essential"]
    else:
        argv += ["--variant=minbase"]
    argv += [f'--setup-hook=sh {script} "$1"' for script in find_scripts(image.recipes, "setup.sh")]
    customize = find_scripts(image.recipes, "customize.sh")
    if not image.architecture.is_foreign:
        argv += [f'--customize-hook=sh {script} "$1"' for script in customize]
    argv += [SUITE, str(root)]
    sources = find_sources()
    # The kernel's package would build an initial RAM disk, which is not used.
    environment = dict(os.environ, INITRD="No", LC_ALL="C.UTF-8")
    run(argv + (["-"] if sources else []), log, text=sources, environment=environment)
    if image.architecture.is_foreign:
        # mmdebstrap calls nothing after unpacking.
        for script in customize:
            run(["sh", str(script), str(root)], log)


def find_scripts(recipes: t.Sequence[Path], name: str) -> t.List[Path]:
    """Return the scripts of this name that the recipes have."""
    return [path for path in (recipe / name for recipe in recipes) if path.is_file()]


def find_package_lists(recipes: t.Sequence[Path]) -> t.List[Path]:
    """Return the files that name packages; a variant's add to them, but its kernel is the only one."""
    lists = [path for path in (recipe / "packages.txt" for recipe in recipes) if path.is_file()]
    return [*lists, [path for path in (recipe / "kernel.txt" for recipe in recipes) if path.is_file()][-1]]


def find_sources() -> str:
    """Return the lines of sources.list for Debian as this machine has them, for its mirror is near.

    Nothing when this machine is not a Debian of that suite: mmdebstrap knows where Debian is.
    """
    lines = []
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace")):
            field = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
            for place in field.get("URIs", "").split():
                if re.search(r"/debian(-security)?/?$", place):
                    suites = [name for name in field.get("Suites", "").split() if name.startswith(SUITE)]
                    lines += [f"deb {place} {suite} main\n" for suite in suites]
    return "".join(lines)


def make_boot_files(root: Path, image: Image, log: Path) -> None:
    """Take the kernel out of the root filesystem, and make the archive of the first process."""
    kernel = next((root / "boot").glob("vmlinuz-*"))
    shutil.copy(kernel, image.kernel)
    modules = root / "lib/modules" / kernel.name.partition("-")[2]
    if not (modules / "modules.dep").is_file():
        run(["depmod", "--basedir", str(root), modules.name], log)
    drivers = order_drivers((modules / "modules.dep").read_text(encoding="ascii"))
    entries = [Entry(name, None, 0o755) for name in ("bin", "dev", "modules", "new", "proc")]
    entries.append(Entry("bin/busybox", (root / "bin/busybox").read_bytes(), 0o755))
    entries.append(Entry("init", b"#!/bin/busybox sh\n" + (RECIPE / "init.sh").read_bytes(), 0o755))
    names = [f"{module_name(driver)}.ko" for driver in drivers]
    entries.append(Entry("modules/order", "".join(f"{name}\n" for name in names).encode(), 0o644))
    for name, driver in zip(names, drivers):
        content = (modules / driver).read_bytes()
        entries.append(
            Entry(f"modules/{name}", lzma.decompress(content) if driver.endswith(".xz") else content, 0o644)
        )
    image.initrd.write_bytes(make_archive(entries))


def module_name(path: str) -> str:
    """Return a module's name; newer packages have the files compressed."""
    return Path(path).name.partition(".")[0].replace("-", "_")


def order_drivers(dependencies: str) -> t.List[str]:
    """Return the files of DRIVERS and of what they need, in the order to load; dependencies is modules.dep.

    What the kernel has built in is not there. The kernel's depmod lists what a module needs so that the
    last one is to be loaded first.
    """
    needs = dict(line.split(":", 1) for line in dependencies.splitlines())
    ordered: t.List[str] = []
    for name in DRIVERS:
        path = next((key for key in needs if module_name(key) == name), None)
        if path is None:
            continue
        ordered += [one for one in (*reversed(needs[path].split()), path) if one not in ordered]
    return ordered


def run(
    argv: t.Sequence[str],
    log: Path,
    *,
    text: str = "",
    environment: t.Optional[t.Mapping[str, str]] = None,
) -> None:
    """Run a command with its output in a log, whose end is told when the command fails."""
    with log.open("a") as stream:
        done = subprocess.run(
            argv, check=False, input=text, text=True, stdout=stream, stderr=stream, env=environment
        )
    if done.returncode != 0:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
        raise Unavailable(f"{Path(argv[0]).name} failed with status {done.returncode}:\n{end}")
