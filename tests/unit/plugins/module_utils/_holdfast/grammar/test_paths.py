# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which paths and roots are well-formed, and what lies below what."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.paths import (
    NEVER_LIST,
    NEVER_ROOTS,
    check_path,
    check_roots,
    is_below,
    refuse_never,
    refuse_outside,
)

ILL_FORMED = {
    "empty": ("", "is empty"),
    "relative": ("mnt/a", "is not absolute"),
    "home": ("~/a", "neither ~ nor $VAR is expanded"),
    "variable": ("$HOME/a", "neither ~ nor $VAR is expanded"),
    "root": ("/", "is the root directory"),
    "trailing_slash": ("/mnt/a/", 'write "/mnt/a"'),
    "double_slash": ("/mnt//a", 'write "/mnt/a"'),
    "leading_double_slash": ("//mnt/a", 'write "/mnt/a"'),
    "dot": ("/mnt/./a", 'write "/mnt/a"'),
    "only_dots": ("/.", "write a path below the root directory"),
    "dot_dot": ("/mnt/a/../b", 'a ".." component'),
    "trailing_dot_dot": ("/mnt/..", 'a ".." component'),
    "long_component": ("/mnt/" + "x" * 256, "more than 255 bytes"),
    "long_component_in_bytes": ("/mnt/" + "\u00e9" * 128, "more than 255 bytes"),
    "long_path": ("/mnt" + "/abcdefg" * 512, "longer than 4095 bytes"),
    "deep_path": ("/mnt" + "/a" * 64, "more than 64 components"),
    "deep_path_of_other_characters": ("/mnt" + "/\u00e9" * 64, "more than 64 components"),
}


@pytest.mark.parametrize(("path", "message"), ILL_FORMED.values(), ids=ILL_FORMED.keys())
def test_path_ill_formed_is_refused(path: str, message: str) -> None:
    with pytest.raises(MountError) as caught:
        check_path(path, "mounts[2].path")
    assert caught.value.code == "invalid_argument"
    assert caught.value.message.startswith("mounts[2].path: ")
    assert message in caught.value.message


def test_path_ill_formed_is_refused_with_the_code_of_its_use() -> None:
    with pytest.raises(MountError) as caught:
        check_path("/mnt/", "src", code="source_not_allowed")
    assert caught.value.code == "source_not_allowed"


def test_path_with_control_character_is_an_invalid_argument_in_every_use() -> None:
    with pytest.raises(MountError) as caught:
        check_path("/mnt/\n", "src", code="source_not_allowed")
    assert caught.value.code == "invalid_argument"


@pytest.mark.parametrize("tail", ["", "/below"], ids=["itself", "below"])
@pytest.mark.parametrize("never", NEVER_LIST)
def test_path_on_never_list_is_refused(never: str, tail: str) -> None:
    with pytest.raises(MountError) as caught:
        refuse_never(never + tail, "path")
    assert caught.value.code == "path_not_allowed"


OUTSIDE = {
    "neighbour_of_the_same_prefix": "/mnt2/a",
    "elsewhere": "/tmp/a",
    "other_case": "/MNT/a",
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_path_outside_of_the_roots_is_refused(path: str) -> None:
    with pytest.raises(MountError) as caught:
        refuse_outside(path, ("/mnt", "/srv/data"), "path")
    assert caught.value.code == "path_not_allowed"
    assert '"/mnt", "/srv/data"' in caught.value.message
    assert f'add "{path}" to allowed_roots' in caught.value.message


@pytest.mark.parametrize("path", ["/mnt", "/srv/data", "/srv/data/below"])
def test_root_and_what_lies_below_is_taken(path: str) -> None:
    refuse_outside(path, ("/mnt", "/srv/data"), "path")


@pytest.mark.parametrize("path", ["/data", "/opt/app", "/home/bob", "/run/x"])
def test_refused_path_becomes_possible_by_the_root_that_the_refusal_names(path: str) -> None:
    with pytest.raises(MountError, match=f'add "{path}" to allowed_roots'):
        refuse_outside(path, ("/mnt",), "path")
    refuse_outside(path, check_roots(["/mnt", path], "allowed_roots"), "path")


@pytest.mark.parametrize("path", ["/home", "/var"])
def test_refused_path_that_can_never_be_a_root_is_told_so(path: str) -> None:
    with pytest.raises(MountError, match="can never be in allowed_roots"):
        refuse_outside(path, ("/mnt",), "path")


def test_refused_source_is_not_quoted() -> None:
    with pytest.raises(MountError) as caught:
        refuse_outside("/opt/app", ("/mnt",), "src", code="source_not_allowed", roots_option="source_roots")
    assert "/opt/app" not in caught.value.message
    assert "add this very path to source_roots" in caught.value.message


BAD_ROOTS: t.Dict[str, t.Tuple[t.List[str], str]] = {
    "none": ([], "allowed_roots: the list is empty"),
    "twice": (["/mnt", "/mnt"], 'allowed_roots[1]: "/mnt" is there twice'),
    "relative": (["mnt"], "allowed_roots[0]: "),
    "trailing_slash": (["/mnt/"], 'write "/mnt"'),
    "on_never_list": (["/mnt", "/etc"], "allowed_roots[1]: "),
    "below_never_list": (["/usr/local"], "belongs to the system"),
    **{f"too_wide_{root}": ([root], "too wide") for root in NEVER_ROOTS},
}


@pytest.mark.parametrize(("roots", "message"), BAD_ROOTS.values(), ids=BAD_ROOTS.keys())
def test_roots_ill_formed_are_refused(roots: t.List[str], message: str) -> None:
    with pytest.raises(MountError) as caught:
        check_roots(roots, "allowed_roots")
    assert caught.value.code == "invalid_argument"
    assert message in caught.value.message


def test_roots_below_those_that_are_too_wide_are_returned_in_order() -> None:
    assert check_roots(["/var/lib/apps", "/home/shared", "/mnt"], "allowed_roots") == (
        "/var/lib/apps",
        "/home/shared",
        "/mnt",
    )


WELL_FORMED = {
    "plain": "/mnt/a",
    "literal_shell": "/mnt/a b,c\"d'$HOME;`e`\\f*",
    "dots_in_a_name": "/mnt/..a/b../...",
    "longest_component": "/mnt/" + "x" * 255,
    "longest_path": "/mnt" + ("/" + "x" * 250) * 16 + "/" + "x" * 74,
    "deepest_path": "/mnt" + "/a" * 63,
    "deepest_path_of_other_characters": "/mnt" + "/\u00e9" * 63,
    "decomposed": "/mnt/cafe\u0301",
}


@pytest.mark.parametrize("path", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_path_well_formed_is_returned_as_it_is(path: str) -> None:
    assert check_path(path, "path") == path


@pytest.mark.parametrize("path", ["/etcetera", "/run/holdfast2", "/var/lib", "/mnt/etc"])
def test_path_beside_the_never_list_passes(path: str) -> None:
    refuse_never(path, "path")


BELOW = {
    "child": ("/mnt/a", "/mnt", True),
    "grandchild": ("/mnt/a/b", "/mnt", True),
    "below_root_directory": ("/mnt", "/", True),
    "itself": ("/mnt", "/mnt", False),
    "root_directory_itself": ("/", "/", False),
    "parent": ("/mnt", "/mnt/a", False),
    "same_prefix": ("/mnt2", "/mnt", False),
}


@pytest.mark.parametrize(("path", "root", "expected"), BELOW.values(), ids=BELOW.keys())
def test_is_below_compares_components(path: str, root: str, expected: bool) -> None:
    assert is_below(path, root) is expected
