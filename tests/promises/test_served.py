# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user's FUSE says that it is root's: nothing below it is safe, and it is neither adopted nor unmounted."""

from __future__ import annotations

import os
import typing as t

import pytest

Run = t.Callable[..., t.Any]
Show = t.Callable[[str, str, str], None]


@pytest.mark.skipif(
    not (os.path.exists("/usr/bin/fusermount3") and os.path.exists("/dev/fuse")),
    reason="needs fusermount3 and /dev/fuse",
)
def test_word_of_a_filesystem_that_a_user_serves_counts_for_nothing(
    run_program: Run, show_figures: Show
) -> None:
    below, released, is_there, adopted = run_program("served", "ours")
    assert (below, released, is_there) == ("unsafe_path", "not_owned", True)
    assert adopted == "conflict"
    below, released, is_there, _adopted = run_program("served", "naive")
    assert (below, released, is_there) == ("mounted", "unmounted", False)
    show_figures("5 a user's FUSE says it is root's", "unmounted as ours: 0 of 1", "believed: 1 of 1")
