# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An entry of fstab while anybody wants it, and not a byte of the file beside it."""

from __future__ import annotations

import os
import typing as t

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, repeat_unchanged, succeed, tmpfs, warm_up
from harness.helped import CAN_HELP, helped, make_helper
from harness.reconcile import call_reconcile, reboot, reconcile
from harness.world import World

FSTAB = "/etc/fstab"
PATH = "/srv/app/data"
MARK = "x-holdfast.mounts"
LINE = f"tmpfs {PATH} tmpfs nofail,nodev,nosuid,{MARK} 0 0"
FILES = {
    "plain": b"# static\nUUID=1234 / ext4 errors=remount-ro 0 1\n",
    "no-newline": b"# static\n/dev/x /x ext4 defaults 0 0",
    "carriage-returns": b"/dev/x /x ext4 defaults 0 0\r\n\r\n# end\r\n",
    "odd": b"\n\n  \t\xff\xfe garbage\nfew\n#\n",
    "empty": b"",
}
MS_BIND = 4096


def put(world: World, content: bytes = FILES["plain"], mode: int = 0o644) -> bytes:
    """Have this as the table of filesystems, and return it."""
    world.file(FSTAB).write_bytes(content)
    world.file(FSTAB).chmod(mode)
    return content


def read(world: World) -> bytes:
    """Return the table of filesystems."""
    return world.file(FSTAB).read_bytes()


def ours(world: World) -> t.List[str]:
    """Return our lines."""
    return [line for line in read(world).decode("utf-8", "replace").splitlines() if MARK in line]


def boot(world: World, *paths: str) -> None:
    """Boot again, and have mount(8) do from the table what systemd does."""
    reboot(world)
    for path in paths:
        world.make_directory(path)
        done = world.run("mount", path)
        assert done.rc == 0, done


# --- Refusals ---


@pytest.mark.parametrize(
    "line",
    [
        f"x {PATH} ext4 defaults 0 0",
        f"x {PATH}/ ext4 noauto",
        "x /srv/app/\\144ata none bind",
        "x /srv/./app/data none bind",
    ],
    ids=["plain", "slash", "escaped", "dot"],
)
def test_foreign_entry_is_a_conflict(world: World, line: str) -> None:
    before = put(world, f"# c\n{line}\n".encode())
    refuse(world, "conflict", **tmpfs(PATH, "a", boot=True))
    assert read(world) == before
    succeed(world, **tmpfs(PATH, "a"))
    refuse(world, "conflict", **tmpfs(PATH, "a", boot=True))
    assert read(world) == before


@pytest.mark.parametrize("kind", ["lies on", "shows"])
def test_entry_is_refused_on_what_no_boot_brings_back(world: World, kind: str) -> None:
    before = put(world)
    parent: t.Dict[str, t.Any] = {
        "path": "/srv/app",
        "src": "x",
        "fstype": "tmpfs",
        "opts": ["mode=0755"],
    }
    child: t.Dict[str, t.Any] = {"path": PATH, "src": "x", "fstype": "tmpfs"}
    if kind == "shows":
        child = {"path": "/srv/shown", "src": "/srv/app", "fstype": "bind"}
    succeed(world, **parent, holder="a")
    result = refuse(world, "conflict", **child, holder="a", boot=True)
    assert "'boot: true' too" in result["msg"]
    succeed(world, **leave("/srv/app", "a"))
    both: t.Dict[str, t.Any] = {"mounts": [parent, child], "holder": "a", "boot": True}
    predicted = world.predict(**both)
    done = world.call(**both)
    assert predicted["mounts"] == done["mounts"]
    assert [line.split()[1] for line in ours(world)] == ["/srv/app", child["path"]]
    succeed(world, mounts=[], purge=True, holder="a")
    assert read(world) == before


