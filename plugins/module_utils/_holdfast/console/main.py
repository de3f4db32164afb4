# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command of the host: the same calls as the modules, from a shell and without Ansible.

Each command imports what it needs by itself: most calls come from a timer, and find nothing to do.
Private to holdfast.mounts.
"""

from __future__ import annotations

import argparse
import functools
import io
import os
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import output, words
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import utf8


def main(argv: t.Sequence[str], version: str) -> int:
    """Run one command and return its exit code."""
    _open_missing_streams()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = _answer(argv, version)
        sys.stdout.flush()
    except errors.MountError as error:
        return output.refuse(error.code, error.message)
    except BrokenPipeError:  # whoever reads has seen enough
        _write_no_more()
        return output.DONE
    except OSError as error:
        _write_no_more()
        return output.refuse("invalid_argument", f"standard output cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        return 130
    return code


def _open_missing_streams() -> None:
    """Have each standard stream be there: else a file that is opened gets its number, and what is said."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _write_no_more() -> None:
    """Lose what is still to be written, which Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _answer(argv: t.Sequence[str], version: str) -> int:
    try:
        asked = [utf8.decoded(os.fsencode(word)) for word in argv]
        given = build_parser(version, asked).parse_args(asked)
    except SystemExit as ended:  # after a help, or wrong usage
        return int(ended.code or 0)
    if given.command in words.ROOT_ONLY and os.geteuid() != 0:
        return output.refuse(
            "unsupported", f"'holdfast {given.command}' needs root; repeat it as root, for example with sudo"
        )
    return _run(given)


def build_parser(version: str, asked: t.Collection[str]) -> argparse.ArgumentParser:
    """Return the parser of words.COMMANDS, with the arguments of those commands that are asked for."""
    # With a width of its own argparse does not import what asks a terminal for one.
    looks = functools.partial(argparse.RawDescriptionHelpFormatter, width=100)
    lists = (("exit codes", words.EXIT_CODES), ("files", words.FILES), ("environment", words.ENVIRONMENT))
    parser = argparse.ArgumentParser(
        prog=words.NAME,
        description=f"{words.SUMMARY[0].upper()}{words.SUMMARY[1:]}.",
        epilog="\n\n".join(
            "\n".join([f"{title}:", *(f"  {name}  {text}" for name, text in rows)]) for title, rows in lists
        )
        + f"\n\nguide: {words.GUIDE}",
        formatter_class=looks,
    )
    parser.add_argument("--version", action="version", version=f"{words.NAME} {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for command in words.COMMANDS:
        text = f"{command.summary[0].upper()}{command.summary[1:]}."
        added = commands.add_parser(
            command.name, help=command.summary, description=text, epilog=command.more, formatter_class=looks
        )
        for one in command.arguments if command.name in asked else ():
            settings = dict(one.settings)
            name = one.name if one.is_option else settings.pop("dest")
            if not one.is_option:
                settings["metavar"] = one.name
            added.add_argument(name, help=one.text, **settings)
    return parser


def _run(given: argparse.Namespace) -> int:
    if given.command in ("status", "users"):
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import looking

        return looking.show_status(given) if given.command == "status" else looking.show_users(given)
    if given.command == "reconcile":
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import reconciling

        return reconciling.reconcile(given)
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import calling

    return {"release": calling.release, "explain": calling.explain, "policy": calling.check_policy}[
        given.command
    ](given)
