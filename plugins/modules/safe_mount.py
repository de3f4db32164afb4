#!/usr/bin/python
# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold and release mounts that several consumers share."""

from __future__ import annotations

DOCUMENTATION = r"""
module: safe_mount
short_description: Hold and release mounts that several consumers share
version_added: 1.0.0
description:
  - Mounts a filesystem for its first holder, lets others join, and unmounts it when the last holder has left.
  - Holders are names in a ledger on the host, which survives crashes and reboots and is a local fact,
    C(ansible_local.holdfast_mounts).
  - Holding twice is holding once, so tasks may be repeated. Only mounts that this module made are ever
    unmounted.
  - No path is followed through a symbolic link, and a filesystem becomes visible only when it is complete.
    No command is run but mount(8), for filesystems that need a helper, where only root can look. What the
    module refuses, and why, is in L(Safety,https://docs.example.org/holdfast/mounts/docs/safety.html).
options:
  path:
    description:
      - The mount point, an absolute path at or below one of O(allowed_roots).
      - Nothing is expanded or normalised. C(~), C($HOME), C(..), a trailing slash and symbolic links are
        refused.
      - At most 64 components and 4,095 bytes.
      - Missing directories are created, and removed again with the mount.
      - Either O(path) or O(mounts) is required.
    type: str
    aliases: [name]
  src:
    description:
      - What is mounted. Required for O(state=mounted).
      - A block device below C(/dev), or C(UUID=), C(LABEL=), C(PARTUUID=) or C(PARTLABEL=); a directory or a
        regular file at or below one of O(source_roots) for C(bind); a name such as C(tmpfs) for filesystems
        without a source.
      - An image, a regular file at or below one of O(source_roots), in the place of a block device. It is
        attached to a loop device, one for all who name the file, and the kernel detaches that with the last
        unmount. Others than root may not write the file, or serve it. Where it was attached for C(ro), it
        becomes writable once all have released it.
      - C(host:/path) for C(nfs) and C(nfs4); C(//host/share) or C(//host/share/folder) for C(cifs) and
        C(smb3); C(host:/volume) or C(host:/volume/folder) for C(glusterfs); C(monitor:/path), C(:/path) or
        C(user@.filesystem=/path) for C(ceph); C(host:/path) or C(user@host:/path) for C(fuse.sshfs).
    type: str
  fstype:
    description:
      - The type of the filesystem. Required for O(state=mounted).
      - One of C(tmpfs), C(ext2), C(ext3), C(ext4), C(xfs), C(btrfs), C(vfat), C(exfat), C(ntfs3), C(iso9660),
        C(udf), C(squashfs), C(erofs), C(f2fs), C(overlay), C(bind), C(9p), C(virtiofs), C(nfs), C(nfs4),
        C(cifs), C(smb3), C(ceph), C(glusterfs); C(fuse.sshfs) where O(allow_fstypes) turns it on.
      - Those of other hosts need a helper on the host, see
        L(Filesystems of other hosts,https://docs.example.org/holdfast/mounts/docs/filesystems/README.html).
      - C(bind) shows a directory or a file at a second place, without the mounts below it.
    type: str
  opts:
    description:
      - Mount options, one per element. Ansible splits a plain string on commas.
      - Each type has a list of the options that are allowed; a refusal says what to write instead.
      - Without O(allow_suid) and O(allow_dev) every mount is C(nosuid) and C(nodev).
      - What can only be read is C(ro), written or not. That is C(erofs), C(iso9660), C(squashfs),
        C(overlay) without C(upperdir), and C(vfat) with C(nfs=nostale_ro).
    type: list
    elements: str
    default: []
  holder:
    description:
      - Who holds the mount point, up to 128 letters, digits and C(._:@+-).
      - A name, not an authentication. Whoever may run this module as root may use any name.
      - The default is for ad-hoc use. A play says who it is.
      - Whoever leaves it out shares the default with all who do. A task that finds the mount point held by
        the default gets a warning.
    type: str
    default: ansible
  state:
    description:
      - With V(mounted) the holder holds the mount point, and the requested filesystem is mounted there.
      - With V(released) the holder holds it no longer. It is unmounted when nobody is left, and the
        directories
        that were created for it are removed.
      - With V(unmounted) the mount is gone. That is refused while anybody but this holder holds it.
      - For V(released) and V(unmounted) only the mount point counts; O(src), O(fstype) and O(opts) are not
        looked at.
    type: str
    choices: [mounted, released, unmounted]
    default: mounted
  mounts:
    description:
      - Many mount points in one task, which is much faster than a loop.
      - Parents are mounted before what lies below them, and released after it.
      - What fails does not undo its neighbours. The task fails then, and RV(mounts) tells each one's outcome.
      - An empty list does nothing, unless O(purge) is true.
    type: list
    elements: dict
    suboptions:
      path:
        description: The mount point, as O(path).
        type: str
        required: true
      src:
        description: What is mounted, as O(src).
        type: str
      fstype:
        description: The type of the filesystem, as O(fstype).
        type: str
      opts:
        description: Mount options, as O(opts).
        type: list
        elements: str
        default: []
      allow_suid:
        description: As O(allow_suid), which is the default.
        type: bool
      allow_dev:
        description: As O(allow_dev), which is the default.
        type: bool
      boot:
        description: As O(boot), which is the default.
        type: bool
      network:
        description: As O(network), which is the default.
        type: bool
      ttl:
        description: As O(ttl), which is the default.
        type: int
      mode:
        description: As O(mode), which is the default.
        type: raw
      owner:
        description: As O(owner), which is the default.
        type: str
      group:
        description: As O(group), which is the default.
        type: str
      selinux_context:
        description: As O(selinux_context), which is the default.
        type: str
  purge:
    description:
      - B(Releases everything else that the holder holds.) The holder's references become exactly the list
        O(mounts).
        An empty list releases all of them.
      - Needs O(mounts), O(state=mounted) and a O(holder) other than the default.
    type: bool
    default: false
  allowed_roots:
    description:
      - The mount point must be one of these directories or lie below one. C(path=/data) needs no more than
        C(allowed_roots=[/data]).
      - C(/), C(/var), C(/home), C(/tmp), C(/opt), C(/root) and C(/run) are never roots, though directories
        below
        them may be. System directories are neither, whatever is configured.
      - Counts for O(state=mounted) only. What is in the ledger can always be released.
    type: list
    elements: str
    default: [/mnt, /media, /srv]
  source_roots:
    description:
      - The source of a bind mount, the layers of an overlay and an image must be one of these directories or
        lie below one.
      - Defaults to O(allowed_roots).
    type: list
    elements: str
  allow_suid:
    description: Let programs of this filesystem run with the rights of their owner. Without it the mount is
      C(nosuid).
    type: bool
    default: false
  allow_dev:
    description: Let device files of this filesystem be used. Without it the mount is C(nodev).
    type: bool
    default: false
  allow_fstypes:
    description:
      - Turns on types that are off by default. The only one is V(fuse.sshfs), whose daemon runs as root and
        speaks to a server as whoever root's ssh_config(5) says.
    type: list
    elements: str
    default: []
  allow_nonempty:
    description: Mount over a directory that has entries, which are hidden as long as it is mounted.
    type: bool
    default: false
  allow_unsafe_parents:
    description:
      - Accept a directory on the way to the mount point or to a source that users other than root can write.
      - A directory on a filesystem that is not local, such as FUSE, NFS or CIFS, counts as one, unless this
        collection has mounted that, as its owners and modes are what its server says.
      - They can then move the mount point to another place within the reach of that directory.
      - It cannot be had together with O(boot).
    type: bool
    default: false
  adopt:
    description:
      - Take a reference on a mount that is there already, was not made by this collection, and equals the
        request.
      - It equals the request where type and source are the same and every option is in force, in whatever
        words the kernel shows it.
      - A FUSE filesystem that another user than root serves is never adopted, whatever it says of itself.
      - It is never unmounted by this collection.
    type: bool
    default: false
  selinux_context:
    description:
      - The SELinux label of everything in the filesystem, as C(user:role:type) or C(user:role:type:range).
        It is the option C(context) of mount(8), quoted where that is needed.
      - Refused for C(bind), which shows what another mount has, where SELinux is off, and where the host's
        policy does not know it.
      - It is kept as the kernel spells it, so the order of categories makes no difference.
    type: str
  credentials_file:
    description:
      - The path of a file on the host as whom a C(cifs), C(smb3) or C(ceph) filesystem is mounted. It belongs
        to root, has mode 0600, lies on a local filesystem, and no symbolic link leads to it.
      - For C(cifs) and C(smb3) it has lines C(username=), C(password=) and, where wanted, C(domain=); for
        C(ceph) it has the key alone, and the option C(name) in O(opts) says whose it is.
      - With O(mounts) it counts for each of them that takes one.
      - A C(cifs) or C(smb3) filesystem needs it, or in O(opts) C(guest) or C(sec=krb5).
      - The path is kept in the ledger. What stands in the file is in no argument list, no log and no result.
    type: str
  boot:
    description:
      - Also keep an entry in C(/etc/fstab), so that the filesystem is mounted when the host boots.
      - The entry is there as long as anybody holds the mount point with this option, and goes with the last
        one who does. Holding again without it takes the wish back.
      - It has C(nofail) and the mark C(x-holdfast.mounts). Every other byte of the file stays as it is.
      - An entry for the mount point that this collection did not make is V(conflict).
      - A boot follows every name and link of the entry. So all directories on the way to the mount point, to
        sources, layers and the credentials file have to be root's, not writable by others, and on a local
        filesystem, else it is V(unsafe_path). It cannot be had together with O(allow_unsafe_parents).
      - A device needs a name that the next boot cannot give to another one, C(UUID=) for example. One such as
        C(/dev/sdb) is refused, and the message says what to write.
      - What a boot has mounted from the entry is recognised as this collection's own.
    type: bool
    default: false
  network:
    description:
      - The device is there only when the network is, as that of iSCSI or nbd. The entry of O(boot) then has
        C(_netdev), so that the boot mounts it after the network is up.
      - Changes nothing without O(boot), and nothing for filesystems without a device. Those of a server have
        C(_netdev) anyway.
    type: bool
    default: false
  ttl:
    description:
      - The reference is a lease that ends by itself after so many seconds, unless it is renewed by holding
        again.
      - What has ended is taken out by the next call on the mount point, whoever makes it, and by
        M(holdfast.mounts.safe_mount_reconcile). If it was the last reference, a release or reconcile
        unmounts.
      - The boot clock counts, so setting the clock ends no lease. After a reboot a lease lives on for this
        time at least.
      - Without it the reference does not end. Holding again without it makes a lease one that does not end.
    type: int
  on_busy:
    description:
      - What to do when the last holder leaves and the mount is in use.
      - With V(fail) the task fails and the holder keeps its reference.
      - With V(defer) the reference is dropped, and the unmount is left for later.
      - With V(lazy) the mount is detached at once, and the kernel unmounts it when the last file is closed.
        B(Whoever
        has it open goes on writing to a filesystem that nobody sees any more.)
    type: str
    choices: [fail, defer, lazy]
    default: fail
  mode:
    description:
      - The permission bits of the mount point directory where it is created, as in
        M(ansible.builtin.file), without the setuid bit.
      - A mount point that is a file, for a C(bind) of one, is always root's and V(0600), whatever O(mode),
        O(owner) and O(group) say.
      - The directories above it are always V(0755).
      - Of the directory, not of what is mounted. A C(tmpfs) has an owner and a mode of its own and hides the
        directory, so for it O(mode), O(owner) and O(group) are refused unless O(opts) has C(mode=), C(uid=)
        or C(gid=) too.
    type: raw
  owner:
    description: The owner of the mount point directory where it is created, a name or a number.
    type: str
  group:
    description: The group of the mount point directory where it is created, a name or a number.
    type: str
extends_documentation_fragment:
  - holdfast.mounts._shared
  - holdfast.mounts._shared.call
attributes:
  check_mode:
    details:
      - Nothing is written, not even a lock. Whether the kernel will call a mount busy cannot be predicted.
      - A source, a credentials file, a user or a group that is not there may be what an earlier task of the
        run makes. It is taken to be there, with a warning that names it.
requirements:
  - root with CAP_SYS_ADMIN
  - Linux 5.12 or newer
  - procfs at C(/proc)
notes:
  - Where the host has a policy in C(/etc/ansible/holdfast_mounts_policy.json), everything that it does not
    allow is C(not_permitted), whatever the task says. See the role P(holdfast.mounts.policy#role).
  - C(module_defaults) with the action group C(holdfast.mounts.mounts) sets O(allowed_roots) and others once
    for a play.
  - The task keyword C(timeout) ends the waiting of Ansible and not the module, so the mount and its holder
    may come after the task has failed. O(timeout) and O(lock_timeout) end the work itself. The next call on
    the mount point finds whatever has come of it.
  - Names are UTF-8 on the host, whatever the locale of the task is.
seealso:
  - module: holdfast.mounts.safe_mount_facts
  - plugin: holdfast.mounts.current_mounts
    plugin_type: lookup
  - module: ansible.posix.mount
"""

