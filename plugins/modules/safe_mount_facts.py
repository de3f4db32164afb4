#!/usr/bin/python
# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what is mounted on a host and who holds it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: safe_mount_facts
short_description: Report what is mounted and who holds it
version_added: 1.0.0
description:
  - Reports the mounts of a host, which of them M(holdfast.mounts.safe_mount) manages, who holds them,
    and where the kernel's mount table and the ledger disagree.
  - The result is the fact RV(ansible_facts.holdfast_mounts). The lookup
    P(holdfast.mounts.current_mounts#lookup) selects from it.
  - Only the kernel's table and the ledger are read, never a mounted filesystem, so a server that does not
    answer cannot hang this module.
options:
  paths:
    description:
      - Shell patterns (C(*), C(?), C([a-z])) of the mount points to report. A C(*) matches slashes too.
      - An empty list reports all.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - holdfast.mounts._shared
attributes:
  check_mode:
    details:
      - This module changes nothing.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  facts:
    description: Action returns an C(ansible_facts) dictionary that will update existing host facts.
    support: full
notes:
  - Root is not needed. Only root sees drift of the kind V(interrupted), because the intent records of
    operations are for root alone.
  - A host on which nothing was ever held has no ledger. That is no error; there are no references then.
  - A later call replaces the fact, also when it reports fewer mount points because of O(paths).
seealso:
  - module: holdfast.mounts.safe_mount
  - plugin: holdfast.mounts.current_mounts
    plugin_type: lookup
  - module: ansible.builtin.mount_facts
"""

EXAMPLES = r"""
- name: Gather the mounts of the host and who holds them
  holdfast.mounts.safe_mount_facts:

- name: Gather only what is mounted below the shared areas
  holdfast.mounts.safe_mount_facts:
    paths:
      - /srv/*
      - /mnt/*

- name: Fail when the kernel and the ledger disagree
  ansible.builtin.assert:
    that: ansible_facts['holdfast_mounts']['drift'] | length == 0
    fail_msg: "{{ ansible_facts['holdfast_mounts']['drift'] }}"
"""

RETURN = r"""
ansible_facts:
  description: Facts that are added to those of the host.
  returned: success
  type: dict
  contains:
    holdfast_mounts:
      description: What is mounted, who holds it, and what has drifted.
      returned: success
      type: dict
      contains:
        mounts:
          description:
            - One item for each mount point that a path lookup reaches, sorted by mount point.
            - A reference whose filesystem is not mounted is an item too, with its RV(ignore:state).
          returned: success
          type: list
          elements: dict
          contains:
            mount:
              description: The mount point. A byte that is not UTF-8 is shown as C(\xNN).
              returned: success
              type: str
              sample: /srv/images
            device:
              description: The source as the kernel shows it, or as it was asked for where it is not mounted.
              returned: success
              type: str
              sample: /dev/vdb1
            fstype:
              description: The type as the kernel shows it. A bind mount has that of the filesystem it shows.
              returned: success
              type: str
              sample: ext4
            options:
              description: Flags of the mount and options of the filesystem, as in C(/proc/mounts).
              returned: success
              type: str
              sample: rw,nosuid,nodev,relatime,errors=remount-ro
            root:
              description: The directory of the filesystem that is mounted. Empty where nothing is mounted.
              returned: success
              type: str
              sample: /
            managed:
              description: Whether the ledger has a reference on this mount point.
              returned: success
              type: bool
              sample: true
            owned:
              description: Whether M(holdfast.mounts.safe_mount) made this mount and so may unmount it.
              returned: success
              type: bool
              sample: true
            holders:
              description: Who holds the mount point, sorted.
              returned: success
              type: list
              elements: str
              sample: [backup, web]
            holder_count:
              description: How many hold the mount point.
              returned: success
              type: int
              sample: 2
            stacked:
              description: Whether several mounts are stacked here, one on the root of the other.
              returned: success
              type: bool
              sample: false
            state:
              description: V(ok), or the gravest kind of drift at this mount point.
              returned: success
              type: str
              sample: ok
        references:
          description: The ledger's references by mount point, as in C(ansible_local.holdfast_mounts).
          returned: success
          type: dict
          sample: {}
        drift:
          description: Where the kernel's mount table and the ledger disagree.
          returned: success
          type: list
          elements: dict
          contains:
            path:
              description: The mount point.
              returned: success
              type: str
              sample: /srv/images
            kind:
              description:
                - V(missing), what is held is not mounted.
                - V(replaced), something else stands there, or what is held was moved or hidden, or its source
                  names something else by now.
                - V(options_changed), flags or options are not those that were asked for.
                - V(unhealthy), the kernel has shut the filesystem down or made it read-only after an error.
                - V(stacked), another mount was stacked with the one that is held.
                - V(orphaned), it is mounted and owned, and nobody holds it.
                - V(deferred), the last holder left while it was busy, and it is still mounted.
                - V(expired), a lease has ended.
                - V(interrupted), an operation ended in the middle.
              returned: success
              type: str
              sample: missing
            message:
              description: The same for people.
              returned: success
              type: str
              sample: Not mounted any more.
        protection:
          description: How well the kernel protects against names that change meanwhile.
          returned: success
          type: str
          sample: full
        boot_id:
          description: The boot of the running kernel.
          returned: success
          type: str
          sample: 0b8a5d0a-6f4b-4b7c-9d0e-6b1f0f3c2a11
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: V(ledger_corrupt), V(ledger_untrusted) or V(unsupported).
      returned: failure
      type: str
      sample: ledger_corrupt
    step:
      description: What was being done.
      returned: failure
      type: str
      sample: ledger
    path:
      description: The mount point it is about, if it is about one.
      returned: failure
      type: str
      sample: /srv/images
    errno:
      description: The kernel's error number, if the kernel was asked.
      returned: failure
      type: int
      sample: 13
    log_ref:
      description: Always empty, because this module writes no log.
      returned: failure
      type: str
      sample: null
"""

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, overview, secrets


def main() -> None:
    """Report the facts, or the one reason why there are none."""
    module = secrets.MaskingModule(
        argument_spec={"paths": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    result = build_result(module.params["paths"])
    # Not while the error is being handled: core 2.19 would report it as a crash.
    if "error" in result:
        module.fail_json(**result)
    module.exit_json(**result)


def build_result(patterns: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Return what the module returns; with an error in it, it has failed."""
    try:
        return {"changed": False, "ansible_facts": {"holdfast_mounts": overview.observe_facts(patterns)}}
    except errors.MountError as error:
        reported = {name: getattr(error, name) for name in ("code", "step", "path", "errno")}
        return {"msg": error.message, "error": {**reported, "log_ref": None}}


if __name__ == "__main__":
    main()
