# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of devices that are there only when the network is."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import boot
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils import builders


def words_of(fstype: str, src: str, *, needs_network: bool) -> str:
    """Return the options of the entry."""
    definition = model.definition_from_opts(fstype, src, ["nodev"])
    return boot.fstab_line(builders.PATH, definition, needs_network=needs_network).split()[3]


@pytest.mark.parametrize(("fstype", "src"), [("tmpfs", "scratch"), ("bind", "/srv/x")], ids=["tmpfs", "bind"])
def test_entry_without_a_device_does_not_wait(fstype: str, src: str) -> None:
    assert words_of(fstype, src, needs_network=True) == words_of(fstype, src, needs_network=False)


def test_entry_of_a_server_waits_anyway() -> None:
    assert words_of("nfs", "nas:/x", needs_network=True) == words_of("nfs", "nas:/x", needs_network=False)


def test_entry_of_a_device_waits_where_it_needs_the_network() -> None:
    assert words_of("xfs", "LABEL=a", needs_network=False) == "nofail,nodev,x-holdfast.mounts"
    assert words_of("xfs", "LABEL=a", needs_network=True) == "nofail,_netdev,nodev,x-holdfast.mounts"


def test_reference_needs_the_network_while_anybody_says_so() -> None:
    plain, waiting = (
        claims.Holder(builders.SINCE, None, True),
        claims.Holder(builders.SINCE, None, True, True),
    )
    assert not builders.make_reference(holders={"a": plain}).needs_network
    assert builders.make_reference(holders={"a": plain, "b": waiting}).needs_network


def test_ledger_keeps_who_needs_the_network() -> None:
    reference = builders.make_reference(holders={"a": claims.Holder(builders.SINCE, None, True, True)})
    ledger = claims.Ledger("boot", {builders.PATH: reference})
    assert codec.ledger_from_json(codec.ledger_to_json(ledger)).references[builders.PATH].needs_network
