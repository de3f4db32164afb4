# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every refusal of the grammar gives its code, in check mode too, and leaves no trace."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import refuse, succeed, tmpfs
from harness.results import play, task
from harness.world import World

PATH = "/srv/data"
Table = t.List[t.Tuple[str, t.Any, str]]

PATHS: Table = [
    ("empty", "", "invalid_argument"),
    ("relative", "srv/data", "invalid_argument"),
    ("tilde", "~/data", "invalid_argument"),
    ("variable", "$HOME/data", "invalid_argument"),
    ("trailing-slash", "/srv/data/", "invalid_argument"),
    ("double-slash", "/srv//data", "invalid_argument"),
    ("leading-double-slash", "//srv/data", "invalid_argument"),
    ("dot", "/srv/./data", "invalid_argument"),
    ("dots", "/srv/../srv/data", "invalid_argument"),
    ("dots-last", "/srv/data/..", "invalid_argument"),
    ("newline", "/srv/da\nta", "invalid_argument"),
    ("tab", "/srv/da\tta", "invalid_argument"),
    ("null", "/srv/da\x00ta", "invalid_argument"),
    ("escape", "/srv/da\x1bta", "invalid_argument"),
    ("delete", "/srv/da\x7fta", "invalid_argument"),
    ("next-line", "/srv/da\x85ta", "invalid_argument"),
    ("zero-width-space", "/srv/da\u200bta", "invalid_argument"),
    ("right-to-left", "/srv/da\u202eta", "invalid_argument"),
    ("soft-hyphen", "/srv/da\u00adta", "invalid_argument"),
    ("line-separator", "/srv/da\u2028ta", "invalid_argument"),
    ("paragraph-separator", "/srv/da\u2029ta", "invalid_argument"),
    ("private-use", "/srv/da\ue000ta", "invalid_argument"),
    ("component-of-256", "/srv/" + "x" * 256, "invalid_argument"),
    ("component-of-256-bytes", "/srv/" + "é" * 128, "invalid_argument"),
    ("total-of-4096", "/srv" + "/" + "/".join(["x" * 200] * 20) + "/" + "y" * 71, "invalid_argument"),
    ("other-place", "/opt/data", "path_not_allowed"),
    ("root-of-another-case", "/SRV/data", "path_not_allowed"),
    ("look-alike", "/srv2/data", "path_not_allowed"),
    ("etc", "/etc/data", "path_not_allowed"),
    ("proc", "/proc/self/data", "path_not_allowed"),
]

ROOTS: Table = [
    ("none", [], "invalid_argument"),
    ("slash", ["/"], "invalid_argument"),
    ("relative", ["srv"], "invalid_argument"),
    ("trailing-slash", ["/srv/"], "invalid_argument"),
    ("dots", ["/srv/../etc"], "invalid_argument"),
    ("twice", ["/srv", "/srv"], "invalid_argument"),
    ("newline", ["/srv\n"], "invalid_argument"),
    ("etc", ["/etc"], "invalid_argument"),
    ("below-etc", ["/srv", "/etc/mounts"], "invalid_argument"),
    ("var", ["/var"], "invalid_argument"),
    ("home", ["/home"], "invalid_argument"),
    ("tmp", ["/tmp"], "invalid_argument"),
    ("opt", ["/opt"], "invalid_argument"),
    ("root-home", ["/root"], "invalid_argument"),
    ("run", ["/run"], "invalid_argument"),
    ("own-run", ["/run/holdfast"], "invalid_argument"),
    ("usr-local", ["/usr/local"], "invalid_argument"),
    ("dev", ["/dev"], "invalid_argument"),
]

HOLDERS: Table = [
    ("empty", "", "invalid_argument"),
    ("space", "a b", "invalid_argument"),
    ("dash-first", "-a", "invalid_argument"),
    ("dot-first", ".a", "invalid_argument"),
    ("slash", "a/b", "invalid_argument"),
    ("newline", "a\n", "invalid_argument"),
    ("accent", "é", "invalid_argument"),
    ("fullwidth-digit", "\uff17", "invalid_argument"),
    ("too-long", "a" * 129, "invalid_argument"),
    ("comma", "a,b", "invalid_argument"),
]

