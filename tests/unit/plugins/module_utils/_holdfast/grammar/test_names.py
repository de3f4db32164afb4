# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names a holder may have."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.naming import check_holder

REFUSED = {
    "empty": "",
    "space": "web 1",
    "slash": "web/1",
    "leading_dot": ".web",
    "leading_hyphen": "-web",
    "comma": "a,b",
    "newline_at_the_end": "web\n",
    "other_digits": "\u0667",
    "other_letters": "w\u00e9b",
    "too_long": "x" * 129,
}


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_holder_with_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(MountError) as caught:
        check_holder(name, "holder")
    assert caught.value.code == "invalid_argument"


@pytest.mark.parametrize("name", ["7", "a", "vm-12.example.org", "job:7@node+x_y", "x" * 128])
def test_holder_well_formed_is_returned_as_it_is(name: str) -> None:
    assert check_holder(name, "holder") == name
