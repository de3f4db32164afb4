# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pauses between tries grow, and end at an hour."""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import attempts

ERROR = {"code": "timeout", "msg": "it took too long", "log_ref": None}


def test_pause_doubles_up_to_an_hour() -> None:
    failure: t.Optional[attempts.Failure] = None
    pauses = []
    for number in range(40):
        now = Moment("boot", "2026-11-30T03:00:00Z", 100 * number)
        failure = attempts.failed_again(failure, ERROR, now)
        pauses.append(failure.next_try - now.uptime)
        assert failure.tries == number + 1
    assert pauses[:8] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert set(pauses[8:]) == {3600}
