# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection promises of its speed: ratios of cases of one run, never seconds."""

from __future__ import annotations

from figures import Bound

BOUNDS = (
    Bound("one mount, task: to ansible.posix.mount", "one.task", "posix.task", at_most=1.00),
    Bound("cold, one mount, task: to ping", "one.task", "ping.task", at_most=2.0),
    Bound(
        "the same in CPU time, without an empty play", "one.cpu", "ping.cpu", at_most=2.0, less="empty.cpu"
    ),
    Bound("the second mount of a play, task: to ping", "two.second", "ping.task", at_most=1.4),
    Bound("100 mounts in one task, run: to a ping run", "bulk-100.run", "ping.run", at_most=1.5),
    Bound("a loop of 100, task: to 100 in one task", "loop-100.task", "bulk-100.task", at_least=60),
    Bound("1,000 mounts in one task, run: to a ping run", "bulk-1000.run", "ping.run", at_most=2.0),
    Bound("a loop of 1,000, run: to 1,000 in one task", "loop-1000.run", "bulk-1000.run", at_least=140),
    Bound("in the module, 1,000: to as many mount(2)", "inside.bulk-1000", "inside.raw-1000", at_most=5),
    Bound("in the module, 1,000 again: to the first", "inside.again-1000", "inside.bulk-1000", at_most=0.5),
    Bound("one mount, task, 10,000 others: to none", "one@others-10000.task", "one.task", at_most=1.10),
    Bound("one mount, task, 10,000 references: to none", "one@references.task", "one.task", at_most=1.35),
    Bound("in the module, 10,000: to 1,000", "inside.bulk-10000", "inside.bulk-1000", at_most=12),
    Bound(
        "facts of 2,000 mounts, run without ping: to mount_facts",
        "facts@2000.run",
        "mount_facts@2000.run",
        at_most=1 / 6,
        less="ping.run",
    ),
    Bound("in the module, facts of 10,000: to 2,000", "inside.facts-10000", "inside.facts-2000", at_most=6),
)