@pytest.mark.parametrize("is_bulk", [False, True], ids=["one", "many"])
def test_entry_and_unsafe_parents_exclude_each_other(world: World, is_bulk: bool) -> None:
    wish = {**tmpfs(PATH, "a"), "boot": True, "allow_unsafe_parents": True}
    if is_bulk:
        mount = {"path": PATH, "src": "tmpfs", "fstype": "tmpfs", "boot": True}
        wish = {"mounts": [mount], "holder": "a", "allow_unsafe_parents": True}
    result = refuse(world, "invalid_argument", locks=False, **wish)
    assert "boot, allow_unsafe_parents" in result["msg"]
    assert not world.call(**leave(PATH, "a", boot=True, allow_unsafe_parents=True)).failed


def give_away(world: World, path: str) -> None:
    """Let a user own a directory."""
    os.chown(world.file(path), 65534, 65534)


@pytest.mark.parametrize("kind", ["mount point", "source"])
def test_entry_is_refused_for_what_was_held_below_unsafe_parents(world: World, kind: str) -> None:
    before = put(world)
    for path in ("/srv/app", "/srv/home/x"):
        world.make_directory(path)
    give_away(world, "/srv/app" if kind == "mount point" else "/srv/home")
    wish: t.Dict[str, t.Any] = {"path": PATH, "src": "/srv/home/x", "fstype": "bind", "holder": "a"}
    succeed(world, **wish, allow_unsafe_parents=True)
    for holder in ("a", "b"):
        refuse(world, "unsafe_path", **{**wish, "holder": holder}, boot=True)
    assert read(world) == before
    apply(world, "unmounted", **leave(PATH, "a"))


@pytest.mark.parametrize("act", ["join", "leave", "reconcile"])
def test_entry_that_was_taken_out_is_not_written_again_below_unsafe_parents(world: World, act: str) -> None:
    before = put(world)
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder, boot=holder == "a"))
    put(world)
    give_away(world, "/srv/app")
    if act == "join":
        refuse(world, "unsafe_path", **tmpfs(PATH, "c", allow_unsafe_parents=True))
    elif act == "leave":
        assert world.call(**leave(PATH, "b")).action == "released"
    else:
        world.unmount(PATH)
        answer = call_reconcile(world, allow_unsafe_parents=True)
        assert [item["error"]["code"] for item in answer["remaining"]] == ["unsafe_path"]
    assert read(world) == before


def make_link(world: World) -> None:
    """Put a link in the place of the table."""
    world.write("/etc/real-fstab", "")
    world.file(FSTAB).unlink()
    world.file(FSTAB).symlink_to("real-fstab")


def open_it(world: World) -> None:
    """Let everybody write it."""
    world.file(FSTAB).chmod(0o666)


def give_it_away(world: World) -> None:
    """Give it to somebody else."""
    os.chown(world.file(FSTAB), 65534, 65534)


UNSAFE = [make_link, open_it, give_it_away]


@pytest.mark.parametrize("act", UNSAFE, ids=[act.__name__ for act in UNSAFE])
def test_table_that_is_not_roots_alone_is_left_alone(world: World, act: t.Callable[[World], None]) -> None:
    put(world)
    act(world)
    before = read(world)
    refuse(world, "unsafe_path", **tmpfs(PATH, "a", boot=True))
    assert read(world) == before
    apply(world, "mounted", **tmpfs(PATH, "a"))


def test_option_that_no_entry_can_hold_is_refused(world: World) -> None:
    before = put(world)
    world.make_directory("/srv/a,b")
    overlay: t.Dict[str, t.Any] = {
        "path": PATH,
        "src": "site",
        "fstype": "overlay",
        "opts": ["lowerdir=/srv/a,b"],
        "boot": True,
    }
    refuse(world, "option_not_allowed", holder="a", **overlay)
    assert read(world) == before


# --- While anybody wants it ---


