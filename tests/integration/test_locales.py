# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names are UTF-8 on the host, whatever the locale of the task is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.plugin_utils import _zipapp
from harness.cycle import leave, tmpfs
from harness.helped import CAN_HELP, helped, make_helper
from harness.images import add_device, make_image
from harness.place import HARNESS, find_collections_path
from harness.results import Finished, Result, read_result
from harness.world import LEDGER, RUN, World

LATIN = "de_DE.ISO-8859-1"
# Latin-1 has the first letter, with another byte, and not the second one.
NAMES = ["ü", "Ω ж"]
RUN_MODULE = """\
import json, sys
from harness import zygote
sys.exit(zygote.run_module(sys.argv[1], json.load(open(0, "rb")), "root"))
"""


@pytest.fixture(scope="module")
def latin(tmp_path_factory: pytest.TempPathFactory) -> t.Dict[str, str]:
    """An environment in whose locale Python does not encode names as UTF-8."""
    if shutil.which("localedef") is None:
        pytest.skip("needs localedef")
    folder = tmp_path_factory.mktemp("locales")
    argv = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / LATIN)]
    if subprocess.run(argv, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the sources of the locale de_DE")
    environment = {"LC_ALL": LATIN, "LOCPATH": str(folder), "PATH": os.environ["PATH"]}
    environment["PYTHONPATH"] = f"{find_collections_path()}:{HARNESS.parent}"
    argv = [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding())"]
    told = subprocess.run(argv, check=True, env=environment, capture_output=True, text=True)
    assert told.stdout.strip() == "iso8859-1"
    return environment


def call(
    world: World, environment: t.Mapping[str, str], module: str = "safe_mount", **given: t.Any
) -> Result:
    """Run a module in a Python of its own, with this environment."""
    argv = [sys.executable, "-c", RUN_MODULE, module]
    return read_result(world.run(*argv, environment=dict(environment), text=json.dumps(given)))


def succeed(world: World, environment: t.Mapping[str, str], **given: t.Any) -> Result:
    """Run safe_mount as call does and prove that it did not fail."""
    result = call(world, environment, **given)
    assert not result.failed, result
    return result


@pytest.mark.parametrize("name", NAMES, ids=["in the locale", "not in the locale"])
def test_names_are_the_same_in_every_locale(private_world: World, latin: t.Dict[str, str], name: str) -> None:
    world, utf8 = private_world, {**latin, "LC_ALL": "C.UTF-8"}
    path, shown, over = f"/mnt/{name}/{name}", f"/srv/{name}", f"/media/{name}"
    layer = f"/srv/layer {name}"
    world.write("/etc/fstab", "")
    world.make_directory(layer)
    wishes: t.List[t.Dict[str, t.Any]] = [
        tmpfs(path, "a"),
        {"path": shown, "src": path, "fstype": "bind", "holder": "a"},
        {"path": over, "src": "o", "fstype": "overlay", "opts": [f"lowerdir={shown}:{layer}"], "holder": "a"},
    ]
    for wish in wishes:
        wish["boot"] = wish["fstype"] != "overlay"
        if wish["fstype"] == "bind":
            world.write(f"{path}/{name}", "x")
        assert succeed(world, latin, **wish).action == "mounted"
        assert len(world.stack(wish["path"])) == 1, world.table
        for environment in (utf8, latin):
            assert succeed(world, environment, **wish).action == "none"
    facts = call(world, latin, "safe_mount_facts")["ansible_facts"]["holdfast_mounts"]
    assert facts["drift"] == []
    assert {path, shown, over} <= {row["mount"] for row in facts["mounts"]}
    assert world.file("/etc/fstab").read_text(encoding="utf-8").count(name.replace(" ", "\\040")) > 1
    busy = world.occupy(over)
    refused = call(world, latin, **leave(over, "a"), disclose="full")
    assert (refused.code, f"{busy} (sleep)" in refused["msg"]) == ("busy", True), refused
    world.end(busy)
    world.unmount(over)
    repaired = call(world, latin, "safe_mount_reconcile")
    assert [row["action"] for row in repaired["repaired"]] == ["mounted"], repaired
    for environment, wish in ((utf8, wishes[2]), (latin, wishes[1]), (utf8, wishes[0])):
        assert succeed(world, environment, **leave(wish["path"], "a")).action == "unmounted"
    left = [os.listdir(world.file(area)) for area in ("/mnt", "/srv", "/media")]
    assert left == [[], [os.path.basename(layer)], []]


@pytest.mark.parametrize("name", NAMES, ids=["in the locale", "not in the locale"])
def test_directories_that_no_ledger_knows_are_removed(
    private_world: World, latin: t.Dict[str, str], name: str
) -> None:
    world, path = private_world, f"/mnt/{name}/{name}"
    succeed(world, latin, **tmpfs(path, "a"))
    world.unmount(path)
    world.file(LEDGER).unlink()  # as a power cut leaves it
    shutil.rmtree(world.file(RUN))
    reconciled = call(world, latin, "safe_mount_reconcile")
    assert not reconciled.failed, reconciled
    assert os.listdir(world.file("/mnt")) == []


def test_helper_gets_the_bytes_that_were_written(private_world: World, latin: t.Dict[str, str]) -> None:
    if not CAN_HELP:
        pytest.skip("needs sshfs and /dev/fuse")
    make_helper(private_world)
    for name in NAMES:
        wish = {**helped(f"/srv/{name}"), "src": f"server:/{name}"}
        assert succeed(private_world, latin, **wish).action == "mounted"
        assert private_world.top(f"/srv/{name}").source == f"server:/{name}"
        assert succeed(private_world, latin, **leave(f"/srv/{name}", "a")).action == "unmounted"


def test_disk_is_found_by_links_of_any_name(
    make_world: t.Callable[..., World],
    latin: t.Dict[str, str],
    loop_device: t.Callable[..., str],
    tmp_path: Path,
) -> None:
    world = make_world(private_dev=True)
    device = loop_device(make_image(tmp_path, "ext4"))
    add_device(world, device)
    for name in NAMES:
        world.file(f"/dev/{name}").symlink_to(os.path.basename(device))
        world.file("/dev/disk_one").symlink_to(name)
        wish = {"path": f"/srv/{name}", "src": "/dev/disk_one", "fstype": "ext4", "holder": "a"}
        assert succeed(world, latin, **wish).action == "mounted"
        assert succeed(world, latin, **leave(f"/srv/{name}", "a")).action == "unmounted"
        world.file("/dev/disk_one").unlink()


def test_image_is_found_by_its_name(private_world: World, latin: t.Dict[str, str], tmp_path: Path) -> None:
    image = make_image(tmp_path, "ext4")
    for name in NAMES:
        file, path = f"/srv/{name}.img", f"/mnt/{name}"
        private_world.file(file).write_bytes(image.read_bytes())
        wish = {"src": file, "fstype": "ext4", "holder": "a"}
        assert succeed(private_world, latin, path=path, **wish).action == "mounted"
        assert succeed(private_world, latin, path=f"{path} too", **wish).action == "mounted"
        assert (
            call(private_world, latin, "safe_mount_facts")["ansible_facts"]["holdfast_mounts"]["drift"] == []
        )
        for point in (path, f"{path} too"):
            assert succeed(private_world, latin, **leave(point, "a")).action == "unmounted"


def test_command_of_the_host_takes_and_writes_utf8(
    private_world: World, latin: t.Dict[str, str], tmp_path: Path
) -> None:
    command = tmp_path / "holdfast"
    command.write_bytes(_zipapp.build_command("1.2.3", sys.executable))

    def run(*words: str) -> Finished:
        return private_world.run(sys.executable, "-I", str(command), *words, environment=latin)

    for name in NAMES:
        path = f"/srv/{name}"
        succeed(private_world, latin, **tmpfs(path, "a"))
        told = run("status", path)
        assert (told.rc, path in told.stdout) == (0, True), told
        shown = json.loads(run("status", "--json", path).stdout)
        assert [row["path"] for row in shown["mounts"]] == [path]
        refused = run("release", "--holder", "a", f"{path}/")
        assert (refused.rc, path in refused.stderr) == (1, True), refused
        assert run("users", path).rc == 0
        task = tmp_path / f"{name}.json"
        task.write_text(json.dumps(tmpfs(path, "b")), encoding="utf-8")
        checked = run("policy", "check", str(task))
        assert (checked.rc, path in checked.stdout) == (0, True), checked
        released = run("release", "--holder", "a", path)
        assert (released.rc, released.stdout) == (0, f"{path}: unmounted\n")


def test_owner_whose_name_the_locale_lacks_is_unknown(private_world: World, latin: t.Dict[str, str]) -> None:
    wish = {"path": "/srv/a", "src": "/mnt", "fstype": "bind", "holder": "a"}
    refused = call(private_world, latin, **wish, owner="Ωmega")
    assert refused.code == "invalid_argument"
    assert "unknown on this host" in refused["msg"]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"path": "/srv/\ud800", "state": "released"}, id="path"),
        pytest.param({"mounts": [{"path": "/srv/a", "opts": ["\udcfc"]}]}, id="opts"),
    ],
)
@pytest.mark.parametrize("module", ["safe_mount", "safe_mount_facts", "safe_mount_reconcile"])
def test_half_of_a_character_is_refused(world: World, module: str, given: t.Dict[str, t.Any]) -> None:
    if module != "safe_mount":
        given = {"paths" if module == "safe_mount_facts" else "drop_holders": ["\ud800"]}
    refused = world.collect(world.start(module=module, arguments=given))
    assert refused.code == "invalid_argument", refused
    assert "half of a character" in refused["msg"]
