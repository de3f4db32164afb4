# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Worlds for tests: private mount namespaces whose parents are private or shared mounts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest
from harness.calls import Calls
from harness.obstacle import find_obstacle
from harness.world import World, Zygote

HERE = Path(__file__).parent
MakeWorld = t.Callable[..., World]


def pytest_collection_modifyitems(items: t.List[pytest.Item]) -> None:
    """Skip everything below this folder where it cannot run; leave out playbooks on shared mounts.

    What a playbook does with the kernel is what a call does, which is tried on both.
    """
    items[:] = [item for item in items if not ("playbook" in item.name and "[shared" in item.name)]
    obstacle = find_obstacle()
    for item in items:
        if obstacle and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=obstacle))


@pytest.fixture(scope="session")
def zygote() -> t.Iterator[Zygote]:
    """The warm process of this test session."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture
def make_world(zygote: Zygote, tmp_path: Path) -> t.Iterator[MakeWorld]:
    """A maker of worlds that end with the test."""
    worlds: t.List[World] = []

    def make(propagation: str = "private", *, private_dev: bool = False) -> World:
        scratch = tmp_path / f"world-{len(worlds)}"
        scratch.mkdir()
        worlds.append(World(zygote, scratch, propagation, private_dev=private_dev))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture(params=["private", "shared"])
def world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    """A world whose mounts are private, and one whose mounts are shared as systemd makes them."""
    return make_world(request.param)


@pytest.fixture
def private_world(make_world: MakeWorld) -> World:
    """A world for what does not depend on the propagation of the parent."""
    return make_world("private")


@pytest.fixture(params=["private", "shared"])
def device_world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    """A world with a /dev of its own, for block devices and udev's links."""
    return make_world(request.param, private_dev=True)


@pytest.fixture
def calls(world: World) -> t.Iterator[Calls]:
    """A counter of the mounts and unmounts that the kernel does in the world."""
    try:
        counting = Calls(world)
    except OSError as error:
        pytest.skip(f"{error.strerror}: needs Linux 6.15")
    yield counting
    counting.close()


@pytest.fixture
def loop_device(tmp_path: Path) -> t.Iterator[t.Callable[..., str]]:
    """A maker of loop devices over images; they are detached when the test ends."""
    if shutil.which("losetup") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("needs losetup and loop devices")
    attached: t.List[str] = []

    def attach(image: Path, *flags: str) -> str:
        for _attempt in range(5):
            argv = ["losetup", "--find", "--show", *flags, str(image)]
            done = subprocess.run(argv, check=False, capture_output=True, text=True)
            if done.returncode == 0:
                attached.append(done.stdout.strip())
                return attached[-1]
        pytest.skip(f"no loop device: {done.stderr.strip()}")

    yield attach
    for device in attached:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture(scope="session")
def command() -> t.Iterator[str]:
    """The path of the host's command; other users may run it too: pytest's own folders are root's alone."""
    from ansible_collections.holdfast.mounts.plugins.plugin_utils import _zipapp

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "holdfast")
        path.parent.chmod(0o755)
        path.write_bytes(_zipapp.build_command("1.2.3", "/usr/bin/python3"))
        path.chmod(0o755)
        yield str(path)
