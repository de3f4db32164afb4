# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a module of this collection with a payload that an earlier run has left.

It is what Ansible does with every module that has no action plugin, and differs in nothing but time.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
from pathlib import Path

import ansible.constants
import ansible.executor.module_common
import ansible.module_utils
from ansible.plugins.action.normal import ActionModule as NormalActionModule
from ansible.plugins.loader import module_utils_loader
from ansible.release import __version__
from ansible.utils.display import Display
from ansible_collections.holdfast.mounts.plugins.plugin_utils._bytecode import is_this_python
from ansible_collections.holdfast.mounts.plugins.plugin_utils._payloads import PayloadStore, fingerprint

PLUGINS = Path(__file__).parents[1]


class ActionModule(NormalActionModule):
    """The action of all modules of the collection, see meta/runtime.yml."""

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None
    ) -> t.Dict[str, t.Any]:
        """Lend the payload to this run, run the module, keep the payload."""
        module = self._task.action.rpartition(".")[2]
        prefix = f"ansible_collections.holdfast.mounts.plugins.modules.{module}-"
        # Where Ansible looks for payloads before it makes one, and leaves them; so in 2.18 to 2.21.
        run = Path(ansible.constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"  # type: ignore[attr-defined]
        store = None
        with self._told_at_most():
            run.mkdir(mode=0o700, exist_ok=True)
            store = open_store(module)
            store.lend(prefix, run, with_bytecode=self._is_this_python(task_vars or {}))
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)  # type: ignore[no-untyped-call]
        with self._told_at_most():
            if store is not None and not self._task.check_mode:
                store.keep(prefix, run)  # check mode leaves nothing behind, here neither
        return result

    def _is_this_python(self, task_vars: t.Mapping[str, t.Any]) -> bool:
        delegated = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to)
        known = task_vars if delegated is None else delegated
        facts = known.get("ansible_facts", {})
        interpreter = ansible.constants.config.get_config_value("INTERPRETER_PYTHON", variables=known)
        interpreter = str(self._templar.template(interpreter))
        if interpreter.startswith("auto"):
            interpreter = facts.get("discovered_interpreter_python", "")
        is_local = self._connection.transport == "local"
        return is_this_python(interpreter, facts, is_local=is_local)

    @contextlib.contextmanager
    def _told_at_most(self) -> t.Iterator[None]:
        """Let go wrong what may: nothing but time is lost."""
        try:
            yield
        except Exception as error:
            Display().vvvv(f"holdfast.mounts: no payload of an earlier run: {error!r}")


def open_store(module: str) -> PayloadStore:
    """Return the store of what would be found now for a module. Raises OSError."""
    ours = [PLUGINS / "module_utils", PLUGINS / "modules" / f"{module}.py"]
    core = [Path(ansible.module_utils.__file__).parent, Path(ansible.executor.module_common.__file__)]
    of_the_user = [Path(path) for path in module_utils_loader.print_paths().split(os.pathsep) if path]
    folder = Path(ansible.constants.config.get_config_value("ANSIBLE_HOME")) / "holdfast_mounts" / "payloads"
    return PayloadStore(folder, fingerprint([*ours, *core, *of_the_user], [__version__]))
