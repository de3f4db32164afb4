# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What takes the place of lines of fstab."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.filter.fstab_tasks import fstab_tasks

Row = t.Dict[str, t.Any]


def of_line(line: str, **more: t.Any) -> Row:
    """Return what takes the place of one line."""
    (found,) = fstab_tasks(f"# a comment\n\n{line}\n", holder="shop", **more)
    return t.cast("Row", found)


def asked(found: Row) -> t.List[Row]:
    """Return what its tasks ask of the module."""
    assert found["reason"] == ""
    (block,) = found["tasks"]
    return [
        task["holdfast.mounts.safe_mount"]
        for task in block["block"]
        if len(task) > 1 and "lineinfile" not in str(task)
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/dev/sdb1 /data ext4 defaults", "next boot may give"),
        ("UUID=1 none swap sw", "mounted nowhere"),
        ("LABEL=x /srv/x auto defaults", "leaves the type to be guessed"),
        ("bucket /srv/x fuse.s3fs defaults", "served by a program"),
        ("//nas/x /srv/x cifs username=u,password=s3", "use credentials_file"),
        ("tmpfs /srv/x tmpfs nofail,x-holdfast.mounts", "own entry"),
        ("{{x}} /srv/x tmpfs defaults", "braces"),
        ("tmpfs /srv/x tmpfs nodevv", "unknown; write nodev"),
    ],
    ids=["counted", "swap", "auto", "fuse", "password", "ours", "template", "typing-error"],
)
def test_line_that_leaves_a_question_stays(line: str, reason: str) -> None:
    found = of_line(line)
    assert found["tasks"] == []
    assert reason in found["reason"]
    assert "s3" not in str(found).replace("s3fs", "")


def test_what_is_no_table_is_refused() -> None:
    for given in ({"table": 7, "holder": "a"}, {"table": "", "holder": "/"}, {"table": "", "mounts": "x"}):
        with pytest.raises(AnsibleFilterError, match="fstab_tasks"):
            fstab_tasks(**given)


def test_held_mount_point_is_left() -> None:
    held = [{"mount": "/srv/x", "managed": True, "fstype": "tmpfs", "options": "rw"}]
    assert "held already" in of_line("tmpfs /srv/x tmpfs defaults", mounts=held)["reason"]


def test_advice_is_followed_and_told() -> None:
    found = of_line("LABEL=x /data ext4 defaults,noatime,barrier=0,suid,_netdev 0 2")
    first, last = asked(found)
    expected = {
        "path": "/data",
        "src": "LABEL=x",
        "fstype": "ext4",
        "opts": ["noatime", "nobarrier"],
        "holder": "shop",
        "allow_suid": True,
        "network": True,
        "allowed_roots": ["/mnt", "/media", "/srv", "/data"],
    }
    assert first == expected
    assert last == {**expected, "boot": True}
    assert any("barrier=0" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/srv/a /srv/b none bind,ro", {"fstype": "bind", "src": "/srv/a", "opts": ["ro"]}),
        ("/srv/a\\040b /srv/c none bind", {"src": "/srv/a b"}),
        ("tmpfs /srv/a\\040b/ tmpfs size=1m", {"path": "/srv/a b"}),
        ('LABEL="x" /srv/x ext4', {"src": "LABEL=x"}),
        ("sshfs#u@h:/p /srv/x fuse defaults", {"fstype": "fuse.sshfs", "allow_fstypes": ["fuse.sshfs"]}),
        ("//nas/x /srv/x cifs credentials=/etc/nas", {"credentials_file": "/etc/nas", "opts": []}),
        ("h:/p/ /srv/x nfs4 hard", {"src": "h:/p"}),
        ("tmpfs /srv/x tmpfs uid=alice", {"opts": ["uid=alice"]}),
    ],
    ids=["bind", "space", "space-in-path", "quotes", "sshfs", "credentials", "slash", "name"],
)
def test_line_is_read_as_mount_reads_it(line: str, expected: Row) -> None:
    first = asked(of_line(line))[0]
    assert {name: first.get(name, []) for name in expected} == expected


def test_line_without_auto_is_not_mounted_at_boot() -> None:
    assert len(asked(of_line("/dev/sr0 /srv/x iso9660 noauto,ro"))) == 1


def test_mount_that_is_there_is_adopted_as_it_is() -> None:
    there = [{"mount": "/srv/x", "managed": False, "fstype": "ext4", "options": "rw,nodev,relatime"}]
    first = asked(of_line("LABEL=x /srv/x auto defaults", mounts=there))[0]
    assert (first["fstype"], first["adopt"], first["allow_suid"]) == ("ext4", True, True)
    assert "allow_dev" not in first


@pytest.mark.parametrize("raw", ["/srv/a", "/srv/a\\040b", "/srv/a/", "/srv/a.b"])
def test_line_that_is_taken_out_is_this_one(raw: str) -> None:
    (block,) = of_line(f"tmpfs {raw} tmpfs size=1m")["tasks"]
    regexp = block["block"][1]["ansible.builtin.lineinfile"]["regexp"]
    assert re.search(regexp, f"  tmpfs\t{raw} tmpfs size=1m")
    for other in (f"# tmpfs {raw} tmpfs x", f"tmpfs {raw}x tmpfs x", f"{raw} /srv/o none bind"):
        assert not re.search(regexp, other)
