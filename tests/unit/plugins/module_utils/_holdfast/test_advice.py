# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Definitions that people wrote, given to the module as they are, and the advice of each refusal followed.

Every definition ends in a request, or in a refusal which says that there is no way and why.
"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import accounts, build, spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths, record

DEFINITIONS = json.loads(Path(__file__).with_name("real_mounts.json").read_text(encoding="utf-8"))
# How a refusal says that nothing else can be written.
NO_WAY = "keep it in fstab"
MOST_REFUSALS = 30
KERNEL_INTERFACES = ("devpts", "proc", "swap", "sysfs")
OFFENDER = re.compile(r'(?:^|; |: )"((?:[^"\\]|\\.)*)": ')

UUIDS = {
    record.DATE: "2024-01-31-12-00-00-00",
    record.LONG_NUMBER: "0123456789ABCDEF",
    record.SHORT_UUID: "0123-ABCD",
    record.UUID: "7b2c21ea-d152-2776-414b-5a256722903b",
}

Params = t.Dict[str, t.Any]


class Outcome(t.NamedTuple):
    """What became of one definition: the refusals on the way, and whether advice led to a request."""

    definition: Params
    refusals: t.Tuple[str, ...]
    is_accepted: bool


def is_of_the_host(definition: Params) -> bool:
    """Whether a host needs it for itself: its root, its system directories, its swap, a bind of these."""
    shown = [definition["src"]] if definition["fstype"] == "none" else []
    places = [definition["path"], *shown]
    return definition["fstype"] in KERNEL_INTERFACES or any(
        place in paths.NEVER_ROOTS or paths.is_within(place, paths.NEVER_LIST) for place in places
    )


def follow(message: str, params: Params) -> t.Optional[Params]:
    """Return the parameters as this message says that they should be, None where it says nothing of use."""
    added = re.search(r'add ("([^"]+)"|this very path) to (allowed_roots|source_roots)', message)
    if added:
        option = added.group(3)
        path = added.group(2) or params["src"]
        known = params.get(option) or list(params.get("allowed_roots") or spec.DEFAULT_ROOTS)
        return None if path in known else {**params, option: [*known, path]}
    if message.startswith("opts: not allowed"):
        return follow_options(message, params)
    subject = message.partition(": ")[0]
    if subject == "credentials_file":
        return {**params, "credentials_file": "/etc/mount-credentials"}
    if "write allow_fstypes: " in message:
        return {**params, "allow_fstypes": [params["fstype"]]}
    fstype = re.search(r"write fstype: ([a-z0-9.]+)", message)
    if subject in ("fstype", "src") and fstype and fstype.group(1) != params["fstype"]:
        opts = [word for word in params["opts"] if fstype.group(1) != "bind" or word not in ("bind", "rbind")]
        return {**params, "fstype": fstype.group(1), "opts": opts}
    if subject == "fstype" and "the one that blkid(8) shows" in message:
        return {**params, "fstype": "ext4"}
    if subject in ("path", "src"):
        return follow_text(message, subject, params)
    return None


def follow_text(message: str, option: str, params: Params) -> t.Optional[Params]:
    """Return the parameters with another path or source."""
    text = params[option]
    if "trailing slash" in message:
        return {**params, option: text.rstrip("/")}
    if "slash after the colon" in message:
        return {**params, option: text.replace(":", ":/", 1)}
    if "with :/ after it" in message:
        return {**params, option: text + ":/"}
    if "first of the hosts alone" in message:
        return {**params, option: text.partition(",")[0] + ":" + text.partition(":")[2]}
    if "write /dev/loopN" in message:
        return {**params, option: "/dev/loop7"}
    if "for example the name of the type" in message:
        return {**params, option: params["fstype"]}
    for shape, uuid in UUIDS.items():
        if f"UUID= with {shape}" in message:
            return {**params, option: f"UUID={uuid}"}
    return None


