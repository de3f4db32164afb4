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
from ansible_collections.holdfast.mounts.plugins.plugin_utils import _migration

DEFINITIONS = json.loads(Path(__file__).with_name("real_mounts.json").read_text(encoding="utf-8"))
# How a refusal says that nothing else can be written.
NO_WAY = "keep it in fstab"
MOST_REFUSALS = 30
KERNEL_INTERFACES = ("devpts", "proc", "swap", "sysfs")
CREDENTIAL = re.compile(r'"([^"=]+)=[^"]*": use credentials_file')

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
    """Return the parameters as this message says that they should be, None where it says nothing of use.

    What the message leaves to people gets some value here.
    """
    step = _migration.follow(message, params, mounted="ext4" if params["fstype"] == "auto" else "")
    if step is not None:
        return step.params
    named = CREDENTIAL.findall(message)
    if named or message.startswith("credentials_file: "):
        opts = [word for word in params["opts"] if word.partition("=")[0] not in named]
        return {**params, "opts": opts, "credentials_file": "/etc/mount-credentials"}
    uuid = next((uuid for shape, uuid in UUIDS.items() if f"UUID= with {shape}" in message), None)
    return {**params, "src": f"UUID={uuid}"} if uuid else None


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