EXAMPLES = r"""
- name: See what would be mounted, and who would hold it
  holdfast.mounts.safe_mount:
    path: /srv/scratch
    src: tmpfs
    fstype: tmpfs
    opts: [size=1g, mode=0750]
    holder: batch-7
  check_mode: true
  diff: true

- name: Hold a scratch space
  holdfast.mounts.safe_mount:
    path: /srv/scratch
    src: tmpfs
    fstype: tmpfs
    opts: [size=1g, mode=0750]
    holder: batch-7

- name: Leave it, so that it is unmounted when nobody else holds it
  holdfast.mounts.safe_mount:
    path: /srv/scratch
    holder: batch-7
    state: released

- name: Hold what a web server needs, in one task
  holdfast.mounts.safe_mount:
    holder: web
    mounts:
      - path: /srv/releases
        src: LABEL=releases
        fstype: ext4
        opts: [ro, noatime]
      - path: /srv/www/current
        src: /srv/releases/current
        fstype: bind
        opts: [ro]

- name: Hold exactly this and nothing else any more
  holdfast.mounts.safe_mount:
    holder: web
    purge: true
    mounts:
      - path: /srv/releases
        src: LABEL=releases
        fstype: ext4
        opts: [ro, noatime]

- name: Show a read-only tree with a writable layer on top of it
  holdfast.mounts.safe_mount:
    path: /srv/merged
    src: overlay
    fstype: overlay
    opts:
      - lowerdir=/srv/releases/base
      - upperdir=/srv/state/upper
      - workdir=/srv/state/work
    holder: web

- name: Hold an NFS export
  holdfast.mounts.safe_mount:
    path: /srv/images
    src: nfs.example.com:/export/images
    fstype: nfs
    opts: [vers=4.2, ro]
    holder: web

- name: Hold an SMB share
  holdfast.mounts.safe_mount:
    path: /srv/share
    src: //files.example.com/share
    fstype: cifs
    opts: [vers=3.1.1, uid=1000, file_mode=0640, dir_mode=0750]
    credentials_file: /etc/holdfast/files.credentials
    holder: web
"""

