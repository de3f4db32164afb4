# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which layers an overlay takes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.options import (
    canonical_options,
)

BAD_OPTIONS: t.Dict[str, t.Tuple[t.List[str], str]] = {
    "no_lowerdir": (["index=on"], "add lowerdir=/path"),
    "lowerdir_without_value": (["lowerdir"], "an absolute path"),
    "lowerdir_empty": (["lowerdir="], "an absolute path"),
    "lowerdir_twice": (["lowerdir=/srv/a", "lowerdir=/srv/b"], "given 2 times"),
    "one_layer_alone": (["lowerdir=/srv/a"], "one layer alone"),
    "upperdir_alone": (["lowerdir=/srv/a", "upperdir=/srv/u"], "need each other"),
    "workdir_alone": (["lowerdir=/srv/a:/srv/b", "workdir=/srv/w"], "need each other"),
    "same_layer_twice": (["lowerdir=/srv/a:/srv/b:/srv/a"], "a layer twice"),
    "upper_is_lower": (["lowerdir=/srv/a", "upperdir=/srv/a", "workdir=/srv/w"], "a layer twice"),
    "further_option": (["lowerdir=/srv/a,lowerdir=/etc"], "a further option"),
    "further_option_in_upper": (
        ["lowerdir=/srv/a", "upperdir=/srv/u,index=on", "workdir=/srv/w"],
        "a further option",
    ),
    "too_many": (["lowerdir=" + ":".join(f"/srv/{number}" for number in range(501))], "more than 500"),
}


@pytest.mark.parametrize(("opts", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_layers_as_options_are_refused(opts: t.List[str], message: str) -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("overlay", opts, source_roots=("/srv",))
    assert caught.value.code == "option_not_allowed"
    assert message in caught.value.message


BAD_PATHS: t.Dict[str, str] = {
    "relative": "srv/a",
    "outside": "/opt/a",
    "parent": "/srv/../etc",
    "trailing_slash": "/srv/a/",
    "empty_layer": "/srv/a::/srv/b",
    "trailing_colon": "/srv/a:",
    "backslash": "/srv/a\\:b",
    "escape": "/srv/a\\054b",
    "never": "/etc",
}


@pytest.mark.parametrize("layer", BAD_PATHS.values(), ids=BAD_PATHS.keys())
def test_layer_outside_of_the_grammar_is_refused(layer: str) -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("overlay", [f"lowerdir={layer}"], source_roots=("/srv",))
    assert caught.value.code == "source_not_allowed"
    assert "opts, lowerdir: " in caught.value.message


@pytest.mark.parametrize("name", ["upperdir", "workdir"])
def test_layer_with_colon_in_a_single_place_is_refused(name: str) -> None:
    other = "workdir" if name == "upperdir" else "upperdir"
    with pytest.raises(MountError) as caught:
        canonical_options(
            "overlay", ["lowerdir=/srv/a", f"{name}=/srv/b:c", f"{other}=/srv/d"], source_roots=("/srv",)
        )
    assert caught.value.code == "source_not_allowed"


def test_layer_with_control_character_is_an_invalid_argument() -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("overlay", ["lowerdir=/srv/a\nb:/srv/c"], source_roots=("/srv",))
    assert caught.value.code == "invalid_argument"


def test_layers_well_formed_are_kept_in_their_order() -> None:
    opts = ["workdir=/srv/w", "lowerdir=/srv/b:/srv/a,c d", "upperdir=/srv/u", "xino=auto"]
    _flags, data = canonical_options("overlay", opts, source_roots=("/srv",))
    assert data == (
        ("lowerdir", "/srv/b:/srv/a,c d"),
        ("upperdir", "/srv/u"),
        ("workdir", "/srv/w"),
        ("xino", "auto"),
    )
