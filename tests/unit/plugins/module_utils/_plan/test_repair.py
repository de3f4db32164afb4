# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reconciliation plans, as values."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._plan.repair import plan_coming
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Repair
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    PATH,
    make_definition,
    make_reference,
    make_request,
    see_foreign,
)


def test_mount_that_replaced_ours_is_known_by_its_own_root() -> None:
    reference, root = make_reference("web", inode=1, birth=7), Identity("0:77", 2, 9)
    seen = see_foreign(reference=reference)
    seen = replace(seen, place=replace(seen.place, identity=root))
    request = make_request(repair=Repair(("replaced",)))
    plan = plan_coming(PATH, make_definition(), request, seen, host=HOST)
    assert plan.action == "adopted"
    assert plan.reference is not None
    held = plan.reference
    assert (held.device, held.inode, held.birth) == (root.device, root.inode, root.birth)