@pytest.mark.parametrize("name", sorted(FILES))
def test_entry_comes_and_goes_and_leaves_every_byte(world: World, name: str) -> None:
    warm_up(world)
    before, start = put(world, FILES[name]), world.settled()
    apply(world, "mounted", **tmpfs(PATH, "a", boot=True))
    assert ours(world) == [LINE]
    apply(world, "joined", **tmpfs(PATH, "b", boot=True))
    apply(world, "joined", **tmpfs(PATH, "c"))
    apply(world, "released", **leave(PATH, "a"))
    assert ours(world) == [LINE]
    apply(world, "released", **leave(PATH, "b"))
    assert read(world) == before, "c does not want it"
    apply(world, "unmounted", **leave(PATH, "c"))
    assert read(world) == before
    assert start.differences(world.settled()) == []


def test_check_mode_does_not_touch_the_table(world: World) -> None:
    before = put(world)
    world.predict(**tmpfs(PATH, "a", boot=True))
    assert read(world) == before
    succeed(world, **tmpfs(PATH, "a", boot=True))
    after, found = read(world), world.file(FSTAB).stat()
    world.predict(**leave(PATH, "a"))
    assert (read(world), world.file(FSTAB).stat()) == (after, found)


def test_diff_mode_shows_that_an_entry_comes_and_goes(world: World) -> None:
    put(world)
    for arguments, told in ((tmpfs(PATH, "a", boot=True), (False, True)), (leave(PATH, "a"), (True, False))):
        diffs = []
        for check in (True, False):
            pid = world.start(arguments=arguments, check=check, diff=True)
            diffs.append(world.collect(pid)["diff"])
        assert diffs[0] == diffs[1]
        assert (diffs[1]["before"][PATH]["boot"], diffs[1]["after"][PATH]["boot"]) == told
        lines = tuple(LINE if is_there else "" for is_there in told)
        assert (diffs[1]["before"][PATH]["fstab"], diffs[1]["after"][PATH]["fstab"]) == lines


def test_mode_and_owner_of_the_table_stay(world: World) -> None:
    put(world, mode=0o640)
    os.chown(world.file(FSTAB), 0, 6)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    found = world.file(FSTAB).stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, 0, 6)
    # Room to take the entry out when the disk is full; it goes with the last entry.
    names = [path.name for path in world.file("/etc").iterdir() if "holdfast" in path.name]
    assert names == [".fstab.holdfast.reserve"]
    succeed(world, **leave(PATH, "a"))
    assert [path.name for path in world.file("/etc").iterdir() if "holdfast" in path.name] == []


def test_table_that_is_missing_is_made(world: World) -> None:
    world.file(FSTAB).unlink()
    succeed(world, **tmpfs(PATH, "a", boot=True))
    assert (ours(world), world.file(FSTAB).stat().st_mode & 0o7777) == ([LINE], 0o644)


def test_wish_is_taken_back_by_holding_without_it(world: World) -> None:
    before = put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    apply(world, "joined", **tmpfs(PATH, "a"))
    assert read(world) == before
    apply(world, "joined", **tmpfs(PATH, "a", boot=True))
    assert ours(world) == [LINE]


def test_entry_follows_what_a_sole_holder_changes(world: World) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    apply(world, "remounted", **tmpfs(PATH, "a", boot=True, opts=["noexec"]))
    assert ours(world) == [LINE.replace("nodev", "nodev,noexec")]


def test_entry_that_somebody_took_out_comes_back(world: World) -> None:
    before = put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    put(world, before)
    apply(world, "joined", **tmpfs(PATH, "a", boot=True))
    assert ours(world) == [LINE]


def test_entry_of_a_deferred_mount_goes(world: World) -> None:
    before = put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    pid = world.occupy(PATH)
    assert succeed(world, **leave(PATH, "a", on_busy="defer")).action == "deferred"
    assert read(world) == before
    world.end(pid)