TYPES: Table = [
    ("auto", "auto", "fstype_not_allowed"),
    ("none", "none", "fstype_not_allowed"),
    ("proc", "proc", "fstype_not_allowed"),
    ("sysfs", "sysfs", "fstype_not_allowed"),
    ("cgroup", "cgroup2", "fstype_not_allowed"),
    ("fuse", "fuse", "fstype_not_allowed"),
    ("fuse-command", "fuse.sh", "fstype_not_allowed"),
    ("sshfs-by-default", "fuse.sshfs", "fstype_not_allowed"),
    ("capital", "TMPFS", "fstype_not_allowed"),
    ("list", "tmpfs,ext4", "fstype_not_allowed"),
    ("space", "tmpfs ", "fstype_not_allowed"),
    ("path", "../tmpfs", "fstype_not_allowed"),
    ("swap", "swap", "fstype_not_allowed"),
    ("ramfs", "ramfs", "fstype_not_allowed"),
    ("rbind", "rbind", "fstype_not_allowed"),
    ("overlayfs", "overlayfs", "fstype_not_allowed"),
]


def rows(table: Table) -> t.Any:
    """Return a table as pytest's parameters."""
    return [pytest.param(value, code, id=name) for name, value, code in table]


@pytest.mark.parametrize(("path", "code"), rows(PATHS))
def test_path_is_refused(private_world: World, path: str, code: str) -> None:
    refuse(private_world, code, locks=False, **tmpfs(path, "a"))


@pytest.mark.parametrize(("roots", "code"), rows(ROOTS))
@pytest.mark.parametrize("option", ["allowed_roots", "source_roots"])
def test_roots_are_refused(private_world: World, option: str, roots: t.List[str], code: str) -> None:
    refuse(private_world, code, locks=False, **tmpfs(PATH, "a", **{option: roots}))


@pytest.mark.parametrize(
    "path", ["/var/lib/docker/x", "/var/lib/containers/x", "/var/lib/kubelet/pods/x", "/var/lib/docker"]
)
def test_never_list_holds_below_an_allowed_root(private_world: World, path: str) -> None:
    refuse(private_world, "path_not_allowed", locks=False, **tmpfs(path, "a", allowed_roots=["/var/lib"]))


@pytest.mark.parametrize(("holder", "code"), rows(HOLDERS))
def test_holder_is_refused(private_world: World, holder: str, code: str) -> None:
    refuse(private_world, code, locks=False, **tmpfs(PATH, holder))
    refuse(private_world, code, locks=False, path=PATH, holder=holder, state="released")


def test_holder_of_every_allowed_character_is_taken(private_world: World) -> None:
    holder = "A0" + "a._:@+-" * 18
    assert len(holder) == 128
    assert succeed(private_world, **tmpfs(PATH, holder)).holders == [holder]


@pytest.mark.parametrize(("fstype", "code"), rows(TYPES))
def test_type_is_refused(private_world: World, fstype: str, code: str) -> None:
    refuse(private_world, code, locks=False, path=PATH, src="tmpfs", fstype=fstype, holder="a")


def test_type_none_with_bind_is_told_what_to_write(private_world: World) -> None:
    arguments: t.Dict[str, t.Any] = {"path": PATH, "src": "/srv/source", "fstype": "none"}
    result = refuse(private_world, "fstype_not_allowed", locks=False, opts=["bind"], **arguments)
    assert "fstype: bind" in result["msg"]


@pytest.mark.parametrize("missing", ["src", "fstype"])
def test_mounting_needs_source_and_type(private_world: World, missing: str) -> None:
    arguments = tmpfs(PATH, "a")
    del arguments[missing]
    before = private_world.snapshot()
    result = private_world.call(**arguments)
    assert result.failed
    assert missing in result["msg"]
    assert before.differences(private_world.snapshot()) == []


@pytest.mark.parametrize("option", ["timeout", "lock_timeout"])
def test_time_limits_are_at_least_a_second(private_world: World, option: str) -> None:
    refuse(private_world, "invalid_argument", locks=False, **tmpfs(PATH, "a", **{option: 0}))
    refuse(private_world, "invalid_argument", locks=False, **tmpfs(PATH, "a", **{option: -5}))


def test_refusals_of_a_playbook_have_their_codes(private_world: World) -> None:
    world = private_world
    before = world.snapshot()
    refused = [
        ("Path", {**tmpfs("/srv/../etc", "a")}, "invalid_argument"),
        ("Place", {**tmpfs("/etc/x", "a")}, "path_not_allowed"),
        ("Type", {**tmpfs(PATH, "a"), "fstype": "fuse.sh"}, "fstype_not_allowed"),
        ("Option", tmpfs(PATH, "a", opts="size=1m,suid"), "option_not_allowed"),
        ("Source", {**tmpfs(PATH, "a"), "src": "--help"}, "source_not_allowed"),
    ]
    tasks = [{**task(name, **arguments), "ignore_errors": True} for name, arguments, _code in refused]
    played = world.playbook(play(*tasks))
    codes = [played.named(name).code for name, _arguments, _code in refused]
    assert codes == [code for _name, _arguments, code in refused]
    assert before.differences(world.snapshot()) == []
