# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every refusal of the grammar gives its code, in check mode too, and leaves no trace."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import refuse, succeed, tmpfs
from harness.world import World, play, task

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
    ("root-itself", "/srv", "path_not_allowed"),
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

SOURCES: t.List[t.Tuple[str, str, str]] = [
    ("tmpfs", "empty", ""),
    ("tmpfs", "dash", "-o"),
    ("tmpfs", "dot", ".x"),
    ("tmpfs", "slash", "a/b"),
    ("tmpfs", "space", "a b"),
    ("tmpfs", "comma", "a,b"),
    ("tmpfs", "accent", "é"),
    ("tmpfs", "too-long", "x" * 65),
    ("tmpfs", "newline", "a\n"),
    ("ext4", "dev-itself", "/dev"),
    ("ext4", "outside-dev", "/srv/disk.img"),
    ("ext4", "dots", "/dev/../etc/passwd"),
    ("ext4", "double-slash", "/dev//sda"),
    ("ext4", "trailing-slash", "/dev/sda/"),
    ("ext4", "space", "/dev/sd a"),
    ("ext4", "backslash", "/dev/disk\\x20"),
    ("ext4", "relative", "dev/sda"),
    ("ext4", "look-alike", "/device/sda"),
    ("ext4", "word", "tmpfs"),
    ("ext4", "dash", "--help"),
    ("ext4", "tag-unknown", "ID=sda"),
    ("ext4", "tag-lower", "uuid=6f1c0a52-97d4-4b0e-8f1a-2d3c4b5a6978"),
    ("ext4", "uuid-short", "UUID=6f1c0a52"),
    ("ext4", "uuid-letters", "UUID=zzzzzzzz-97d4-4b0e-8f1a-2d3c4b5a6978"),
    ("ext4", "uuid-empty", "UUID="),
    ("ext4", "uuid-path", "UUID=../../sda"),
    ("ext4", "uuid-quoted", 'UUID="6f1c0a52-97d4-4b0e-8f1a-2d3c4b5a6978"'),
    ("ext4", "label-empty", "LABEL="),
    ("ext4", "label-dot", "LABEL=.x"),
    ("ext4", "label-dots", "LABEL=../x"),
    ("ext4", "label-space", "LABEL=a b"),
    ("ext4", "label-too-long", "LABEL=" + "x" * 65),
    ("bind", "relative", "srv/source"),
    ("bind", "outside", "/etc"),
    ("bind", "dots", "/srv/../etc"),
    ("bind", "trailing-slash", "/srv/source/"),
    ("bind", "double-slash", "/srv//source"),
    ("bind", "newline", "/srv/sou\nrce"),
    ("bind", "too-long", "/srv/" + "/".join(["x" * 100] * 11)),
    ("overlay", "path", "/srv/layer"),
]

OPTIONS: t.List[t.Tuple[str, str, t.Any]] = [
    ("tmpfs", "unknown", ["bogus"]),
    ("tmpfs", "unknown-value", ["bogus=1"]),
    ("tmpfs", "empty", [""]),
    ("tmpfs", "empty-in-string", "noexec,,size=1m"),
    ("tmpfs", "comma", ["mode=0700,size=1g"]),
    ("tmpfs", "backslash", ["mode=07\\00"]),
    ("tmpfs", "space", ["size=1m "]),
    ("tmpfs", "capital", ["NOEXEC"]),
    ("tmpfs", "twice", ["noexec", "noexec"]),
    ("tmpfs", "value-twice", ["size=1m", "size=1m"]),
    ("tmpfs", "ro-and-rw", ["ro", "rw"]),
    ("tmpfs", "exec-and-noexec", ["exec", "noexec"]),
    ("tmpfs", "two-access-times", ["noatime", "strictatime"]),
    ("tmpfs", "relatime-and-noatime", ["relatime", "noatime"]),
    ("tmpfs", "suid", ["suid"]),
    ("tmpfs", "dev", ["dev"]),
    ("tmpfs", "defaults", ["defaults"]),
    ("tmpfs", "user", ["user"]),
    ("tmpfs", "user-name", ["user=bob"]),
    ("tmpfs", "users", ["users"]),
    ("tmpfs", "owner", ["owner"]),
    ("tmpfs", "group", ["group"]),
    ("tmpfs", "helper", ["helper=evil"]),
    ("tmpfs", "uhelper", ["uhelper=evil"]),
    ("tmpfs", "mkdir", ["X-mount.mkdir"]),
    ("tmpfs", "systemd", ["x-systemd.automount"]),
    ("tmpfs", "background", ["bg"]),
    ("tmpfs", "remount", ["remount"]),
    ("tmpfs", "bind", ["bind"]),
    ("tmpfs", "rbind", ["rbind"]),
    ("tmpfs", "move", ["move"]),
    ("tmpfs", "shared", ["shared"]),
    ("tmpfs", "rprivate", ["rprivate"]),
    ("tmpfs", "netdev", ["_netdev"]),
    ("tmpfs", "nofail", ["nofail"]),
    ("tmpfs", "noauto", ["noauto"]),
    ("tmpfs", "context", ["context=system_u:object_r:tmp_t:s0"]),
    ("tmpfs", "fscontext", ["fscontext=x"]),
    ("tmpfs", "comment", ["comment=x"]),
    ("tmpfs", "password", ["password=x"]),
    ("tmpfs", "credentials", ["credentials=/root/x"]),
    ("tmpfs", "size-negative", ["size=-1"]),
    ("tmpfs", "size-empty", ["size="]),
    ("tmpfs", "size-word", ["size"]),
    ("tmpfs", "size-unit", ["size=1q"]),
    ("tmpfs", "size-fullwidth", ["size=\uff11m"]),
    ("tmpfs", "size-hex", ["size=0x10"]),
    ("tmpfs", "mode-nine", ["mode=0799"]),
    ("tmpfs", "mode-long", ["mode=777777"]),
    ("tmpfs", "mode-symbolic", ["mode=u+rwx"]),
    ("tmpfs", "uid-name", ["uid=root"]),
    ("tmpfs", "uid-negative", ["uid=-1"]),
    ("tmpfs", "flag-with-value", ["ro=1"]),
    ("tmpfs", "of-another-type", ["errors=remount-ro"]),
    ("ext4", "loop", ["loop"]),
    ("ext4", "loop-device", ["loop=/dev/loop0"]),
    ("ext4", "offset", ["offset=0"]),
    ("ext4", "journal-path", ["journal_path=/dev/sdb"]),
    ("ext4", "journal-device", ["journal_dev=0x801"]),
    ("ext4", "choice", ["errors=explode"]),
    ("xfs", "log-device", ["logdev=/dev/sdb"]),
    ("xfs", "real-time-device", ["rtdev=/dev/sdb"]),
    ("btrfs", "device", ["device=/dev/sdb"]),
    ("erofs", "device", ["device=/dev/sdb"]),
    ("bind", "size", ["size=1m"]),
    ("bind", "recursive", ["rbind"]),
]