def test_entry_of_a_busy_mount_stays(world: World) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    after = read(world)
    pid = world.occupy(PATH)
    assert world.call(**leave(PATH, "a")).code == "busy"
    assert read(world) == after
    world.end(pid)


def test_entries_of_a_list_are_written_and_purged(world: World) -> None:
    before = put(world)
    paths = [f"/srv/n{number}" for number in range(5)]
    mounts = [{"path": path, "src": "tmpfs", "fstype": "tmpfs", "boot": path != "/srv/n3"} for path in paths]
    succeed(world, mounts=mounts, holder="a")
    assert len(ours(world)) == 4
    assert succeed(world, mounts=mounts, holder="a").changed is False
    succeed(world, mounts=mounts[:1], holder="a", purge=True)
    assert len(ours(world)) == 1
    succeed(world, mounts=[], holder="a", purge=True)
    assert read(world) == before


def test_table_that_cannot_be_replaced_stops_no_neighbour(private_world: World) -> None:
    world = private_world
    before = put(world)
    warm_up(world)
    start = world.settled()
    mounts = [{"path": f"/srv/in/n{n}", "src": "tmpfs", "fstype": "tmpfs", "boot": n == 1} for n in range(3)]
    world.mount(FSTAB, FSTAB, "", flags=MS_BIND)
    refused = world.call(mounts=mounts, holder="a")
    assert (refused.code, FSTAB in refused["msg"]) == ("unsafe_path", True), refused
    assert sorted(world.references) == ["/srv/in/n0", "/srv/in/n2"]
    assert [len(world.stack(f"/srv/in/n{n}")) for n in range(3)] == [1, 0, 1]
    assert (world.facts()["drift"], world.file("/srv/in/n1").exists()) == ([], False)
    world.unmount(FSTAB)
    succeed(world, mounts=mounts, holder="a")
    world.mount(FSTAB, FSTAB, "", flags=MS_BIND)
    assert world.call(mounts=[], holder="a", purge=True).code == "unsafe_path"
    assert sorted(world.references) == ["/srv/in/n1"]
    world.unmount(FSTAB)
    succeed(world, mounts=[], holder="a", purge=True)
    assert (world.references, read(world), world.facts()["drift"]) == ({}, before, [])
    assert start.differences(world.settled()) == []


def test_recovery_writes_no_entry_beside_one_of_others(private_world: World) -> None:
    world = private_world
    put(world)
    for holder, is_wanted in (("b", False), ("a", True)):
        succeed(world, **tmpfs(PATH, holder, boot=is_wanted))
    before = put(world, f"x {PATH} ext4 noauto 0 0\n".encode())
    recovered = 0
    for point in range(20, 1500, 40):
        world.unmount(PATH)
        world.wait(world.start(arguments=tmpfs(PATH, "b"), fuse=point))
        recovered += "interrupted" in [item["kind"] for item in world.facts()["drift"]]
        succeed(world, **tmpfs(PATH, "b"))
        assert read(world) == before, point
    assert recovered, "no call was killed while it had a note"


def test_entry_with_odd_characters_is_mounted_by_mount(world: World) -> None:
    put(world)
    path = "/srv/a b#c\\d ä"
    succeed(world, **tmpfs(path, "a", boot=True))
    boot(world, path)
    assert len(world.stack(path)) == 1
    assert succeed(world, **leave(path, "a")).action == "unmounted"
    assert (world.stack(path), ours(world)) == ([], [])


# --- After a reboot ---


def test_reboot_mount_of_the_entry_is_ours(world: World) -> None:
    before = put(world)
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder, boot=True))
    boot(world, PATH)
    mounted = world.unique_id(PATH)
    assert [item["kind"] for item in world.facts()["drift"]] == ["missing"]
    again = predict_and_call(world, **tmpfs(PATH, "a", boot=True))
    assert (again.changed, again.action, again.holders) == (False, "none", ["a", "b"])
    assert again.mount["owned"] is True
    assert (world.unique_id(PATH), world.facts()["drift"]) == (mounted, [])
    repeat_unchanged(world, **tmpfs(PATH, "a", boot=True))
    apply(world, "released", **leave(PATH, "a"))
    apply(world, "unmounted", **leave(PATH, "b"))
    assert (world.stack(PATH), read(world)) == ([], before)