def follow_options(message: str, params: Params) -> t.Optional[Params]:
    """Return the parameters with each offender of a list of options left out or written otherwise."""
    changed, opts = dict(params), list(params["opts"])
    parts = OFFENDER.split(message)[1:]
    for shown, advice in zip(parts[::2], parts[1::2]):
        at = find_word(opts, shown)
        if at is None:
            return None
        given = re.search(r"set ([a-z_]+): ([a-z]+)", advice)
        instead = re.search(r"write ([A-Za-z0-9_.=:+-]+)", advice)
        if given:
            changed[given.group(1)] = given.group(2)
            del opts[at]
        elif "use credentials_file" in advice:
            changed["credentials_file"] = "/etc/mount-credentials"
            del opts[at]
        elif "leave it out" in advice or "remove it" in advice:
            del opts[at]
        elif "write fstype: bind" in advice:
            changed["fstype"] = "bind"
            del opts[at]
        elif "attach the image" in advice:
            changed["src"] = "/dev/loop7"
            del opts[at]
        elif "write it once" in advice:
            del opts[at]
        elif instead and not advice.startswith("unknown; write one of "):
            opts[at] = instead.group(1)
        else:
            return None
    return {**changed, "opts": opts} if parts else None


def find_word(opts: t.Sequence[str], shown: str) -> t.Optional[int]:
    """Return where the option stands that a message shows, perhaps without its value."""
    plain = shown.replace("\\\\", "\\").replace('\\"', '"')
    for index, word in enumerate(opts):
        if word == plain or word.partition("=")[0] in (plain.partition("=")[0], plain):
            return index
    return None


def request_of(params: Params) -> None:
    """Have a request made of these parameters, and nothing done."""
    defaults = {name: option.get("default") for name, option in spec.ARGUMENT_SPEC.items()}
    build.build_request({**defaults, **params})


def try_definition(definition: Params) -> Outcome:
    """Follow refusal after refusal until nothing is refused, or a refusal says nothing of use."""
    params: t.Optional[Params] = {**definition, "holder": "corpus"}
    refusals: t.List[str] = []
    known = mock.Mock(return_value=1000)
    while params is not None and len(refusals) < MOST_REFUSALS:
        try:
            with mock.patch.object(accounts, "find_user", known), mock.patch.object(
                accounts, "find_group", known
            ):
                request_of(params)
        except errors.MountError as error:
            refusals.append(error.message)
            params = None if NO_WAY in error.message else follow(error.message, params)
        else:
            return Outcome(definition, tuple(refusals), is_accepted=True)
    return Outcome(definition, tuple(refusals), is_accepted=False)


OUTCOMES = [try_definition(definition) for definition in DEFINITIONS]


@pytest.mark.parametrize(
    "outcome", OUTCOMES, ids=[f"{each.definition['path']}-{each.definition['fstype']}" for each in OUTCOMES]
)
def test_advice_leads_to_a_request_or_says_that_there_is_none(outcome: Outcome) -> None:
    assert outcome.is_accepted or NO_WAY in outcome.refusals[-1], outcome.refusals


def test_refusals_list_at_most_twelve_words() -> None:
    messages = [message for outcome in OUTCOMES for message in outcome.refusals]
    longest = max((listed for message in messages for listed in re.split("[;:(]", message)), key=count_words)
    assert count_words(longest) <= 12, longest


def count_words(listed: str) -> int:
    """Return how many words a list with commas has."""
    return listed.count(",") + 1


def test_most_definitions_are_accepted_when_advice_is_followed(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [outcome for outcome in OUTCOMES if not is_of_the_host(outcome.definition)]
    at_once = sum(outcome.is_accepted and not outcome.refusals for outcome in ours)
    followed = sum(outcome.is_accepted for outcome in ours)
    reasons = sorted(f"  {outcome.refusals[-1]}\n" for outcome in ours if not outcome.is_accepted)
    said = f"\n{len(ours)} definitions: {at_once} accepted at once, {followed} when advice was followed\n"
    with capsys.disabled():
        sys.stdout.write(said + "".join(reasons))
    assert followed >= len(ours) * 88 // 100