SOURCE = {"tmpfs": "tmpfs", "bind": "/srv/source", "overlay": "overlay"}


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


@pytest.mark.parametrize(
    ("fstype", "src"), [pytest.param(kind, src, id=f"{kind}-{name}") for kind, name, src in SOURCES]
)
def test_source_is_refused(private_world: World, fstype: str, src: str) -> None:
    before = private_world.snapshot()
    result = private_world.call(path=PATH, src=src, fstype=fstype, holder="a")
    assert result.failed, result
    allowed = {"source_not_allowed"} | ({"invalid_argument"} if "\n" in src else set())
    assert result.code in allowed, result
    assert before.differences(private_world.snapshot()) == []


@pytest.mark.parametrize(
    ("fstype", "opts"), [pytest.param(kind, opts, id=f"{kind}-{name}") for kind, name, opts in OPTIONS]
)
def test_option_is_refused(private_world: World, fstype: str, opts: t.Any) -> None:
    arguments = {"path": PATH, "src": SOURCE.get(fstype, "/dev/nothing"), "fstype": fstype, "holder": "a"}
    refuse(private_world, "option_not_allowed", locks=False, opts=opts, **arguments)


def test_every_offending_option_is_named(private_world: World) -> None:
    opts = ["bogus", "noexec", "suid", "_netdev", "size=1q"]
    result = refuse(private_world, "option_not_allowed", locks=False, **tmpfs(PATH, "a", opts=opts))
    for word in ("bogus", "suid", "_netdev", "size=1q"):
        assert word in result["msg"], result
    assert "allow_suid" in result["msg"]
    assert "'noexec'" not in result["msg"]


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


LITERAL = [
    "with space", "com,ma", 'quo"te', "apo'strophe", "$HOME", "semi;colon", "back\\slash", "~",
    "lit\\040x", "#hash", "star*", "%2e%2e", "e\u0301", "\u00e9", "-dash", "x" * 255, "...",
]  # fmt: skip


@pytest.mark.parametrize("name", LITERAL, ids=lambda name: ascii(name)[:20])
def test_odd_path_is_taken_literally(world: World, name: str) -> None:
    path = f"/srv/{name}"
    assert succeed(world, **tmpfs(path, "a")).mount["path"] == path
    assert len(world.stack(path)) == 1
    assert list(world.references) == [path]
    assert succeed(world, path=path, holder="a", state="released").action == "unmounted"
    assert not world.exists(path)


def test_deepest_path_is_taken(world: World) -> None:
    path = "/srv/" + "/".join(["x" * 190] * 20)
    assert succeed(world, **tmpfs(path, "a")).action == "mounted"
    assert len(world.stack(path)) == 1
    assert succeed(world, path=path, holder="a", state="released").action == "unmounted"
    assert list(world.file("/srv").iterdir()) == []


def test_look_alikes_are_different_mount_points(private_world: World) -> None:
    for path in ("/srv/e\u0301", "/srv/\u00e9"):
        assert succeed(private_world, **tmpfs(path, "a")).action == "mounted"
    assert len(private_world.references) == 2


@pytest.mark.parametrize("root", ["/opt/mounts", "/var/mounts", "/home/mounts", "/run/mounts", "/tmp/../srv"])
def test_directory_below_a_place_that_is_no_root_may_be_one(private_world: World, root: str) -> None:
    more = {"allowed_roots": [root], "allow_unsafe_parents": True}
    result = private_world.predict(**tmpfs(f"{root}/data", "a", **more))
    if ".." in root:
        assert result.code == "invalid_argument"
    else:
        assert (result.failed, result.action) == (False, "mounted"), result


def test_tilde_and_variable_are_not_expanded_by_ansible(private_world: World) -> None:
    world = private_world
    literal = "/srv/$HOME/~"
    refused = world.ansible("path=~/data src=tmpfs fstype=tmpfs")
    assert refused.code == "invalid_argument", refused
    played = world.playbook(play(task("Acquire", **tmpfs(literal, "a"))))
    assert played.named("Acquire").mount["path"] == literal
    assert len(world.stack(literal)) == 1


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
