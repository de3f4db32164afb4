# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each refusal by itself: what passes it, and what its words tell."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import (
    busy,
    refuse_bad_source,
    refuse_dependents,
    refuse_entries,
    refuse_shadowing,
    refuse_unsafe_way,
    refuse_wrong_kind,
    wanted_kind,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Kind, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Source
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_definition,
    make_reference,
    make_request,
    refused,
)

BIND = make_definition(fstype="bind", src="/srv/b")
OVERLAY = make_definition("lowerdir=/srv/b", fstype="overlay", src="overlay")


def test_refuse_unsafe_way_names_the_link_before_the_writable_parent() -> None:
    place = Place(PATH, "other", obstacle="/srv", writable_ancestor="/")
    error = refused(refuse_unsafe_way, place, make_request(), what="mount point", about=PATH)
    assert "'/srv' is a symbolic link" in error.message


def test_refuse_unsafe_way_of_a_link_cannot_be_allowed() -> None:
    place, request = Place(PATH, "other", obstacle="/srv"), make_request(allow_unsafe_parents=True)
    assert refused(refuse_unsafe_way, place, request, what="source", about="/srv/z").path == "/srv/z"


@pytest.mark.parametrize(
    ("kind", "wanted", "code"),
    [
        pytest.param("absent", "directory", None, id="nothing there"),
        pytest.param("absent", "file", None, id="nothing there, file"),
        pytest.param("directory", "directory", None, id="directory"),
        pytest.param("file", "file", None, id="file"),
        pytest.param("file", "directory", "unsafe_path", id="file for a directory"),
        pytest.param("directory", "file", "unsafe_path", id="directory for a file"),
        pytest.param("device", "directory", "unsafe_path", id="device"),
        pytest.param("other", "file", "unsafe_path", id="fifo"),
    ],
)
def test_refuse_wrong_kind(kind: Kind, wanted: Kind, code: t.Optional[str]) -> None:
    if code is None:
        refuse_wrong_kind(Place(PATH, kind), wanted)
    else:
        assert refused(refuse_wrong_kind, Place(PATH, kind), wanted).code == code


@pytest.mark.parametrize(
    ("has_entries", "is_allowed", "is_refused"),
    [(None, False, False), (False, False, False), (True, True, False), (True, False, True)],
    ids=["unknown", "none", "allowed", "some"],
)
def test_refuse_entries(has_entries: t.Optional[bool], is_allowed: bool, is_refused: bool) -> None:
    place, request = (
        Place(PATH, "directory", has_entries=has_entries),
        make_request(allow_nonempty=is_allowed),
    )
    if is_refused:
        assert refused(refuse_entries, place, request).code == "not_empty"
    else:
        refuse_entries(place, request)


def test_refuse_shadowing_names_what_is_hidden_only_in_its_detail() -> None:
    error = refused(refuse_shadowing, PATH, (f"{PATH}/m", f"{PATH}/f"))
    assert f"{PATH}/m" not in error.message
    assert error.detail == f"below it: {PATH}/m, {PATH}/f"


def test_refuse_dependents_does_not_count_the_mount_itself() -> None:
    refuse_dependents(
        PATH, Surroundings({PATH: make_reference(wanted=make_definition(fstype="bind", src=PATH))})
    )


@pytest.mark.parametrize(
    ("definition", "kind", "code"),
    [
        (BIND, "directory", None),
        (BIND, "file", None),
        (BIND, "absent", "mount_failed"),
        (BIND, "device", "source_not_allowed"),
        (OVERLAY, "directory", None),
        (OVERLAY, "file", "source_not_allowed"),
        (OVERLAY, "absent", "mount_failed"),
    ],
    ids=lambda value: getattr(value, "fstype", str(value)),
)
def test_refuse_bad_source(definition: t.Any, kind: Kind, code: t.Optional[str]) -> None:
    arguments = (PATH, definition, Source((Place("/srv/b", kind),)), make_request())
    if code is None:
        refuse_bad_source(*arguments)
    else:
        error = refused(refuse_bad_source, *arguments)
        assert (error.code, error.path) == (code, PATH)


@pytest.mark.parametrize(
    ("definition", "source", "kind"),
    [
        pytest.param(BIND, Source((Place("/srv/b", "file"),)), "file", id="file"),
        pytest.param(BIND, Source((Place("/srv/b", "directory"),)), "directory", id="directory"),
        pytest.param(BIND, Source(), "directory", id="yet to come"),
        pytest.param(OVERLAY, Source((Place("/srv/b", "file"),)), "directory", id="overlay"),
    ],
)
def test_wanted_kind(definition: t.Any, source: Source, kind: Kind) -> None:
    assert wanted_kind(definition, source) == kind


@pytest.mark.parametrize(
    ("users", "told"),
    [
        pytest.param([], "something uses it", id="unknown"),
        pytest.param([(7, "vim")], "1 process uses it", id="one"),
        pytest.param([(7, "vim"), (9, "less")], "2 processes use it", id="two"),
    ],
)
def test_busy_counts_in_its_message_and_names_in_its_detail(
    users: t.List[t.Tuple[int, str]], told: str
) -> None:
    error = busy(PATH, users, errno=16)
    assert told in error.message
    assert "vim" not in error.message
    assert error.detail == ", ".join(f"{pid} ({name})" for pid, name in users)
    assert (error.code, error.step, error.errno) == ("busy", "unmount", 16)
