# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one family of errors, with the codes of the contract.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

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


class MountError(Exception):
    """A refusal or a failure, told in words that the caller may read.

    message: what was stopped, what was found, what to do next. It names only what the caller said.
    detail: what the host knows beyond that; shown with C(disclose=full) and written to the host's log.
    step: the room or act that stopped, for example C(grammar) or C(attach).
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


class BusyError(MountError):
    """The refusal of an unmount that the kernel calls busy.

    mount_id: of the mount, as the ledger has it. Who uses it is asked at the end of the call, without a lock.
    """

    def __init__(self, message: str, *, path: str, errno: t.Optional[int], mount_id: int) -> None:
        super().__init__("busy", message, step="unmount", path=path, errno=errno)
        self.mount_id = mount_id
