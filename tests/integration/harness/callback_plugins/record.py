# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write every task's result as one JSON line, so that tests read results and not a screen."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: aggregate
short_description: Write results as JSON lines
description:
  - Appends one JSON object per task result to the file that the variable C(RECORD_FILE) names.
author: holdfast.mounts contributors
"""


class CallbackModule(CallbackBase):
    """Appends results to a file."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def record(self, status: str, result: t.Any) -> None:
        """Append one result."""
        line = {
            "host": result._host.get_name(),
            "status": status,
            "task": result._task.get_name(),
            "action": result._task.action,
            "result": result._result,
        }
        with open(os.environ["RECORD_FILE"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self.record("ok", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self.record("failed", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self.record("skipped", result)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self.record("item_ok", result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        self.record("item_failed", result)
