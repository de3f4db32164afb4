# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sequences of calls, of an administrator's doings and of reboots: sequences.py EXAMPLES CONTROLS.

The kernel is the real one. After every step the ledger, the mount table and the facts are those of the model;
check mode has told the outcome before. The control is run CONTROLS times.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import overview
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.call import run_call
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system
from counting import Counting
from harness.namespace import MS_BIND, make_world, mount
from harness.place import LEDGER
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from in_process import code_of, unmount
from model import Model
from traces import list_intents, mounted, read_references

PATHS = ("/srv/a", "/srv/b/c", "/srv/b/d", "/media/deep/er")
OPTS = (["mode=0755", "size=1m"], ["mode=0755", "size=2m"], ["mode=0700", "size=1m"])
SAFE, NOEXEC, REMOUNT, MNT_DETACH = 2 | 4, 8, 32, 2

paths, holders, definitions = st.sampled_from(PATHS), st.sampled_from("xyz"), st.sampled_from((0, 1, 2))
entries = st.dictionaries(paths, definitions, max_size=len(PATHS))
boots = itertools.count()
observe_host = system.observe_host
counts = {"steps": 0, "sequences": 0}


def boot() -> None:
    """Let the host have been booted again: another boot id."""
    number = next(boots)

    def observe_other_boot() -> t.Any:
        return observe_host()._replace(boot_id=f"00000000-0000-4000-8000-{number:012}")

    vars(system)["observe_host"] = observe_other_boot


def call(*, check_mode: bool = False, **arguments: t.Any) -> t.Dict[str, t.Any]:
    """Run safe_mount, or predict it."""
    params = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    params.update(arguments)
    if params["mounts"] is not None:
        options = t.cast("t.Any", ARGUMENT_SPEC["mounts"])["options"]
        default = {name: option.get("default") for name, option in options.items()}
        params["mounts"] = [{**default, **element} for element in params["mounts"]]
    return run_call(params, check_mode=check_mode, diff_mode=False)


def wish(path: str, definition: int) -> t.Dict[str, t.Any]:
    """Return the arguments that ask for a definition."""
    return {"path": path, "src": "tmpfs", "fstype": "tmpfs", "opts": OPTS[definition]}


def words_of(result: t.Dict[str, t.Any]) -> t.List[str]:
    """Return the action or the error's code of every mount point."""
    return [code_of(entry) for entry in result["mounts"]] if "mounts" in result else [code_of(result)]


