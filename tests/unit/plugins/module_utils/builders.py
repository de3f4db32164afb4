# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that several tests build: one mount point as asked for, remembered and seen."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Holder, Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import Wish
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Definition,
    Entry,
    Host,
    KernelMount,
    Place,
    Request,
    definition_from_opts,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Observation

PATH = "/srv/a"
SINCE = "2026-03-01T10:00:00Z"
NOW = "2026-03-02T10:00:00Z"
HOST = Host(boot_id="this-boot", mount_namespace=1, protection="full")
FLAGS = ("nodev", "nosuid")


def make_definition(*opts: str, fstype: str = "tmpfs", src: str = "scratch") -> Definition:
    """Return a definition that has these options and the implied flags."""
    return definition_from_opts(fstype, src, (*FLAGS, *opts))


def make_request(**changes: t.Any) -> Request:
    """Return a request of the holder web for one mount point."""
    fields: t.Dict[str, t.Any] = {"state": "mounted", "holder": "web", "entries": (Entry(PATH),), **changes}
    return Request(**fields)


def make_wish(*opts: str, path: str = PATH, wanted: t.Optional[Definition] = None, **changes: t.Any) -> Wish:
    """Return the wish of the holder web, with these options or another definition."""
    return Wish(path, wanted or make_definition(*opts), make_request(**changes), HOST, NOW)


def make_reference(*holders: str, wanted: t.Optional[Definition] = None, **changes: t.Any) -> Reference:
    """Return what the ledger keeps of an owned mount."""
    definition = wanted or make_definition()
    fields: t.Dict[str, t.Any] = {
        "src": definition.src,
        "fstype": definition.fstype,
        "opts": definition.opts,
        "owned": True,
        "holders": {name: Holder(SINCE) for name in holders},
        "boot_id": HOST.boot_id,
        "mount_namespace": HOST.mount_namespace,
        "mount_id": 4000,
        "device": "0:55",
        "operation": "made",
        **changes,
    }
    return Reference(**fields)


def make_mount(**changes: t.Any) -> KernelMount:
    """Return a row of the kernel's table that equals make_definition()."""
    fields: t.Dict[str, t.Any] = {
        "mount_id": 70,
        "parent_id": 1,
        "device": "0:77",
        "root": "/",
        "mount_point": PATH,
        "fstype": "tmpfs",
        "source": "scratch",
        "flags": ("rw", *FLAGS, "relatime"),
        "options": ("rw",),
        "unique_id": 5000,
        **changes,
    }
    return KernelMount(**fields)


def see_nothing(**changes: t.Any) -> Observation:
    """Return what is seen where there is nothing at all."""
    return Observation(**{"place": Place(PATH, "absent"), **changes})


def see_ours(reference: Reference, **changes: t.Any) -> Observation:
    """Return what is seen where the ledger's mount is in its place."""
    fields = {"place": Place(PATH, "directory"), "is_here": True, "is_alive": True, **changes}
    return Observation(reference=reference, **fields)


def see_foreign(**changes: t.Any) -> Observation:
    """Return what is seen where somebody else's mount is."""
    return Observation(**{"place": Place(PATH, "directory", mount=make_mount()), **changes})


def refused(act: t.Callable[..., object], *arguments: t.Any, **named: t.Any) -> MountError:
    """Return the error that a call must raise."""
    with pytest.raises(MountError) as caught:
        act(*arguments, **named)
    return caught.value
