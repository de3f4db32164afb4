# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manual page and the completion say what the parser takes, no more and no less."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import main, manual, words

PAGE = manual.manual_page("1.2.3")


def options_of_the_parser() -> t.Dict[str, t.Set[str]]:
    """Return the options of each command, as argparse has them."""
    choices = next(
        action.choices
        for action in vars(main.build_parser("1.2.3", [command.name for command in words.COMMANDS]))[
            "_actions"
        ]
        if isinstance(action, argparse._SubParsersAction)
    )
    return {
        name: {word for action in vars(parser)["_actions"] for word in action.option_strings}
        - {"-h", "--help"}
        for name, parser in choices.items()
    }


def shown(page: str) -> str:
    """Return a page of roff without its escape sequences."""
    return re.sub(r"\\f[BIR]", "", page).replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def test_page_has_every_command_and_option_of_the_parser() -> None:
    sections = re.split(r"^\.SS ", PAGE.partition(".SH COMMANDS")[2].partition(".SH EXIT")[0], flags=re.M)[1:]
    found = {
        section.partition("\n")[0]: set(re.findall(r"^(--[a-z-]+)", shown(section), flags=re.M))
        for section in sections
    }
    assert found == options_of_the_parser()
    for command in words.COMMANDS:
        for one in command.arguments:
            assert one.text[1:].rstrip(".") in shown(PAGE)


@pytest.mark.parametrize(
    "text", [".so /etc/passwd", "'br", "a\\nb", "-rf"], ids=["request", "quote", "escape", "hyphen"]
)
def test_page_takes_words_as_words(text: str) -> None:
    """No word may begin a request or an escape sequence of roff."""
    line = manual._text(text)
    assert not line.startswith((".", "'"))
    assert shown(line) == text


def test_page_is_without_fault_for_groff() -> None:
    if shutil.which("groff") is None:
        pytest.skip("needs groff")
    argv = ["groff", "-man", "-ww", "-Tascii", "-P-c"]
    done = subprocess.run(argv, input=PAGE, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "holdfast reconcile" in re.sub(".\b", "", done.stdout)


def complete(tmp_path: Path, *line: str) -> t.Set[str]:
    """Have bash complete the last word."""
    file = tmp_path / "completion"
    file.write_text(manual.bash_completion(), encoding="utf-8")
    script = (
        'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdfast; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    argv = ["bash", "-u", "-e", "-c", script, "bash", str(file), "holdfast", *line]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


def test_completion_offers_what_the_parser_takes(tmp_path: Path) -> None:
    options = options_of_the_parser()
    assert complete(tmp_path, "") == {*options, "--help", "--version"}
    for name, known in options.items():
        assert complete(tmp_path, name, "--") == {*known, "--help"}
    assert complete(tmp_path, "release", "--on-busy", "") == {"fail", "defer", "lazy"}
    assert complete(tmp_path, "reconcile", "--repair", "de") == {"deferred"}
    (tmp_path / "a b").touch()
    (tmp_path / "folder").mkdir()
    assert complete(tmp_path, "policy", "check", "a") == {"a b"}
    for command in ("status", "users", "release"):
        assert complete(tmp_path, command, "a") == {"a\\ b"}
        assert complete(tmp_path, command, "f") == {"folder"}, "no mount point ends with a slash"
