# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whoever may start a job gets nothing on a host that its policy does not name: a walk over all options.

The control is a reader of the same policies in which a missing key means that its matter is left to the task.
"""

from __future__ import annotations

import json
import random
import typing as t

import pytest
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils import policy_places as places
from harness.cycle import succeed, tmpfs, warm_up
from harness.world import World, Zygote

POLICY = "/etc/ansible/holdfast_mounts_policy.json"
ASKS = [ask for _option, ask in places.list_asks()]
COMBINATIONS = 300
# What the grammar says of options that exclude each other comes before the policy.
REFUSED = ("not_permitted", "invalid_argument", "option_not_allowed", "source_not_allowed")
Policy = t.Dict[str, t.Any]


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[World]:
    """One world for all: what is refused leaves nothing behind."""
    zygote = Zygote()
    made = World(zygote, tmp_path_factory.mktemp("world"), "private")
    warm_up(made)
    # What could be released, dropped or shown elsewhere.
    succeed(made, **tmpfs(places.TMPFS["path"], "web", src="scratch"))
    made.make_directory("/srv/other")
    yield made
    made.close()
    zygote.close()


def missing(asks: t.Iterable[places.Ask]) -> Policy:
    """Return a policy of everything, without the keys that these calls need."""
    keys = {ask.key for ask in asks}
    return {key: value for key, value in places.EVERYTHING.items() if key not in keys}


def find_code(world: World, ask: places.Ask, *, check: bool) -> t.Optional[str]:
    """Make one call and return the code of its refusal."""
    return world.collect(world.start(module=ask.module, check=check, arguments=ask.params)).code


def is_stopped(world: World, ask: places.Ask, policy: Policy) -> bool:
    """Return whether a call is refused, as check mode foresees, and leaves everything as it was."""
    world.write(POLICY, json.dumps(policy))
    before = world.snapshot()
    codes = [find_code(world, ask, check=check) for check in (True, False)]
    return codes[0] in REFUSED and codes[0] == codes[1] and not before.differences(world.snapshot())


def is_stopped_by_the_control(world: World, ask: places.Ask, policy: Policy) -> bool:
    """Return whether a reader that leaves to the task what is missing would stop it."""
    world.write(POLICY, json.dumps({**places.EVERYTHING, **policy}))
    return find_code(world, ask, check=True) in REFUSED


def combine(some: t.Sequence[places.Ask]) -> places.Ask:
    """Return one call that asks for all that these ask for."""
    params: places.Params = {}
    for ask in some:
        entries = [{**a, **b} for a, b in zip(params.get("mounts") or [{}], ask.params.get("mounts", []))]
        params = {**params, **ask.params, **({"mounts": entries} if entries else {})}
    if some[-1].module == "safe_mount":
        # Whoever leaves asks for nothing else.
        params["state"] = some[-1].params.get("state", "mounted")
    return some[-1]._replace(params=params)


def combinations() -> t.Iterator[t.Tuple[places.Ask, t.List[places.Ask]]]:
    """Yield calls that ask for several things at once, and something of it that the policy does not name."""
    chooser = random.Random(10)
    for _number in range(COMBINATIONS):
        first = chooser.choice(ASKS)
        is_list = "mounts" in first.params
        alike = [ask for ask in ASKS if (ask.module, "mounts" in ask.params) == (first.module, is_list)]
        # The last one's values stand, whatever those before ask for.
        some = [*chooser.sample(alike, chooser.randint(1, 3)), first]
        yield combine(some), [first]


def test_what_a_policy_does_not_name_is_refused(
    shared_world: World, show_figures: t.Callable[[str, str, str], None]
) -> None:
    tried = [(ask, [ask]) for ask in ASKS] + list(combinations())
    got: t.List[places.Ask] = []
    control = 0
    for ask, asks in tried:
        policy = missing(asks)
        got += [] if is_stopped(shared_world, ask, policy) else [ask]
        control += not is_stopped_by_the_control(shared_world, ask, policy)
    show_figures(
        "10 a policy that does not name it",
        f"{len(got)} of {len(tried)} let through",
        f"missing keys mean allowed: {control} of {len(tried)}",
    )
    assert got == []
    assert control > len(tried) * 3 // 4


@pytest.mark.parametrize("name", sorted({ask.name for ask in ASKS} - {""}))
def test_option_alone_is_refused_where_the_list_has_all_others(shared_world: World, name: str) -> None:
    for ask in ASKS:
        if ask.name == name:
            assert is_stopped(shared_world, ask, places.without(ask)), ask


def test_policy_of_nothing_stops_all(shared_world: World) -> None:
    assert [ask for ask in ASKS if not is_stopped(shared_world, ask, {})] == []
