# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The facts of this host: read the kernel's table, the ledger and the notes, and put them together.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._facts.drift import Scene
from ansible_collections.holdfast.mounts.plugins.module_utils._facts.facts import Facts, build_facts
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.clock import read_moment
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.host import observe_host
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.living import living_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import (
    read_mounts,
    visible_mounts,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import list_interrupted
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger


def observe_facts(patterns: t.Sequence[str] = ()) -> Facts:
    """Return the facts of this host, of the mount points that match one of the patterns or of all.

    Needs no root and no lock, writes nothing, never touches a mounted filesystem. Raises MountError.
    LIMIT: an operation that ends between the readings shows as drift; only root sees interrupted ones.
    """
    host = observe_host()
    ledger = read_ledger()
    table = read_mounts()
    moment = read_moment(host.boot_id)
    scene = Scene(host, living_mounts(ledger.references, host, table), moment.now, moment.uptime)
    interrupted = list_interrupted()
    return build_facts(scene, ledger, visible_mounts(table), interrupted=interrupted, patterns=patterns)
