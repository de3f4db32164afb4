# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write how long each task took, from its start on the controller to its result there."""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_time
type: aggregate
short_description: Write how long tasks take
description:
  - Appends one JSON object per result, with seconds, to the file that the variable C(TASK_TIME_FILE) names.
author: holdfast.mounts contributors
"""


class CallbackModule(CallbackBase):
    """Appends seconds to a file."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_time"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._started = time.perf_counter()

    def _write(self, has_failed: bool) -> None:
        line = {"seconds": time.perf_counter() - self._started, "failed": has_failed}
        with open(os.environ["TASK_TIME_FILE"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._write(False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._write(True)
