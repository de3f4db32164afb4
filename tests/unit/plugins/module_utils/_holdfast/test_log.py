# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root-only log: what it refuses to write into, how it looks, and how it turns over."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import log


@pytest.fixture(name="file")
def log_file(private_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = private_place / "mounts.log"
    monkeypatch.setattr(log, "LOG_PATH", str(file))
    return file


def test_log_does_not_follow_a_link(file: Path, private_place: Path) -> None:
    victim = private_place / "victim"
    victim.write_text("precious")
    file.symlink_to(victim)
    assert log.write_log({"code": "busy"}) is None
    assert victim.read_text() == "precious"


def test_log_with_a_second_name_is_not_written(file: Path, private_place: Path) -> None:
    file.write_text("")
    os.link(file, private_place / "other")
    assert log.write_log({"code": "busy"}) is None
    assert file.read_text() == ""


def test_log_of_another_owner_is_not_written(file: Path) -> None:
    file.write_text("")
    os.chown(file, 65534, 0)
    assert log.write_log({"code": "busy"}) is None


def test_log_that_is_a_fifo_does_not_hang(file: Path) -> None:
    os.mkfifo(file)
    assert log.write_log({"code": "busy"}) is None


@pytest.mark.parametrize("text", ["what dpkg has logged\n", '{"other": "program"}\n'])
def test_log_of_another_program_of_roots_is_not_written(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o644)
    assert log.write_log({"code": "busy"}) is None
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (text, 0o644)


def test_log_with_something_mounted_on_it_is_not_opened(file: Path, private_place: Path) -> None:
    """It may be a daemon of whoever made the file, and never answer (fusermount(1) mounts on files too)."""
    file.write_text("")
    (private_place / "other").write_text("")
    subprocess.run(["mount", "--bind", str(private_place / "other"), str(file)], check=True)
    # From the same filesystem, so nothing but the mount tells them from each other.
    assert log.write_log({"code": "busy"}) is None
    assert (private_place / "other").read_text() == ""


def test_log_whose_second_file_is_anothers_does_not_turn_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 1000)
    second = file.parent / f"{file.name}.1"
    second.write_text("another's")
    references = [log.write_log({"detail": "x" * 300}) for _number in range(5)]
    assert second.read_text() == "another's"
    assert references[0]
    assert not references[-1]
    assert file.stat().st_size <= 1000


def test_log_line_that_a_full_disk_has_cut_off_spoils_no_other(file: Path) -> None:
    log.write_log({"code": "first"})
    with open(file, "ab") as stream:
        stream.write(b'{"time": "2026-')
    reference = log.write_log({"code": "next"})
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["log_ref"], last["code"]) == (reference, "next")


@pytest.mark.parametrize("letter", ["x", "\U0001f4be", '"'], ids=["plain", "escaped", "quoted"])
def test_log_line_is_never_longer_than_a_log(file: Path, letter: str) -> None:
    record = dict.fromkeys(("path", "message", "detail", "holder"), letter * (3 << 20))
    references = [log.write_log(record) for _number in range(6)]
    assert all(references)
    assert all(path.stat().st_size <= log.MAX_BYTES for path in file.parent.iterdir())
    assert str(references[-1]) in file.read_text()


def test_log_on_a_full_disk_is_none(file: Path, private_place: Path) -> None:
    log.write_log({"code": "first"})
    subprocess.run(["mount", "-o", "remount,size=64k", str(private_place)], check=True)
    references = [log.write_log({"detail": "x" * 5000}) for _number in range(40)]
    assert references[0]
    assert references[-1] is None
    (private_place / "room").write_text("")
    subprocess.run(["mount", "-o", "remount,size=1m", str(private_place)], check=True)
    reference = log.write_log({"code": "next"})
    assert json.loads(file.read_text().splitlines()[-1])["log_ref"] == reference


def test_log_without_its_directory_is_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOG_PATH", str(file / "missing"))
    assert log.write_log({"code": "busy"}) is None


def test_log_line_is_found_by_its_reference(file: Path) -> None:
    references = [log.write_log({"code": code}) for code in ("busy", "timeout")]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["log_ref"], line["code"]) for line in lines] == list(zip(references, ("busy", "timeout")))
    assert len(set(references)) == 2


def test_log_is_readable_by_root_only_whatever_it_was(file: Path) -> None:
    file.write_text("")
    file.chmod(0o644)
    log.write_log({})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_log_escapes_what_a_terminal_would_obey(file: Path) -> None:
    hostile = "a\nb\x1b[31m\x9b\u202e\udcff"
    log.write_log({"detail": hostile})
    text = file.read_bytes()
    assert (text.count(b"\n"), text[:-1].decode("ascii").isprintable()) == (1, True)
    assert json.loads(text)["detail"] == hostile


def test_log_turns_over_and_keeps_two_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 1000)
    references = [log.write_log({"detail": "x" * 300}) for _number in range(9)]
    assert all(references)
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name, f"{file.name}.1"]
    assert all(path.stat().st_size <= 1000 for path in file.parent.iterdir())
    assert str(references[-1]) in file.read_text()
    assert [stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()] == [0o600, 0o600]


@pytest.mark.parametrize("is_installed", [True, False])
def test_words_that_lead_to_an_entry_name_the_command_where_it_is(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, *, is_installed: bool
) -> None:
    command = private_place / "holdfast"
    monkeypatch.setattr(log, "COMMAND", str(command))
    if is_installed:
        command.touch()
    expected = (
        "more on the host with 'holdfast explain abc'" if is_installed else "more in the host's log, abc"
    )
    assert log.where_is("abc") == expected
    assert log.where_is(None) == ""