RETURN = r"""
msg:
  description: What was done, or in check mode would be, in words. With O(mounts) it counts the actions.
  returned: always
  type: str
  sample: "'/srv/scratch' was mounted already, joined; held by 2 holders"
lines:
  description: One line for each of RV(mounts), in the words that RV(msg) has for one mount point.
  returned: with C(-v) and O(mounts), unless the whole call was refused
  type: list
  elements: str
  sample: ["'/srv/scratch' mounted; held by 1 holder", "'/srv/data' unchanged; held by 2 holders"]
action:
  description: What was done, or in check mode would be.
  returned: success, with O(path)
  type: str
  sample: joined
mount:
  description: The mount point as it is now, or in check mode would be.
  returned: success, with O(path)
  type: dict
  contains:
    path:
      description: The mount point.
      returned: success
      type: str
      sample: /srv/scratch
    src:
      description: The source as it was asked for, null where the ledger has nothing.
      returned: success
      type: str
      sample: tmpfs
    fstype:
      description: The type as it was asked for, null where the ledger has nothing.
      returned: success
      type: str
      sample: tmpfs
    opts:
      description: The options in canonical form. Sizes are bytes, implied flags are added, the order does
        not matter.
      returned: success
      type: list
      elements: str
      sample: [mode=0750, nodev, nosuid, size=1073741824]
    mounted:
      description: Whether anything is mounted there.
      returned: success
      type: bool
      sample: true
    owned:
      description: Whether this collection made the mount and so may unmount it.
      returned: success
      type: bool
      sample: true
    holders:
      description: Who holds the mount point, sorted.
      returned: success
      type: list
      elements: str
      sample: [batch-7, web]
    holder_count:
      description: How many hold the mount point.
      returned: success
      type: int
      sample: 2
    protection:
      description:
        - V(full), or V(no_unique_id) on kernels before Linux 6.8, whose mounts have no ids that are never
          used again.
      returned: success
      type: str
      sample: full
    drift:
      description:
        - The kinds of drift of this mount point that are left, as M(holdfast.mounts.safe_mount_facts) has
          them.
        - Empty where the kernel and the ledger agree.
        - RV(msg) names them, and a holder that is new gets a warning with the details.
      returned: success
      type: list
      elements: str
      sample: [options_changed]
mounts:
  description:
    - One item for each mount point, in the order given, then those that O(purge) released.
    - One that failed has no keys but RV(mounts[].path), RV(mounts[].action), RV(mounts[].changed),
      RV(mounts[].failed) and RV(mounts[].error).
  returned: with O(mounts), unless the whole call was refused
  type: list
  elements: dict
  contains:
    action:
      description: What was done, as RV(action), or V(failed).
      returned: always
      type: str
      sample: joined
    changed:
      description: Whether anything is different there.
      returned: always
      type: bool
      sample: true
    failed:
      description: That it failed.
      returned: for one that failed
      type: bool
      sample: true
    error:
      description: Why it failed, with the keys of RV(error).
      returned: for one that failed
      type: dict
      sample: {code: busy, step: unmount, path: /srv/scratch, errno: 16, log_ref: 5c1a3d1ce9f0, msg: busy}
    path:
      description: The mount point.
      returned: always
      type: str
      sample: /srv/scratch
    src:
      description: The source as it was asked for, null where the ledger has nothing.
      returned: success
      type: str
      sample: tmpfs
    fstype:
      description: The type as it was asked for, null where the ledger has nothing.
      returned: success
      type: str
      sample: tmpfs
    opts:
      description: The options in canonical form. Sizes are bytes, implied flags are added, the order does
        not matter.
      returned: success
      type: list
      elements: str
      sample: [mode=0750, nodev, nosuid, size=1073741824]
    mounted:
      description: Whether anything is mounted there.
      returned: success
      type: bool
      sample: true
    owned:
      description: Whether this collection made the mount and so may unmount it.
      returned: success
      type: bool
      sample: true
    holders:
      description: Who holds the mount point, sorted.
      returned: success
      type: list
      elements: str
      sample: [batch-7, web]
    holder_count:
      description: How many hold the mount point.
      returned: success
      type: int
      sample: 2
    protection:
      description:
        - V(full), or V(no_unique_id) on kernels before Linux 6.8, whose mounts have no ids that are never
          used again.
      returned: success
      type: str
      sample: full
    drift:
      description:
        - The kinds of drift of this mount point that are left, as M(holdfast.mounts.safe_mount_facts) has
          them.
        - Empty where the kernel and the ledger agree.
        - RV(msg) names them, and a holder that is new gets a warning with the details.
      returned: success
      type: list
      elements: str
      sample: [options_changed]
error:
  description: Why the task failed. With O(mounts) it is the first failure.
  returned: failure
  type: dict
  contains:
    code:
      description: The kind of failure, for programs. All codes are in
        L(Results,https://docs.example.org/holdfast/mounts/docs/reference/results.html).
      returned: failure
      type: str
      sample: conflict
    step:
      description: What was being done.
      returned: failure
      type: str
      sample: plan
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
      description:
        - Finds the line of C(/var/log/holdfast_mounts.log) on the host that tells more.
        - Null where nothing was written, in check mode for example.
      returned: failure
      type: str
      sample: 5c1a3d1ce9f0
    msg:
      description: The message of this error alone.
      returned: with O(mounts), unless the whole call was refused
      type: str
      sample: "'/srv/scratch' is busy: 1 process uses it; end that and repeat, or leave the unmount for later"
"""

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import call, secrets
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec


def main() -> None:
    """Run the module."""
    module = secrets.MaskingModule(argument_spec=spec.ARGUMENT_SPEC, supports_check_mode=True)
    result = call.run_call(
        module.whole_params(),
        check_mode=module.check_mode,
        diff_mode=module._diff,
        is_verbose=module._verbosity > 0,
    )
    result["invocation"] = {"module_args": spec.given(module.params)}
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
