# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What docs/guides/at_the_host.md shows of the command is what the command prints.

The commands of the page are run in their order, each after what the page says has happened. Where the page is
not right, the test writes the one that is.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from harness.cycle import succeed
from harness.world import World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "at_the_host.md"
BLOCK = re.compile(r"^    # (holdfast .*)\n((?:    .*\n)*)", re.MULTILINE)
# What differs each time: moments, references of the log, numbers of processes.
VARIES = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z|\b[0-9a-f]{12}\b|\b[0-9]+ (?=\(sleep\))|(?<=seconds )[0-9]+$|"
    r'(?<="} )[0-9]{10}$',
    re.MULTILINE,
)


class Night:
    """The story that the page tells, an act before each of its commands."""

    def __init__(self, world: World, command: str) -> None:
        self.world, self.command, self.users, self.printed = world, command, 0, ""

    def shop_and_billing_share_a_release_area(self) -> None:
        one = {"path": "/srv/release", "src": "scratch", "fstype": "tmpfs", "opts": ["mode=0755"]}
        for holder in ("shop", "billing"):
            succeed(self.world, **one, holder=holder)
        succeed(self.world, **{**one, "path": "/srv/cache", "src": "cache"}, holder="batch-7", ttl=3600)

    def somebody_works_there(self) -> None:
        self.users = self.world.occupy("/srv/release")

    def nothing_happens(self) -> None:
        """The page goes on."""

    def it_is_unmounted_by_hand(self) -> None:
        self.world.end(self.users)
        self.world.run("umount", "/srv/release")

    def a_source_goes_away(self) -> None:
        self.world.file("/srv/archive").mkdir()
        succeed(self.world, path="/srv/logs", src="/srv/archive", fstype="bind", holder="billing")
        self.world.run("umount", "/srv/logs")
        self.world.file("/srv/archive").rmdir()
        assert self.run("holdfast reconcile --unattended") == ""

    def a_release_is_refused(self) -> None:
        self.users = self.world.occupy("/srv/release")
        for _attempt in range(50):
            assert self.run("holdfast release --holder billing /srv/release") == ""
            if "and more" not in self.printed:  # a busy machine does not find all users in time
                break

    def run(self, line: str) -> str:
        """Run a command of the page and return what it prints."""
        reference = re.search(r"explain ([0-9a-f]{12})", self.printed)
        words = [
            word if not reference else re.sub("^[0-9a-f]{12}$", reference[1], word) for word in line.split()
        ]
        ended = self.world.run(self.command, *words[1:])
        self.printed = ended.stderr
        return ended.stdout


def test_guide_shows_what_the_command_prints(private_world: World, command: str, tmp_path: Path) -> None:
    night = Night(private_world, command)
    acts = (
        night.shop_and_billing_share_a_release_area,
        night.somebody_works_there,
        night.nothing_happens,
        night.it_is_unmounted_by_hand,
        night.a_source_goes_away,
        night.nothing_happens,
        night.a_release_is_refused,
    )
    text = PAGE.read_text(encoding="utf-8")
    pending = iter(acts)

    def retell(block: t.Match[str]) -> str:
        next(pending)()
        printed = "".join(f"    {line}\n" for line in night.run(block[1]).splitlines())
        line = block[1]
        found = re.search(r"log_ref: +([0-9a-f]{12})", printed)
        if found:
            line = re.sub("[0-9a-f]{12}$", found[1], line)
        return f"    # {line}\n{printed}"

    retold = BLOCK.sub(retell, text)
    assert list(pending) == [], "the page has fewer commands than the story has acts"
    (tmp_path / PAGE.name).write_text(retold, encoding="utf-8")
    assert VARIES.sub("…", text) == VARIES.sub("…", retold), (
        f"the page as it should be: {tmp_path / PAGE.name}"
    )
    private_world.end(night.users)
