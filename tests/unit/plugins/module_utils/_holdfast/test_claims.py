# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger of an earlier boot still says."""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity

MADE = {"/srv/born": Identity("8:1", 7, 9), "/srv/unborn": Identity("8:1", 8, 0)}


def test_device_of_a_directory_counts_in_its_own_boot() -> None:
    ledger = Ledger("one", directories=MADE)
    assert ledger.seen_in("one") is ledger


def test_device_of_a_directory_counts_after_a_boot_where_nothing_else_tells_it() -> None:
    seen = Ledger("one", directories=MADE).seen_in("two")
    assert seen == Ledger(
        "two", directories={"/srv/born": Identity("", 7, 9), "/srv/unborn": Identity("8:1", 8, 0)}
    )
