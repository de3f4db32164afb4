# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of filesystems as a file: one whose directory cannot be reached is not written somewhere else."""

from __future__ import annotations

import errno
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, fstab

LINE = "x /srv/a tmpfs nofail 0 0"


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("is_reached", [True, False], ids=["the control", "refused"])
def test_table_is_not_written_beside_a_directory_that_cannot_be_opened(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, is_reached: bool
) -> None:
    folder = private_place / "etc"
    folder.mkdir(mode=0o755)
    (folder / "fstab").write_text("# mine\n", encoding="ascii")
    (folder / "fstab").chmod(0o644)
    monkeypatch.setattr(fstab, "FSTAB_PATH", str(folder / "fstab"))
    real, opened = os.open, 0

    def refuse_the_second(path: t.Any, *arguments: t.Any, **options: t.Any) -> int:
        nonlocal opened
        if path in ("etc", b"etc"):
            opened += 1
            if opened > 1:  # the first is for reading what stands there
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *arguments, **options)

    if not is_reached:
        monkeypatch.setattr(os, "open", refuse_the_second)
        with pytest.raises((errors.MountError, OSError)):
            fstab.edit_fstab({"/srv/a": LINE}, 0)
        monkeypatch.undo()
        assert (folder / "fstab").read_text(encoding="ascii") == "# mine\n"
    else:
        assert fstab.edit_fstab({"/srv/a": LINE}, 0)
        assert (folder / "fstab").read_text(encoding="ascii") == f"# mine\n{LINE}\n"
    assert sorted(path.name for path in private_place.iterdir()) == ["etc", "run"]