def test_reboot_mount_that_the_kernel_shows_in_other_words_is_ours(world: World) -> None:
    opts = ["size=50%", "mode=1777", "uid=0", "huge=never"]
    succeed(world, **tmpfs(PATH, "a", boot=True, opts=opts))
    boot(world, PATH)
    again = predict_and_call(world, **tmpfs(PATH, "a", boot=True, opts=opts))
    assert (again.action, again.mount["owned"]) == ("none", True), again
    assert world.facts()["drift"] == []
    apply(world, "unmounted", **leave(PATH, "a"))


@pytest.mark.parametrize(
    ("old", "new"), [(b" ", b"\t"), (b"\n", b"\r\n")], ids=["aligned", "carriage-returns"]
)
def test_reboot_mount_of_an_entry_laid_out_anew_is_ours(world: World, old: bytes, new: bytes) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    laid_out = put(world, read(world).replace(old, new))
    boot(world, PATH)
    again = predict_and_call(world, **tmpfs(PATH, "a", boot=True))
    assert (again.changed, again.action, read(world)) == (False, "none", laid_out)
    apply(world, "unmounted", **leave(PATH, "a"))
    assert ours(world) == []


def test_reboot_mount_of_the_entry_is_unmounted_by_the_first_release(world: World) -> None:
    before = put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    boot(world, PATH)
    apply(world, "unmounted", **leave(PATH, "a"))
    assert (world.stack(PATH), read(world)) == ([], before)


def test_reboot_is_reconciled_with_and_without_an_entry(world: World) -> None:
    before = put(world)
    world.make_directory("/srv/source")
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder, boot=True))
        succeed(
            world, path="/srv/shown", src="/srv/source", fstype="bind", opts=["ro"], holder=holder, boot=True
        )
        succeed(world, **tmpfs("/srv/plain", holder))
    boot(world, PATH, "/srv/shown")
    mounted = [world.unique_id(path) for path in (PATH, "/srv/shown")]
    result = reconcile(world)
    assert {row["path"]: row["action"] for row in result["repaired"]} == {
        PATH: "none",
        "/srv/shown": "none",
        "/srv/plain": "mounted",
    }
    assert [world.unique_id(path) for path in (PATH, "/srv/shown")] == mounted
    assert len(world.references) == 3
    assert all(world.holders(path) == ["a", "b"] for path in world.references)
    reconcile(world, live_holders=[])
    assert (world.references, read(world)) == ({}, before)


def mount_other(world: World) -> None:
    """Mount something else there."""
    world.mount("other", PATH, "tmpfs", flags=6)


def mount_without_flags(world: World) -> None:
    """Mount the same without its flags."""
    world.mount("tmpfs", PATH, "tmpfs")


@pytest.mark.parametrize("act", [mount_other, mount_without_flags])
def test_reboot_mount_that_is_another_is_not_ours(world: World, act: t.Callable[[World], None]) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    reboot(world)
    act(world)
    before = world.unique_id(PATH)
    refuse(world, "conflict", **tmpfs(PATH, "a", boot=True))
    world.call(**leave(PATH, "a"))
    assert world.unique_id(PATH) == before


@pytest.mark.parametrize("act", [mount_other, mount_without_flags])
def test_reboot_mount_that_is_another_is_not_told_to_be_repaired(
    world: World, act: t.Callable[[World], None]
) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    reboot(world)
    act(world)
    result = reconcile(world)
    assert [(row["path"], row["kind"]) for row in result["remaining"]] == [(PATH, "replaced")]
    assert (result.changed, result["repaired"]) == (False, [])


