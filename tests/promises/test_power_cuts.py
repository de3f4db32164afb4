# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The power is cut at every write: nothing acknowledged is lost, and one reconcile brings all together.

Of xfs and btrfs, whose images are larger, some of the states are looked at; POWER_CUTS sets how many, 0 for
all. The control is the same course without fsync(2). nox -s powercut goes on with other courses, for hours.
"""

from __future__ import annotations

import os
import shutil
import typing as t

import pytest

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]

SAMPLES = int(os.environ.get("POWER_CUTS", "30"))
FILESYSTEMS = {"ext4": 0, "xfs": SAMPLES, "btrfs": SAMPLES}


@pytest.mark.parametrize("fstype", sorted(FILESYSTEMS))
def test_power_cut_loses_nothing_that_was_acknowledged(
    run_program: Program, show_figures: Show, fstype: str
) -> None:
    needed = (
        os.path.exists("/dev/fuse"),
        os.path.exists("/dev/loop-control"),
        shutil.which(f"mkfs.{fstype}"),
    )
    if not all(needed):
        pytest.skip(f"needs FUSE, loop devices and mkfs.{fstype}")
    ours = run_program("power_cuts", fstype, "ours", FILESYSTEMS[fstype], 0)
    control = run_program("power_cuts", fstype, "unsynced", SAMPLES, 0)
    show_figures(
        f"4 power cut, {fstype}: states that lost something",
        f"{len(ours['lost'])} of {ours['states']}; {len(ours['left'])} with something left after a reconcile",
        f"the same without fsync: {len(control['lost'])} of {control['states']}",
    )
    assert control["lost"]
    assert (ours["lost"], ours["left"]) == ([], [])
    assert ours["states"] >= min(ours["distinct"], 20)
