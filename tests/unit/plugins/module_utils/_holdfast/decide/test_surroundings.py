# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lies below what, what shows what, and in which order mounts come."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import (
    ManagedMounts,
    PathIndex,
    ancestors,
    order,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    make_definition,
    make_reference,
)
from hypothesis import given
from hypothesis import strategies as st

# "-" and "." sort before "/", so that neighbours of a path come between it and what is below it.
PATHS = st.lists(st.sampled_from(["a", "b", "a-b", "a.b", "a b"]), min_size=1, max_size=4).map(
    lambda names: "/" + "/".join(names)
)


def bind(src: str) -> Definition:
    return make_definition(fstype="bind", src=src)


def is_below(inner: str, outer: str) -> bool:
    return inner[: len(outer) + 1] == f"{outer}/"


@given(PATHS)
def test_ancestors_are_the_prefixes_nearest_first(path: str) -> None:
    names = path[1:].split("/")
    assert list(ancestors(path)) == ["/" + "/".join(names[:n]) for n in range(len(names) - 1, 0, -1)]


@given(st.sets(PATHS), PATHS)
def test_path_index_agrees_with_a_search_of_all(paths: t.Set[str], path: str) -> None:
    index = PathIndex(paths)
    assert list(index.below(path)) == sorted(other for other in paths if is_below(other, path))
    assert set(index.at_or_below(path)) == {o for o in paths if o == path or is_below(o, path)}


@given(st.dictionaries(PATHS, PATHS), PATHS)
def test_dependents_agree_with_a_search_of_all(binds: t.Dict[str, str], path: str) -> None:
    around = ManagedMounts({point: make_reference(wanted=bind(src)) for point, src in binds.items()})
    shown = [p for p, src in binds.items() if p != path and (src == path or is_below(src, path))]
    assert list(around.dependents(path)) == sorted(shown)


def test_dependents_know_every_layer_of_an_overlay() -> None:
    layers = ("lowerdir=/srv/l1/x:/srv/l2", "upperdir=/srv/u/up", "workdir=/srv/u/work")
    around = ManagedMounts({"/srv/o": make_reference(wanted=make_definition(*layers, fstype="overlay"))})
    assert [p for p in ("/srv/l1", "/srv/l2", "/srv/u", "/srv/l") if around.dependents(p)] == [
        "/srv/l1",
        "/srv/l2",
        "/srv/u",
    ]


def test_dependents_ignore_what_looks_like_a_path_elsewhere() -> None:
    around = ManagedMounts({"/srv/t": make_reference(wanted=make_definition(src="/srv/a"))})
    assert around.dependents("/srv/a") == ()


@pytest.mark.parametrize(
    ("needs", "waves"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"/a/b": None, "/a": None}, [["/a"], ["/a/b"]], id="parent first"),
        pytest.param({"/a/b/c": None, "/a": None}, [["/a"], ["/a/b/c"]], id="with a gap"),
        pytest.param({"/a-b": None, "/a": None}, [["/a-b", "/a"]], id="only alike"),
        pytest.param({"/b": bind("/z/x"), "/z": None}, [["/z"], ["/b"]], id="source first"),
        pytest.param({"/b": bind("/z"), "/z": None}, [["/z"], ["/b"]], id="the source itself"),
        pytest.param(
            {"/c": bind("/b"), "/b": bind("/a"), "/a": None}, [["/a"], ["/b"], ["/c"]], id="chain of binds"
        ),
        pytest.param({"/a": bind("/a/x")}, [["/a"]], id="its own source"),
    ],
)
def test_order(needs: t.Dict[str, t.Optional[Definition]], waves: t.List[t.List[str]]) -> None:
    assert order(needs) == waves


def test_order_of_mounts_that_show_each_other_ends() -> None:
    waves = order({"/a": bind("/b/x"), "/b": bind("/a/x")})
    assert sorted(path for wave in waves for path in wave) == ["/a", "/b"]


@given(st.dictionaries(PATHS, st.one_of(st.none(), PATHS)))
def test_order_has_each_path_once_and_parents_in_earlier_waves(needs: t.Dict[str, t.Optional[str]]) -> None:
    waves = order({path: None if src is None else bind(src) for path, src in needs.items()})
    place = {path: number for number, wave in enumerate(waves) for path in wave}
    assert sorted(path for wave in waves for path in wave) == sorted(needs)
    if not any(needs.values()):
        assert all(place[up] < place[path] for path in needs for up in ancestors(path) if up in needs)


@given(st.sets(PATHS), st.sets(PATHS))
def test_order_has_sources_in_earlier_waves(plain: t.Set[str], sources: t.Set[str]) -> None:
    needs: t.Dict[str, t.Optional[Definition]] = dict.fromkeys(plain)
    needs.update({f"/z/{number}": bind(src) for number, src in enumerate(sorted(sources))})
    place = {path: number for number, wave in enumerate(order(needs)) for path in wave}
    for path, definition in needs.items():
        for src in definition.source_paths if definition else ():
            assert all(place[up] < place[path] for up in (src, *ancestors(src)) if up in needs)
