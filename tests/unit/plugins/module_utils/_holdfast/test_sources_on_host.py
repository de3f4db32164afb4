# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What looking at sources costs: a mount table of a host is long."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import places, second_names
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.session import Session
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    make_definition,
    make_request,
)


def test_layers_of_an_overlay_are_looked_up_in_one_table(
    private_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [private_place / f"layer-{number}" for number in range(9)]
    for layer in layers:
        layer.mkdir()
    read = []

    class Counted(second_names.Table):
        """Counts how often the table is read."""

        def __init__(self) -> None:
            super().__init__()
            read.append(len(self.rows))

    monkeypatch.setattr(second_names, "Table", Counted)
    lower = ":".join(map(str, layers))
    definition = make_definition(f"lowerdir={lower}", fstype="overlay", src="layers")
    source = places.observe_source(definition, Session(make_request(), HOST, "2026-01-01T00:00:00Z"))
    assert [place.path for place in source.places] == list(map(str, layers))
    assert len(read) == 1
