# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one family of errors, with the codes of the contract.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

# Where the pages are that messages point to, as galaxy.yml says.
SITE = "https://docs.example.org/holdfast/mounts"

Code = t.Literal[
    "busy",
    "conflict",
    "fstype_not_allowed",
    "in_use",
    "invalid_argument",
    "ledger_corrupt",
    "ledger_untrusted",
    "locked",
    "mount_failed",
    "not_empty",
    "not_owned",
    "not_permitted",
    "option_not_allowed",
    "path_not_allowed",
    "policy_untrusted",
    "shadows",
    "source_not_allowed",
    "timeout",
    "unmount_failed",
    "unsafe_path",
    "unsupported",
    "verification_failed",
]


class Meaning(t.NamedTuple):
    """What a code says: when it is given, and what to do. The tables of the documentation are made of it.

    A link is written as seen from the top of the collection.
    """

    when: str
    do: str


_AS_PROPOSED = "write what the message proposes; [from fstab](docs/migration.md) has every option"
_LATER = "another call is at work, or a device or server does not answer; try again later"
_READ_LOG = (
    "read the entry in the log; for a helper's, see [its filesystem](docs/filesystems/README.md); where "
    "disk or ledger are full, release what nobody needs, "
    "[which always works](docs/safety_evidence.md#a-full-disk)"
)
_PUT_RIGHT = "see who changed it. Nothing is overwritten until it is put right"
# In the order of the tables: the call, the host, the mount, the files. A test fails when one has no meaning.
MEANINGS: t.Mapping[Code, Meaning] = {
    "invalid_argument": Meaning(
        "breaks the grammar of text, path, holder, roots or list; options that exclude each other",
        _AS_PROPOSED,
    ),
    "path_not_allowed": Meaning(
        "well-formed, but neither an allowed root nor below one, or a system directory",
        "add the path that the message names to `allowed_roots`, if the place is meant",
    ),
    "unsafe_path": Meaning(
        "a symbolic link on the way, a parent that others may write or serve, a mount point of the wrong "
        "kind",
        "take the symbolic link or the write permission of others away, or hold what is not local; the "
        "message names the directory",
    ),
    "not_empty": Meaning(
        "the mount point has entries",
        "look at what is there; `allow_nonempty` hides it under the mount",
    ),
    "source_not_allowed": Meaning(
        "`src` breaks the grammar of its type, or lies outside of `source_roots`",
        _AS_PROPOSED,
    ),
    "fstype_not_allowed": Meaning(
        "not on the list of types",
        _AS_PROPOSED,
    ),
    "option_not_allowed": Meaning(
        "not on the type's list, wrong value, twice, contradictory; every offender is named",
        _AS_PROPOSED,
    ),
    "conflict": Meaning(
        "something else than the request is held or mounted there",
        "ask for the same as the others, or let them release first",
    ),
    "shadows": Meaning(
        "a managed or pending mount lies below the mount point",
        "release what is mounted below it first, or hold both in one task: parents are mounted first",
    ),
    "not_owned": Meaning(
        "a mount that this collection did not make is there",
        "unmount it by hand, or hold it as it is with `adopt`",
    ),
    "not_permitted": Meaning(
        "the host's policy does not allow it; the message names the key",
        "ask for what the [host's policy](docs/reconcile.md#the-hosts-policy) allows; only the host's "
        "administrator can change it. The message names its key, the log what it allows",
    ),
    "in_use": Meaning(
        "held by others, or by as many as the ledger keeps; the source of another managed mount",
        "see who holds it, the facts name them, or which managed mount has it as a source or layer",
    ),
    "busy": Meaning(
        "the kernel says EBUSY: a process uses it, a mount, a loop device or a swap area",
        "end or unmount what `disclose: full` and the log name, or say `on_busy: defer`",
    ),
    "locked": Meaning(
        "another call kept the mount point for longer than `lock_timeout`",
        _LATER,
    ),
    "timeout": Meaning(
        "one mount or unmount took longer than `timeout`",
        _LATER,
    ),
    "mount_failed": Meaning(
        "the kernel or a helper refused to mount; the source does not exist; a mount that it lies on or "
        "shows is missing; the ledger is full",
        _READ_LOG,
    ),
    "unmount_failed": Meaning(
        "the kernel refused to unmount",
        _READ_LOG,
    ),
    "verification_failed": Meaning(
        "what came up is not what was asked; nothing was mounted",
        _READ_LOG,
    ),
    "ledger_untrusted": Meaning(
        "owner, mode or links of the ledger or of `/run/holdfast` are wrong; nothing is overwritten",
        _PUT_RIGHT,
    ),
    "ledger_corrupt": Meaning(
        "the content of the ledger is wrong; nothing is overwritten",
        _PUT_RIGHT,
    ),
    "policy_untrusted": Meaning(
        "owner, mode, links or content of the host's policy are wrong; nothing is mounted or released",
        "see who changed the [host's policy](docs/reconcile.md#the-hosts-policy); until it is put right, "
        "nothing is mounted, released or reconciled there",
    ),
    "unsupported": Meaning(
        "not root, no CAP_SYS_ADMIN, no such filesystem or helper, too old a kernel, another mount "
        "namespace, no Linux",
        "`become: true`, a kernel that has it, or the package that the message names",
    ),
}


class MountError(Exception):
    """A refusal or a failure, in words that the caller may read.

    message: what was stopped, what was found, what to do next. It names only what the caller said.
    detail: what the host knows beyond that; shown with C(disclose=full) and written to the host's log.
    step: the package or act that stopped, for example C(grammar) or C(attach).
    path: the mount point it is about, None when it is about the whole call.
    errno: the kernel's number, None where the kernel was not asked.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        step: str,
        path: t.Optional[str] = None,
        errno: t.Optional[int] = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.step = step
        self.path = path
        self.errno = errno
        self.detail = detail

    def about(self, path: str) -> MountError:
        """Return the same error as one about this mount point, unless it names one already."""
        if self.path is not None:
            return self
        return MountError(
            self.code, self.message, step=self.step, path=path, errno=self.errno, detail=self.detail
        )


class AbsentError(MountError):
    """The refusal of what is not there; in check mode an earlier task may be about to make it."""


class LostError(MountError):
    """The failure of what cannot be seen, such as a process that did not answer: its outcome is unknown."""


class BusyError(MountError):
    """The refusal of an unmount that the kernel calls busy.

    mount_id: of the mount, as the ledger has it. Who uses it is asked at the end of the call, without a lock.
    """

    def __init__(self, message: str, *, path: str, errno: t.Optional[int], mount_id: int) -> None:
        super().__init__("busy", message, step="unmount", path=path, errno=errno)
        self.mount_id = mount_id
