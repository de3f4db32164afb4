# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for every text, not only for those that somebody thought of."""

from __future__ import annotations

import posixpath
import typing as t
import unicodedata

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import (
    FILESYSTEMS,
    record_of,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.naming import (
    check_holder,
    find_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.options import (
    canonical_options,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.paths import (
    check_path,
    check_roots,
    is_below,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.sources import check_source
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.strings import quote
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.values import Option
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    MOUNT_FLAGS,
    Definition,
    definition_from_opts,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

ROOTS = ("/srv", "/mnt")
LOCAL = sorted(FILESYSTEMS)
# Texts out of the pieces that paths, sources and options are made of, and any text at all.
PIECES = st.sampled_from(
    ["/", "..", ".", "a", "srv", "mnt", ":", ",", "=", "\\", "\n", "-", "é", "\udcff", "dev"]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=40))
NAMES = st.text("ab.", min_size=1, max_size=3)
SAMPLES = (
    *("1g", "4096", "0755", "22", "50%", "1", "5", "on", "off", "auto", "always", "continue", "none", "v2"),
    *("virtio", "xen", "user", "local", "zstd:3", "utf8", "@b", "/a", "/srv/a:/srv/b,c", "/srv/d"),
)
# How busy the machine is says nothing about the grammar.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def words_of(draw: st.DrawFn, fstype: str) -> t.List[str]:
    """Options of the type, well-formed one by one except for a rare one, though they may clash."""
    options = FILESYSTEMS[fstype].options
    names = sorted({*options, *MOUNT_FLAGS, "rw", "exec", "relatime"})
    chosen = draw(st.lists(st.sampled_from(names), max_size=5, unique=True))
    words = [_written(draw, name, options.get(name)) for name in chosen]
    return [*words, "lowerdir=/srv/a:/srv/b"] if fstype == "overlay" and "lowerdir" not in chosen else words


def _written(draw: st.DrawFn, name: str, option: t.Optional[Option]) -> str:
    if option is None or option.value is None or (option.may_be_bare and draw(st.booleans())):
        return name
    fitting = [sample for sample in SAMPLES if option.value.canonical(sample) is not None]
    return f"{name}={draw(st.sampled_from(fitting) if fitting else TEXTS)}"


def _is_refused(action: t.Callable[[], t.Any]) -> bool:
    refusal = _refusal(action)
    if refusal is None:
        return False
    assert refusal.step == "grammar"
    assert "\n" not in refusal.message
    assert refusal.message.encode()
    return True


def _refusal(action: t.Callable[[], t.Any]) -> t.Optional[MountError]:
    try:
        action()
    except MountError as error:
        return error
    return None


@UNHURRIED
@given(TEXTS)
def test_path_accepted_leads_nowhere_else(text: str) -> None:
    if not _is_refused(lambda: check_path(text, "path")):
        assert posixpath.normpath(text) == text
        assert is_below(text, "/")
        assert text.encode()


@UNHURRIED
@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=3))
def test_path_below_a_root_shares_its_components(path: t.List[str], root: t.List[str]) -> None:
    expected = path[: len(root)] == root and len(path) > len(root)
    assert is_below("/" + "/".join(path), "/" + "/".join(root)) == expected


@UNHURRIED
@given(TEXTS)
def test_root_accepted_is_an_accepted_path(text: str) -> None:
    if not _is_refused(lambda: check_roots([text], "roots")):
        assert check_path(text, "path") == text


@UNHURRIED
@given(TEXTS)
def test_quote_shows_a_single_visible_line(text: str) -> None:
    shown = quote(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in shown)


@UNHURRIED
@given(st.sampled_from(sorted(FILESYSTEMS)), TEXTS)
def test_source_of_any_text_is_accepted_or_refused(fstype: str, text: str) -> None:
    if not _is_refused(lambda: check_source(fstype, text, source_roots=ROOTS)):
        assert not text.startswith("-")
        assert ".." not in text.split("/")
        assert "\n" not in text


@UNHURRIED
@given(TEXTS)
def test_holder_and_fstype_of_any_text_are_accepted_or_refused(text: str) -> None:
    if not _is_refused(lambda: check_holder(text, "holder")):
        assert text.isascii()
    if not _is_refused(lambda: find_filesystem(text, ())):
        assert text in FILESYSTEMS


@UNHURRIED
@given(st.sampled_from(LOCAL), st.lists(TEXTS, max_size=4))
def test_options_of_any_text_are_accepted_or_refused(fstype: str, opts: t.List[str]) -> None:
    _is_refused(lambda: canonical_options(fstype, opts, source_roots=ROOTS))


@UNHURRIED
@given(st.data(), st.sampled_from(LOCAL), st.booleans(), st.booleans())
def test_options_in_canonical_form_are_their_own(
    data: st.DataObject, fstype: str, suid: bool, dev: bool
) -> None:
    opts = data.draw(words_of(fstype))

    def canonical(words: t.Sequence[str]) -> t.Any:
        return canonical_options(fstype, words, allow_suid=suid, allow_dev=dev, source_roots=ROOTS)

    assume(not _is_refused(lambda: canonical(opts)))
    flags, pairs = canonical(opts)
    definition = Definition(fstype, "source", flags, pairs)
    assert canonical(data.draw(st.permutations(opts))) == (flags, pairs)
    assert canonical(definition.opts) == (flags, pairs)
    assert definition_from_opts(fstype, "source", definition.opts) == definition


@UNHURRIED
@given(st.data(), st.sampled_from(LOCAL))
def test_options_accepted_hold_no_separator(data: st.DataObject, fstype: str) -> None:
    opts = data.draw(words_of(fstype))
    assume(not _is_refused(lambda: canonical_options(fstype, opts, source_roots=ROOTS)))
    flags, pairs = canonical_options(fstype, opts, source_roots=ROOTS)
    assert set(flags) <= set(MOUNT_FLAGS)
    for name, value in pairs:
        allowed = ",:" if name in ("lowerdir", "upperdir", "workdir") else ""
        assert not any(mark in (value or "") for mark in ',\\\n"' if mark not in allowed)


@UNHURRIED
@given(st.data(), st.sampled_from(LOCAL))
def test_options_shown_as_they_were_given_are_the_same(data: st.DataObject, fstype: str) -> None:
    opts = data.draw(words_of(fstype))
    assume(not _is_refused(lambda: canonical_options(fstype, opts, source_roots=ROOTS)))
    pairs = canonical_options(fstype, opts, source_roots=ROOTS)[1]
    shown = FILESYSTEMS[fstype].shown_options(["rw", *(word for word in opts)])
    known = {name: value for name, value in shown.items() if name in FILESYSTEMS[fstype].options}
    assert {**dict(FILESYSTEMS[fstype].words.implied), **known} == dict(pairs)


@UNHURRIED
@given(st.one_of(st.sampled_from(sorted(FILESYSTEMS)), TEXTS), st.lists(TEXTS, max_size=4))
def test_options_shown_of_any_text_never_raise(fstype: str, shown: t.List[str]) -> None:
    record_of(fstype).shown_options(shown)