def test_reboot_mount_of_an_entry_that_was_edited_is_left(world: World) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    put(world, read(world).replace(b"nofail,", b"nofail,noauto,"))
    boot(world, PATH)
    result = reconcile(world)
    assert [(row["path"], row["kind"]) for row in result["remaining"]] == [(PATH, "missing")]
    assert result["repaired"] == []


OVERLAY: t.Dict[str, t.Any] = {"src": "overlay", "fstype": "overlay", "opts": ["lowerdir=/srv/one:/srv/two"]}
OTHERS = {
    "size": (tmpfs(PATH, "a", opts=["size=1m"]), "size=64m", "tmpfs"),
    "layers": ({"path": PATH, "holder": "a", **OVERLAY}, "lowerdir=/srv/two:/srv/one", "overlay"),
}


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_reboot_mount_with_other_options_is_not_ours(private_world: World, name: str) -> None:
    world = private_world
    arguments, data, fstype = OTHERS[name]
    put(world)
    for layer in ("one", "two"):
        world.make_directory(f"/srv/{layer}")
    succeed(world, **arguments, boot=True)
    reboot(world)
    world.make_directory(PATH)
    world.mount(fstype, PATH, fstype, flags=6, data=data)
    mounted = world.unique_id(PATH)
    world.call(**leave(PATH, "a"))
    assert world.unique_id(PATH) == mounted


def test_reboot_overlay_that_is_older_than_its_layers_is_not_ours(private_world: World) -> None:
    """A boot without an order mounts the overlay first: it shows what its layer's mount hides afterwards."""
    world = private_world
    put(world)
    layer = tmpfs("/srv/one", "a", opts=["mode=0755"], boot=True)
    overlay: t.Dict[str, t.Any] = {"path": PATH, "holder": "a", **OVERLAY, "boot": True}
    world.make_directory("/srv/two")
    for arguments in (layer, overlay):
        succeed(world, **arguments)
    assert "x-systemd.requires-mounts-for=/srv/one" in read(world).decode()
    reboot(world)
    for path in (PATH, "/srv/one"):
        world.make_directory(path)
    world.mount("overlay", PATH, "overlay", flags=6, data="lowerdir=/srv/one:/srv/two")
    world.mount("tmpfs", "/srv/one", "tmpfs", flags=6, data="mode=0755")
    refuse(world, "conflict", **{**overlay, "holder": "b"})
    assert world.references["/srv/one"]["owned"]
    world.unmount(PATH)
    apply(world, "joined", **{**layer, "holder": "b"})
    apply(world, "mounted", **{**overlay, "holder": "b"})


def test_reboot_mount_that_shows_what_another_hides_is_not_ours(world: World) -> None:
    """The boot binds the directory below the mount that is the source, where that has no entry."""
    put(world)
    world.make_directory("/srv/source")
    succeed(world, **tmpfs("/srv/source", "a", boot=True))
    bind: t.Dict[str, t.Any] = {"path": "/srv/shown", "src": "/srv/source", "fstype": "bind", "holder": "a"}
    succeed(world, **bind, boot=True)
    # Somebody takes the source's entry out.
    put(world, FILES["plain"] + "".join(f"{line}\n" for line in ours(world) if "bind" in line).encode())
    boot(world, "/srv/shown")
    result = reconcile(world)
    assert [row["path"] for row in result["repaired"]] == ["/srv/source"]
    assert [row["path"] for row in result["remaining"]] == ["/srv/shown"]
    # Where mounts are shared, the source's was mounted on what shows its directory as well.
    refuse(world, "conflict" if world.propagation == "private" else "not_owned", **bind, boot=True)
    while world.stack("/srv/shown"):
        world.unmount("/srv/shown")
    reconcile(world)
    assert len({world.file(path).stat().st_dev for path in ("/srv/source", "/srv/shown")}) == 1


