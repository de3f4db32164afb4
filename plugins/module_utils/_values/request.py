# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a caller asks for, once every word of it has been checked.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

State = t.Literal["mounted", "released", "unmounted"]
OnBusy = t.Literal["defer", "fail", "lazy"]
Disclose = t.Literal["full", "minimal"]

# Attributes of one mount, not of its superblock (mount_setattr(2)); without an equals sign in opts.
MOUNT_FLAGS = (
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "nosuid",
    "nosymfollow",
    "ro",
    "strictatime",
)


@dataclass(frozen=True)
class Definition:
    """What shall be mounted, in canonical form: equal definitions are equal mounts.

    flags: sorted names out of MOUNT_FLAGS, the implied ones included.
    data: sorted superblock options as (name, value); value is None for a bare word. Sizes are
        bytes in decimal, modes are four octal digits, layers of an overlay are joined by a colon.
        Two are no options of the filesystem: C(context), an SELinux label without quotes, and
        C(credentials_file), the path of a file that only the call that mounts reads.
    implied: those words that no caller has written; for messages.
    """

    fstype: str
    src: str
    flags: t.Tuple[str, ...]
    data: t.Tuple[t.Tuple[str, t.Optional[str]], ...]
    implied: t.Tuple[str, ...] = field(default=(), compare=False)

    @property
    def opts(self) -> t.Tuple[str, ...]:
        """Flags and superblock options as words, sorted."""
        words = [name if value is None else f"{name}={value}" for name, value in self.data]
        return tuple(sorted([*self.flags, *words]))

    @property
    def lower_layers(self) -> t.Tuple[str, ...]:
        """The lower layers of an overlay, uppermost first; empty for every other type."""
        joined = dict(self.data).get("lowerdir")
        return tuple(joined.split(":")) if joined else ()

    @property
    def source_paths(self) -> t.Tuple[str, ...]:
        """Every path on the host that this mount shows: a bind's source, an overlay's layers."""
        if self.fstype == "bind":
            return (self.src,)
        data = dict(self.data)
        single = [data[name] for name in ("upperdir", "workdir") if name in data]
        return (*self.lower_layers, *(path for path in single if path is not None))


def definition_from_opts(fstype: str, src: str, opts: t.Iterable[str]) -> Definition:
    """Return the definition whose canonical words these are; the inverse of Definition.opts."""
    flags = []
    data: t.List[t.Tuple[str, t.Optional[str]]] = []
    for word in opts:
        name, equals, value = word.partition("=")
        if name in MOUNT_FLAGS and not equals:
            flags.append(name)
        else:
            data.append((name, value if equals else None))
    data.sort(key=lambda pair: (pair[0], pair[1] or ""))
    return Definition(fstype, src, tuple(sorted(flags)), tuple(data))


@dataclass(frozen=True)
class MountPointAttributes:
    """How the mount point is made where it is missing: permission bits, numeric owner and group."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Entry:
    """One mount point of a request. definition is None unless the state is mounted.

    ttl: seconds after which the claim ends by itself, None for never. boot: it wants an entry in fstab.
    """

    path: str
    definition: t.Optional[Definition] = None
    attributes: MountPointAttributes = MountPointAttributes()
    ttl: t.Optional[int] = None
    boot: bool = False


@dataclass(frozen=True)
class Repair:
    """What a reconciliation does.

    kinds: of drift, that are put right. live: if given, the only holders that still exist.
    dropped: holders that do not.
    """

    kinds: t.Tuple[str, ...]
    live: t.Optional[t.Tuple[str, ...]] = None
    dropped: t.Tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One call of the module. timeout and lock_timeout are in seconds. repair: only of a reconciliation."""

    state: State
    holder: str
    entries: t.Tuple[Entry, ...]
    is_bulk: bool = False
    purge: bool = False
    allowed_roots: t.Tuple[str, ...] = ("/mnt", "/media", "/srv")
    source_roots: t.Tuple[str, ...] = ("/mnt", "/media", "/srv")
    adopt: bool = False
    allow_nonempty: bool = False
    allow_unsafe_parents: bool = False
    on_busy: OnBusy = "fail"
    timeout: int = 60
    lock_timeout: int = 90
    disclose: Disclose = "minimal"
    repair: t.Optional[Repair] = None
