#!/usr/bin/python
# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a host's mounts and its ledger together again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: safe_mount_reconcile
short_description: Bring mounts and their ledger together again
version_added: 1.0.0
description:
  - Looks for drift, where the kernel's mount table and the ledger of M(holdfast.mounts.safe_mount) disagree
    after a crash, a reboot or somebody's manual change, and puts right what O(repair) names.
  - What is held and missing is mounted again, with all its references. What nobody holds is unmounted. Leases
    that have ended are dropped, and what a killed call left is finished.
  - Mounts that this collection did not make are never unmounted.
  - A second run changes nothing.
options:
  live_holders:
    description:
      - Drops the references of every holder that is not in this list, and unmounts what nobody else holds.
      - An empty list says that no holder lives. Leave the option out to drop nobody.
      - Made for a consumer that knows all holders of the host, for example of the machines that exist on it.
    type: list
    elements: str
  drop_holders:
    description:
      - Drops the references of these holders, and unmounts what nobody else holds.
      - A holder that holds nothing is no error. One that is in O(live_holders) too is V(invalid_argument).
    type: list
    elements: str
    default: []
  repair:
    description:
      - The kinds of drift that are put right; all others are reported and left.
      - V(missing), what is held and not mounted is mounted again; it is V(owned) then, also where it had been
        adopted.
      - V(orphaned) and V(deferred), what nobody holds is unmounted.
      - V(expired), leases that have ended are dropped, and what nobody else holds is unmounted.
      - V(interrupted), what a killed call left is finished or undone.
      - V(options_changed), flags, and the size of a tmpfs, are set as they were asked for, and a device, a
        tmpfs or an overlay that was made read-only is made writable. Other options
        cannot be changed in place, which is an error.
      - V(replaced), the references go over to the mount that stands there, if it equals what they asked for.
        It stays not owned. If it does not equal that, this is an error.
      - V(stacked) is always an error, because nothing but taking away a mount of others would help.
      - V(unhealthy) is always an error, because a filesystem that the kernel has stopped has to be checked.
    type: list
    elements: str
    choices: [deferred, expired, interrupted, missing, options_changed, orphaned, replaced, stacked,
              unhealthy]
    default: [deferred, expired, interrupted, missing, orphaned]
  allow_nonempty:
    description: Mount again what is missing also over a directory that has entries by now.
    type: bool
    default: false
  allow_unsafe_parents:
    description:
      - Accept an ancestor of a mount point or source that users other than root can write.
      - An entry of C(/etc/fstab) that somebody has taken out is not written again there, and what wants one
        is reported instead of mounted.
      - What this gives away is in L(Safety,https://docs.example.org/holdfast/mounts/docs/safety.html).
    type: bool
    default: false
  on_busy:
    description:
      - What to do when a mount that nobody holds is busy.
      - V(fail) is an error at this mount point. V(defer) leaves the unmount to a later reconcile, which is no
        error. V(lazy) detaches it, and who uses it goes on using it.
    type: str
    choices: [fail, defer, lazy]
    default: fail
extends_documentation_fragment:
  - holdfast.mounts._shared
  - holdfast.mounts._shared.call
notes:
  - Needs root, C(become=true).
  - Acts on everything in the ledger, also outside of the roots that tasks or the host's policy have today;
    they govern what may be mounted newly. So the module has no options for roots and is not in the action
    group of M(holdfast.mounts.safe_mount).
  - Where the host has a policy, that must allow O(allow_nonempty=true), O(allow_unsafe_parents=true),
    O(on_busy=lazy), V(replaced) in O(repair), O(drop_holders) and O(live_holders), and each holder that these
    drop. Everything else is C(not_permitted).
  - An error at one mount point does not stop the others. The task fails when one was to be repaired and could
    not be.
seealso:
  - module: holdfast.mounts.safe_mount
  - module: holdfast.mounts.safe_mount_facts
"""

EXAMPLES = r"""
- name: See what has drifted and what would be done
  holdfast.mounts.safe_mount_reconcile:
  check_mode: true
  diff: true

- name: Mount again what a reboot took, and finish what a killed job left
  holdfast.mounts.safe_mount_reconcile:
    on_busy: defer
  register: reconciled

- name: Only set flags again that somebody changed
  holdfast.mounts.safe_mount_reconcile:
    repair: [options_changed]

- name: Forget a job that was killed
  holdfast.mounts.safe_mount_reconcile:
    drop_holders: [job-7]

- name: Drop the references of all machines that do not exist any more
  holdfast.mounts.safe_mount_reconcile:
    live_holders: "{{ machines | map(attribute='name') | list }}"
"""

RETURN = r"""
msg:
  description: What was done, in words.
  returned: always
  type: str
  sample: "mount points: 2 mounted; 1 left as it is"
lines:
  description: One line for each item of RV(repaired), then of RV(remaining).
  returned: with C(-v), unless the whole call was refused
  type: list
  elements: str
  sample: ["'/srv/images' mounted (missing); held by 1 holder"]
repaired:
  description: What was put right, or would be in check mode. One item for each mount point.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    path:
      description: The mount point.
      returned: success
      type: str
      sample: /srv/images
    kinds:
      description: The kinds of drift that are gone. Empty where holders were dropped and nothing had drifted.
      returned: success
      type: list
      elements: str
      sample: [missing]
    action:
      description:
        - What was done, in the words of M(holdfast.mounts.safe_mount). V(none) where it was enough to finish
          what had been interrupted.
      returned: success
      type: str
      sample: mounted
    dropped:
      description: The holders whose references were dropped.
      returned: success
      type: list
      elements: str
      sample: []
    holders:
      description: Who holds it afterwards.
      returned: success
      type: list
      elements: str
      sample: [web]
    mounted:
      description: Whether it is mounted afterwards.
      returned: success
      type: bool
      sample: true
remaining:
  description: The drift that is left, because it was not to be repaired or could not be. One item for each.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    path:
      description: The mount point.
      returned: success
      type: str
      sample: /srv/scratch
    kind:
      description: The kind of drift. Null where nothing had drifted, and a holder could not be dropped.
      returned: success
      type: str
      sample: options_changed
    message:
      description: The same for people.
      returned: success
      type: str
      sample: Another mount covers the one that is held.
    error:
      description: Why it could not be put right, with the keys of RV(error). Null where that was not asked.
      returned: success
      type: dict
      sample: null
error:
  description: Why the task failed. It is the first failure of several.
  returned: failure
  type: dict
  contains:
    code:
      description: The kind of failure, for programs. All codes are in
        L(Results,https://docs.example.org/holdfast/mounts/docs/reference/results.html).
      returned: failure
      type: str
      sample: busy
    step:
      description: What was being done.
      returned: failure
      type: str
      sample: unmount
    path:
      description: The mount point, null when it is about the whole call.
      returned: failure
      type: str
      sample: /srv/scratch
    errno:
      description: The kernel's error number, null where the kernel was not asked.
      returned: failure
      type: int
      sample: 16
    log_ref:
      description: Finds the line of C(/var/log/holdfast_mounts.log) on the host that tells more.
      returned: failure
      type: str
      sample: 5c1a3d1ce9f0
    msg:
      description: The message of this error alone.
      returned: unless the whole call was refused
      type: str
      sample: "'/srv/scratch' is busy: 1 process uses it; end that and repeat, or leave the unmount for later"
"""

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import repair, secrets
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build


def main() -> None:
    """Run the module."""
    module = secrets.MaskingModule(argument_spec=build.RECONCILE_SPEC, supports_check_mode=True)
    result = repair.run_reconcile(
        module.params,
        check_mode=module.check_mode,
        diff_mode=module._diff,
        is_verbose=module._verbosity > 0,
    )
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