def test_reboot_mount_without_our_entry_is_not_ours(world: World) -> None:
    before = put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    reboot(world)
    put(world, before + LINE.replace(f",{MARK}", "").encode() + b"\n")
    world.mount("tmpfs", PATH, "tmpfs", flags=6)
    mounted = world.unique_id(PATH)
    world.call(**leave(PATH, "a"))
    assert world.unique_id(PATH) == mounted


@pytest.mark.skipif(not CAN_HELP, reason="no sshfs, or no FUSE, to stand for a server")
@pytest.mark.parametrize("kind", ["mount point", "source"])
def test_entry_is_refused_where_a_server_says_what_a_name_is(private_world: World, kind: str) -> None:
    world = private_world
    put(world)
    make_helper(world)
    succeed(world, **helped("/srv/net"), boot=True)
    before = read(world)
    wish = {**tmpfs("/srv/net/dir", "a"), "allow_nonempty": True}
    if kind == "source":
        wish = {"path": PATH, "src": "/srv/net/dir", "fstype": "bind", "holder": "a"}
    result = refuse(world, "unsafe_path", **wish, boot=True)
    assert "'/srv/net' lies on a fuse filesystem" in result["msg"]
    succeed(world, **wish)
    refuse(world, "unsafe_path", **wish, boot=True)  # what is mounted already is no other case
    assert read(world) == before


def test_reboot_before_the_boot_has_mounted_is_missing_and_mounted(world: World) -> None:
    put(world)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    reboot(world)
    assert call_reconcile(world)["repaired"][0]["action"] == "mounted"
    assert (len(world.stack(PATH)), ours(world)) == (1, [LINE])


# --- At the same time ---


def test_twelve_at_once_keep_all_entries(world: World) -> None:
    before = put(world, b"".join(b"/dev/d%d /d%d ext4 noauto 0 0\n" % (n, n) for n in range(200)))
    paths = [f"/srv/n{number}" for number in range(12)]
    results = world.call_all([tmpfs(path, "a", boot=True) for path in paths])
    assert [result.action for result in results] == ["mounted"] * 12, results
    assert sorted(line.split()[1] for line in ours(world)) == sorted(paths)
    assert read(world).startswith(before)
    results = world.call_all([leave(path, "a") for path in paths])
    assert [result.action for result in results] == ["unmounted"] * 12, results
    assert read(world) == before


def test_parent_written_again_comes_before_its_child(world: World) -> None:
    put(world)
    child = tmpfs("/srv/app/data", "child", boot=True)
    parent = tmpfs("/srv/app", "parent", boot=True, opts=["mode=0755"])
    for wanted in (parent, child):
        succeed(world, **wanted)
    succeed(world, **tmpfs("/srv/app", "stays", opts=["mode=0755"]))
    succeed(world, **leave("/srv/app", "parent"))
    succeed(world, **parent)
    assert [line.split()[1] for line in ours(world)] == ["/srv/app", "/srv/app/data"]
    reboot(world)
    world.write(FSTAB, "".join(f"{line},x-mount.mkdir {rest}\n" for line, rest in map(split, ours(world))))
    assert world.run("mount", "-a").rc == 0
    assert [len(world.stack(path)) for path in ("/srv/app", "/srv/app/data")] == [1, 1]


def split(line: str) -> t.Tuple[str, str]:
    """Return the fields up to the options, and the rest."""
    fields = line.split(" ")
    return " ".join(fields[:4]), " ".join(fields[4:])


def test_table_that_is_a_mount_point_is_named(world: World) -> None:
    put(world)
    world.write("/srv/table", "# the container's\n")
    world.mount("/srv/table", FSTAB, "", flags=MS_BIND)
    result = refuse(world, "unsafe_path", **tmpfs(PATH, "a", boot=True))
    assert FSTAB in result["msg"]
    assert "mount point" in result["msg"]
    assert world.stack(PATH) == []
