# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ansible itself refuses has a code too, and a hint where one is known."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import refuse, tmpfs
from harness.world import World

REFUSED: t.Dict[str, t.Tuple[t.Dict[str, t.Any], str]] = {
    "state-of-another-module": (tmpfs("/srv/a", state="present"), "write mounted for present"),
    "ttl-with-a-unit": (tmpfs("/srv/a", ttl="1h"), "write a number of seconds"),
    "mounts-as-a-text": ({"mounts": "/srv/a"}, "write a list of dictionaries"),
    "unknown": (tmpfs("/srv/a", whatever=1), "whatever"),
    "no-type": ({"path": "/srv/a", "src": "tmpfs"}, "fstype: required"),
    "no-source": ({"path": "/srv/a", "fstype": "tmpfs"}, "src: required"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_parameter_has_a_code_and_a_hint(world: World, name: str) -> None:
    arguments, told = REFUSED[name]
    result = refuse(world, "invalid_argument", locks=False, **arguments)
    assert told in result["msg"], result["msg"]
    assert set(result["error"]) == {"code", "step", "path", "errno", "log_ref"}


@pytest.mark.parametrize(
    "word", ["password=m", "StrictHostKeyChecking=no", "password=mounts"], ids=["letter", "no", "word"]
)
def test_fixed_words_are_not_masked(world: World, word: str) -> None:
    result = refuse(world, "option_not_allowed", locks=False, **tmpfs("/srv/a", opts=[word]))
    assert result["error"]["step"] == "grammar"
    assert word not in result["msg"]
