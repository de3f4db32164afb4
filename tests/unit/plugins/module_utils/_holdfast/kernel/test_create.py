# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filesystems that are made detached, with layers by handle and by name."""

from __future__ import annotations

import errno
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import syscalls
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.create import (
    create_bind,
    create_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.kernel.kernels import (
    Switch,
    attach_at,
    leave_on,
    make_tmpfs,
    with_strings_alone,
    without_layer_handles,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    make_definition,
    refused,
)

LAYERS = [
    pytest.param(leave_on, id="by handle"),
    pytest.param(without_layer_handles, id="by name"),
    pytest.param(with_strings_alone, id="by strings alone"),
]


def make_overlay(layers: t.Sequence[Path], **writable: Path) -> int:
    """Return an overlay of directories that are given by their handles."""
    given = [*(("lowerdir", path) for path in layers), *writable.items()]
    words = ["lowerdir=" + ":".join(map(str, layers)), *(f"{name}={path}" for name, path in writable.items())]
    handles = [(name, os.open(path, os.O_PATH | os.O_DIRECTORY)) for name, path in given]
    try:
        definition = make_definition(*words, fstype="overlay", src="over")
        return create_filesystem(definition, device=None, layers=handles, may_share=True)
    finally:
        for _name, fd in handles:
            os.close(fd)


@pytest.mark.parametrize("switch", LAYERS)
def test_overlay_shows_its_layers_the_first_on_top(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, switch: Switch
) -> None:
    layers = [private_place / name for name in ("one", "two")]
    for layer in layers:
        layer.mkdir()
        (layer / "common").write_text(layer.name)
        (layer / layer.name).write_text("")
    switch(monkeypatch)
    attach_at(private_place / "m", make_overlay(layers))
    assert sorted(os.listdir(private_place / "m")) == ["common", "one", "two"]
    assert (private_place / "m" / "common").read_text() == "one"


@pytest.mark.parametrize("switch", LAYERS)
def test_overlay_with_an_upper_layer_is_written_there(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, switch: Switch
) -> None:
    lower, upper, work = (private_place / name for name in ("lower", "upper", "work"))
    for directory in (lower, upper, work):
        directory.mkdir()
    switch(monkeypatch)
    attach_at(private_place / "m", make_overlay([lower], upperdir=upper, workdir=work))
    (private_place / "m" / "new").write_text("")
    assert (os.listdir(lower), os.listdir(upper)) == ([], ["new"])


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EBUSY], ids=["no such command", "shared already"])
def test_create_exclusively_hands_the_kernels_answer_on(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = syscalls.fsconfig

    def fsconfig(context: int, command: int, *words: t.Optional[str], aux: int = 0) -> None:
        if command == syscalls.FSCONFIG_CMD_CREATE_EXCL:
            raise OSError(number, os.strerror(number))
        real(context, command, *words, aux=aux)

    monkeypatch.setattr(syscalls, "fsconfig", fsconfig)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        create_filesystem(make_definition(), device=None, layers=(), may_share=False)
    assert (caught.value.errno, os.listdir("/proc/self/fd")) == (number, before)


def test_create_what_the_kernel_does_not_know_is_unsupported(private_place: Path) -> None:
    wanted = Definition("nosuchfs", "x", (), ())
    assert refused(create_filesystem, wanted, device=None, layers=(), may_share=True).code == "unsupported"


def test_create_tells_what_the_kernel_said(private_place: Path) -> None:
    with pytest.raises(OSError, match="tmpfs: Unknown parameter 'bogus'"):
        make_tmpfs("bogus=1")


def test_create_never_splits_a_value(private_place: Path) -> None:
    with pytest.raises(OSError, match="Bad value for 'mode'"):
        make_tmpfs("mode=0700,size=4k")


def test_bind_has_its_flags_before_it_is_attached(private_place: Path) -> None:
    source = os.open(private_place, os.O_PATH | os.O_DIRECTORY)
    try:
        mount = create_bind(source, make_definition("ro", fstype="bind", src=str(private_place)))
        assert os.fstatvfs(mount).f_flag & (os.ST_RDONLY | os.ST_NOSUID | os.ST_NODEV) == 7
        os.close(mount)
    finally:
        os.close(source)


def test_context_reaches_the_kernel_as_one_parameter_without_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    given: t.List[t.Tuple[t.Any, ...]] = []

    def note(_context: int, command: int, key: t.Any = None, value: t.Any = None) -> None:
        given.append((command, key, value))

    monkeypatch.setattr(syscalls, "fsopen", lambda _fstype: os.open(os.devnull, os.O_RDONLY))
    monkeypatch.setattr(syscalls, "fsconfig", note)
    monkeypatch.setattr(syscalls, "fsmount", lambda _context, _bits: os.open("/", os.O_PATH))
    label = "system_u:object_r:tmp_t:s0:c1,c2"
    definition = Definition("tmpfs", "scratch", (), (("context", label),))
    os.close(create_filesystem(definition, device=None, layers=(), may_share=True))
    assert (syscalls.FSCONFIG_SET_STRING, "context", label) in given
    assert len([key for _command, key, _value in given if key]) == 2
