# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line in words: what its parser, its manual page and its completion are made of.

Private to holdfast.mounts.
"""

from __future__ import annotations

import argparse
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, steps

NAME = "holdfast"
SUMMARY = "see mounts that are shared by holders, and put them right, at the host itself"
_KINDS: t.Tuple[str, ...] = t.get_args(steps.DriftKind)
DESCRIPTION = (
    "A mount point is mounted for its first holder and unmounted when the last one has left. Who holds what "
    "is kept in a ledger, which the modules of the Ansible collection holdfast.mounts read and write, too.",
    "The command makes the same calls as the modules, with their locks, codes and messages, and the host's "
    "policy governs it too. A ledger of a newer version is refused, never rewritten.",
)

EXIT_CODES = (
    ("0", "done, or nothing to do"),
    ("1", "refused or failed: one line on standard error says the code and why"),
    ("2", "wrong usage"),
    ("3", "with --check or status --drift: something would change, or drifts"),
)
FILES = (
    ("/etc/ansible/facts.d/holdfast_mounts.fact", "the ledger: who holds what"),
    ("/var/log/holdfast_mounts.log", "what messages do not tell, for root"),
    ("/etc/ansible/holdfast_mounts_policy.json", "what this host allows, where it is there"),
    ("/run/holdfast", "operations under way, and what the last reconcile met; gone with the boot"),
)
GUIDE = f"{errors.SITE}/docs/guides/at_the_host.html"
ENVIRONMENT = (
    ("NO_COLOR", "where this is not empty, a table on a terminal has no colours"),
    ("TERM", "where this is dumb, likewise"),
)
ROOT_ONLY = ("release", "reconcile", "explain", "policy")


def _list(text: str) -> t.List[str]:
    return [name for name in text.split(",") if name]


def _some(text: str) -> t.List[str]:
    """Nobody is what a variable of a script is that was never set, and would release everything."""
    if not _list(text):
        raise argparse.ArgumentTypeError("names nobody; to release all there is, name whom to drop")
    return _list(text)


def _kinds(text: str) -> t.List[str]:
    for kind in _list(text):
        if kind not in _KINDS:
            raise argparse.ArgumentTypeError(f"'{kind}' is not one of {', '.join(_KINDS)}")
    return _list(text)


class Argument(t.NamedTuple):
    """An option, or an operand where the name has no hyphens.

    settings: what ArgumentParser.add_argument takes beyond the name. kinds: of a list, its words.
    """

    name: str
    text: str
    settings: t.Mapping[str, t.Any] = {}
    kinds: t.Tuple[str, ...] = ()

    @property
    def is_option(self) -> bool:
        """Whether it begins with hyphens."""
        return self.name.startswith("-")

    @property
    def value(self) -> str:
        """What stands for its value; empty where it takes none."""
        choices = self.settings.get("choices")
        if choices:
            return "|".join(choices)
        if self.settings.get("action") == "store_true":
            return ""
        return str(self.settings.get("metavar", self.name.lstrip("-").upper()))


class Command(t.NamedTuple):
    """One command: what it does in a phrase, and more of it in sentences."""

    name: str
    summary: str
    arguments: t.Tuple[Argument, ...]
    more: str = ""


_FLAG = {"action": "store_true"}
_ON_BUSY = Argument(
    "--on-busy",
    "what to do where a mount is in use: fail and keep it, leave the unmount for a later reconcile, or "
    "detach it lazily",
    {"choices": ["fail", "defer", "lazy"], "default": "fail"},
)
_CHECK = Argument("--check", "say what would be done; exits 3 if anything", _FLAG)

COMMANDS = (
    Command(
        "status",
        "show what is held, by whom, and whether it is there; needs no root",
        (
            Argument("PATH", "mount points, * and ? match anything", {"nargs": "*", "dest": "paths"}),
            Argument("--holder", "only what this holder holds"),
            Argument("--drift", "only what drifts; exits 3 if there is any", _FLAG),
            Argument("--json", "the same as JSON", _FLAG),
            Argument(
                "--prometheus",
                "all of it in numbers, for the textfile collector of node_exporter",
                _FLAG,
            ),
            Argument("--output", "write to this file, which is replaced in one piece", {"metavar": "FILE"}),
        ),
        "Without root, operations that were interrupted and what the last reconcile met are not seen.",
    ),
    Command(
        "users",
        "show what keeps a mount busy",
        (Argument("PATH", "the mount point", {"dest": "path"}),),
        "Users are processes, mounts on it, loop devices, swap areas and other mount namespaces. Without "
        "root, processes of other users are not seen.",
    ),
    Command(
        "release",
        "release mount points of one holder, as safe_mount does; needs root",
        (
            Argument("PATH", "the mount points", {"nargs": "*", "dest": "paths"}),
            Argument("--all", "everything that this holder holds", _FLAG),
            Argument("--holder", "whose references are dropped", {"required": True}),
            _ON_BUSY,
            _CHECK,
        ),
    ),
    Command(
        "reconcile",
        "bring kernel and ledger together again; needs root",
        (
            Argument("--live-holders", "all other holders are dead", {"type": _some, "metavar": "A,B"}),
            Argument(
                "--drop-holders", "these holders are dead", {"type": _list, "metavar": "A,B", "default": []}
            ),
            Argument(
                "--repair",
                f"what to act on, of {', '.join(_KINDS)}; without it {', '.join(steps.REPAIRED)}",
                {"type": _kinds, "metavar": "KIND,KIND", "default": list(steps.REPAIRED)},
                _KINDS,
            ),
            Argument(
                "--unattended",
                "for timers: say nothing where nothing is to be done, and leave out for a while what has "
                "failed to mount, longer after each failure, an hour at most",
                _FLAG,
            ),
            _ON_BUSY,
            _CHECK,
        ),
        "Ends leases, finishes deferred unmounts and operations that died, and brings back what is missing.",
    ),
    Command(
        "explain",
        "show the entry of the log behind a log_ref; needs root",
        (Argument("REF", "the log_ref of a message", {"dest": "reference"}),),
    ),
    Command(
        "policy",
        "say what a task would meet under this host's policy; needs root",
        (
            Argument("check", "what to do", {"choices": ["check"], "dest": "action"}),
            Argument("FILE", "options of safe_mount as a JSON object, - to read them", {"dest": "task"}),
        ),
    ),
)
