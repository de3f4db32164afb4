# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A minimal error tells the caller only what the caller said."""

from __future__ import annotations

import json
import os
import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.world import World

PATH = "/srv/data"
SECRETS = ("hidden-holder", "hidden-source", "hidden_folder", "hidden-command", "7654321")


def prepare_conflict(world: World) -> t.Dict[str, t.Any]:
    """Somebody else holds something else."""
    succeed(world, **tmpfs(PATH, "hidden-holder", src="hidden-source", opts=["size=7654321"]))
    return tmpfs(PATH, "caller")


def prepare_foreign(world: World) -> t.Dict[str, t.Any]:
    """An administrator has mounted something else."""
    world.make_directory(PATH)
    world.mount("hidden-source", PATH, "tmpfs", data="size=7654321")
    return tmpfs(PATH, "caller")


def prepare_in_use(world: World) -> t.Dict[str, t.Any]:
    """Somebody else holds the mount point that shall go."""
    succeed(world, **tmpfs(PATH, "hidden-holder"))
    return {"path": PATH, "holder": "caller", "state": "unmounted"}


def prepare_source_in_use(world: World) -> t.Dict[str, t.Any]:
    """Somebody else binds a part of the mount point that shall go."""
    succeed(world, **tmpfs(PATH, "caller", opts=["mode=0755"]))
    world.make_directory(f"{PATH}/hidden_folder")
    bind = {"path": "/srv/hidden_folder", "src": f"{PATH}/hidden_folder", "fstype": "bind"}
    succeed(world, holder="hidden-holder", **bind)
    return leave(PATH, "caller")


def prepare_shadows(world: World) -> t.Dict[str, t.Any]:
    """Somebody else holds a mount point below."""
    succeed(world, **tmpfs(f"{PATH}/hidden_folder", "hidden-holder"))
    return tmpfs(PATH, "caller", allow_nonempty=True)


def prepare_not_empty(world: World) -> t.Dict[str, t.Any]:
    """The mount point has entries."""
    world.make_directory(f"{PATH}/hidden_folder")
    return tmpfs(PATH, "caller")


def prepare_link(world: World) -> t.Dict[str, t.Any]:
    """The mount point is a symbolic link."""
    world.make_directory("/srv/hidden_folder")
    os.symlink("hidden_folder", world.file(PATH))
    return tmpfs(PATH, "caller")


def prepare_mount_failure(world: World) -> t.Dict[str, t.Any]:
    """The source does not exist."""
    return {"path": PATH, "src": "/srv/nothing", "fstype": "bind", "holder": "caller"}


def prepare_damaged_ledger(world: World) -> t.Dict[str, t.Any]:
    """The ledger is no JSON."""
    world.write("/etc/ansible/facts.d/holdfast_mounts.fact", "hidden-holder")
    return tmpfs(PATH, "caller")


CASES = [
    (prepare_conflict, "conflict"),
    (prepare_foreign, "conflict"),
    (prepare_in_use, "in_use"),
    (prepare_source_in_use, "in_use"),
    (prepare_shadows, "shadows"),
    (prepare_not_empty, "not_empty"),
    (prepare_link, "unsafe_path"),
    (prepare_mount_failure, "mount_failed"),
    (prepare_damaged_ledger, "ledger_corrupt"),
]
IDS = [case[0].__name__[len("prepare_") :] for case in CASES]


@pytest.mark.parametrize(("prepare", "code"), CASES, ids=IDS)
def test_minimal_error_tells_nothing_of_the_host(
    private_world: World, prepare: t.Callable[[World], t.Dict[str, t.Any]], code: str
) -> None:
    arguments = prepare(private_world)
    result = private_world.call(**arguments)
    assert (result.failed, result.code) == (True, code), result
    assert set(result["error"]) == {"code", "step", "path", "errno", "log_ref"}
    assert result["error"]["path"] == (None if code == "ledger_corrupt" else PATH)
    assert result["error"]["step"]
    text = json.dumps({key: value for key, value in result.items() if key != "invocation"})
    assert not [secret for secret in SECRETS if secret in text], text


@pytest.mark.parametrize(
    ("prepare", "code", "told"),
    [
        (prepare_conflict, "conflict", "hidden-source"),
        (prepare_in_use, "in_use", "hidden-holder"),
        (prepare_shadows, "shadows", "hidden_folder"),
    ],
    ids=["conflict", "in_use", "shadows"],
)
def test_full_error_tells_what_stands_in_the_way(
    private_world: World, prepare: t.Callable[[World], t.Dict[str, t.Any]], code: str, told: str
) -> None:
    arguments = prepare(private_world)
    result = private_world.call(disclose="full", **arguments)
    assert (result.failed, result.code) == (True, code), result
    assert told in result["msg"], result


def test_minimal_bulk_error_tells_nothing_of_the_host(private_world: World) -> None:
    prepare_conflict(private_world)
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in (PATH, "/srv/fine")]
    result = private_world.call(mounts=entries, holder="caller")
    assert result.code == "conflict", result
    text = json.dumps({key: value for key, value in result.items() if key != "invocation"})
    assert not [secret for secret in SECRETS if secret in text], text