class Host(RuleBasedStateMachine):
    """One host, and its model."""

    def __init__(self) -> None:
        super().__init__()
        boot()
        self.model = Model(PATHS)
        self.is_touched = False
        counts["sequences"] += 1

    def expect(self, expected: t.List[str], **arguments: t.Any) -> None:
        """Predict a call, make it, and compare what it came to with what was predicted, and expected."""
        predicted = words_of(call(check_mode=True, **arguments))
        words = words_of(call(**arguments))
        assert (predicted, words) == (expected, expected), arguments

    @rule(path=paths, holder=holders, definition=definitions, adopt=st.booleans())
    def acquire(self, path: str, holder: str, definition: int, adopt: bool) -> None:
        expected = self.model.acquire(path, holder, definition, adopt=adopt)
        self.expect([expected], holder=holder, adopt=adopt, **wish(path, definition))

    @rule(path=paths, holder=holders)
    def release(self, path: str, holder: str) -> None:
        self.expect([self.model.release(path, holder)], path=path, holder=holder, state="released")

    @rule(path=paths, holder=holders)
    def unmount(self, path: str, holder: str) -> None:
        self.expect([self.model.unmount(path, holder)], path=path, holder=holder, state="unmounted")

    @rule(wanted=entries, holder=holders, purge=st.booleans())
    def acquire_many(self, wanted: t.Dict[str, int], holder: str, purge: bool) -> None:
        if not wanted and not purge:
            return
        leaving = [path for path in self.model.held_by(holder) if path not in wanted] if purge else []
        expected = [self.model.acquire(path, holder, number, adopt=False) for path, number in wanted.items()]
        expected += [self.model.release(path, holder) for path in leaving]
        mounts = [wish(path, number) for path, number in wanted.items()]
        self.expect(expected, mounts=mounts, holder=holder, purge=purge)

    @rule(wanted=st.lists(paths, unique=True, min_size=1), holder=holders)
    def release_many(self, wanted: t.List[str], holder: str) -> None:
        expected = [self.model.release(path, holder) for path in wanted]
        mounts = [{"path": path} for path in wanted]
        self.expect(expected, mounts=mounts, holder=holder, state="released")

    @rule(path=paths)
    def administrator_unmounts(self, path: str) -> None:
        if self.model.stacks[path]:
            self.model.stacks[path].pop()
            assert unmount(path)

    @rule(path=paths, definition=st.sampled_from((0, 2, None)))
    def administrator_mounts(self, path: str, definition: t.Optional[int]) -> None:
        self.is_touched = True
        os.makedirs(path, exist_ok=True)
        source = "other" if definition is None else "tmpfs"
        mount(source, path, "tmpfs", SAFE, ",".join(OPTS[definition or 0]))
        self.model.stacks[path].append(self.model.new_mount(definition))

    @rule(path=paths)
    def administrator_remounts(self, path: str) -> None:
        if self.model.stacks[path]:
            mount("none", path, "", MS_BIND | REMOUNT | SAFE | NOEXEC)
            self.model.stacks[path][-1].is_altered = True

    @rule()
    def reboot(self) -> None:
        self.model.reboot()
        take_all_off()
        shutil.rmtree("/run/holdfast", ignore_errors=True)
        boot()

    @invariant()
    def ledger_and_kernel_are_the_models(self) -> None:
        counts["steps"] += 1
        held = {path: sorted(holders) for path, holders in read_references().items()}
        assert held == {path: sorted(held.holders) for path, held in self.model.references.items()}
        assert mounted() == self.expected_mounts()
        told = t.cast("t.Any", overview.observe_facts())["drift"]
        assert {(drift["path"], drift["kind"]) for drift in told} == self.model.drift()
        assert list_intents() == []

    def expected_mounts(self) -> t.List[str]:
        """Return every mount point, as often as something is mounted there."""
        return sorted(path for path, stack in self.model.stacks.items() for _mount in stack)

    def teardown(self) -> None:
        """Let everybody leave: nothing may be left of a host that no administrator touched."""
        for path, held in self.model.references.items():
            for holder in sorted(held.holders):
                call(path=path, holder=holder, state="released")
        take_all_off()
        left = [name for area in ("/srv", "/media") for name in os.listdir(area)]
        clean_up()
        assert not left or self.is_touched, f"left: {left}"


class CountingHost(Host):
    """The same host with the control on it: only what is mounted is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.counting = Counting()

    def expect(self, expected: t.List[str], **arguments: t.Any) -> None:
        self.counting.act(**arguments)

    @invariant()
    def ledger_and_kernel_are_the_models(self) -> None:
        assert mounted() == self.expected_mounts()

    def teardown(self) -> None:
        take_all_off()
        clean_up()


def take_all_off() -> None:
    """Unmount everything."""
    for point in reversed(mounted()):
        unmount(point, MNT_DETACH)


def clean_up() -> None:
    """Begin with nothing."""
    for area in ("/srv", "/media"):
        for name in os.listdir(area):
            shutil.rmtree(f"{area}/{name}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(LEDGER)


def run(machine: t.Type[Host], examples: int, phases: t.Iterable[Phase], *, is_random: bool = False) -> None:
    """Run so many sequences, the same ones each time unless is_random. Raises what a sequence raises."""
    limits = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=not is_random,
        phases=list(phases),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=limits)


def fails() -> bool:
    """Return whether one sequence with the control ends with other mounts than the model's."""
    try:
        with open(os.devnull, "w", encoding="utf-8") as null, contextlib.redirect_stdout(null):
            run(CountingHost, 2, [Phase.generate], is_random=True)  # the first one is empty
    except (AssertionError, OSError):
        return True
    return False


def main(examples: int, controls: int) -> None:
    """Run our sequences, then the control's."""
    make_world("private", private_dev=False)
    run(Host, examples, Phase)
    outcome = {**counts, "controls": controls, "failed": sum(fails() for _number in range(controls))}
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
