# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the module's parameters to a Request in which every word is checked.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._arguments.attributes import (
    build_attributes,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._arguments.spec import DEFAULT_HOLDER
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.contexts import (
    CONTEXT,
    check_context,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import (
    CREDENTIALS,
    check_credentials_file,
    is_of_use,
    refuse_missing,
    refuse_useless,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.names import (
    check_allowed_types,
    check_holder,
    find_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.options import (
    Data,
    canonical_options,
    implied_words,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import (
    check_path,
    check_roots,
    refuse_never,
    refuse_outside,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.record import Filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.sources import check_source
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    about,
    check_text,
    quote,
    refusal,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import (
    Definition,
    Entry,
    Request,
)

Params = t.Mapping[str, t.Any]

LONGEST_WAIT = 2_147_483  # seconds; poll(2) counts milliseconds in 31 bits
LONGEST_TTL = 10 * 365 * 24 * 3600  # seconds
INHERITED = ("allow_suid", "allow_dev", "boot", "ttl", "mode", "owner", "group", "selinux_context")


def build_request(params: Params) -> Request:
    """Return the request of one call of the module.

    params: what AnsibleModule made of ARGUMENT_SPEC. Raises MountError with the codes of the
    grammar; of several faulty entries the first is told.
    """
    _refuse_contradictions(params)
    allowed_roots = check_roots(params["allowed_roots"], "allowed_roots")
    source_roots = allowed_roots
    if params["source_roots"] is not None:
        source_roots = check_roots(params["source_roots"], "source_roots")
    return Request(
        state=params["state"],
        holder=check_holder(params["holder"], "holder"),
        entries=_build_entries(params, allowed_roots, source_roots),
        is_bulk=params["mounts"] is not None,
        purge=params["purge"],
        allowed_roots=allowed_roots,
        source_roots=source_roots,
        adopt=params["adopt"],
        allow_nonempty=params["allow_nonempty"],
        allow_unsafe_parents=params["allow_unsafe_parents"],
        on_busy=params["on_busy"],
        timeout=check_wait(params["timeout"], "timeout"),
        lock_timeout=check_wait(params["lock_timeout"], "lock_timeout"),
        disclose=params["disclose"],
    )


def _refuse_contradictions(params: Params) -> None:
    is_bulk = params["mounts"] is not None
    if is_bulk == (params["path"] is not None):
        found = "both are there" if is_bulk else "neither is there"
        raise refusal("invalid_argument", f"path, mounts: {found}; write path for one, or mounts for many")
    if is_bulk:
        _refuse_single_options(params)
    if params["purge"]:
        _refuse_purge(params)


def _refuse_single_options(params: Params) -> None:
    given = [name for name in ("src", "fstype") if params[name] is not None]
    given += ["opts"] if params["opts"] else []
    if given:
        raise refusal(
            "invalid_argument",
            f"{', '.join(given)}: not together with mounts; write it into each element of mounts",
        )


def _refuse_purge(params: Params) -> None:
    if params["mounts"] is None or params["state"] != "mounted":
        raise refusal(
            "invalid_argument",
            "purge: makes a list of mounts complete; write it with mounts and state: mounted only",
        )
    if params["holder"] == DEFAULT_HOLDER:
        raise refusal(
            "invalid_argument",
            f"purge: would take every reference of {quote(DEFAULT_HOLDER)}, which is whoever gave no "
            "name; write an explicit holder",
        )


def check_wait(seconds: int, option: str) -> int:
    if not 1 <= seconds <= LONGEST_WAIT:
        raise refusal(
            "invalid_argument",
            f'{option}: "{seconds}" is no time to wait; write seconds from 1 to {LONGEST_WAIT}',
        )
    return seconds


def _check_ttl(seconds: int, option: str) -> int:
    if not 1 <= seconds <= LONGEST_TTL:
        raise refusal(
            "invalid_argument",
            f'{option}: "{seconds}" is no length of a lease; write seconds from 1 to {LONGEST_TTL}, or leave '
            "it out for a reference that does not end",
        )
    return seconds


def _build_entries(
    params: Params, allowed_roots: t.Sequence[str], source_roots: t.Sequence[str]
) -> t.Tuple[Entry, ...]:
    if params["mounts"] is None:
        return (_build_entry(params, "", params, allowed_roots=allowed_roots, source_roots=source_roots),)
    entries: t.List[Entry] = []
    places: t.Dict[str, int] = {}
    for index, element in enumerate(params["mounts"]):
        prefix = f"mounts[{index}]."
        mount = {**element, **{name: _first(element[name], params[name]) for name in INHERITED}}
        entry = _build_entry(mount, prefix, params, allowed_roots=allowed_roots, source_roots=source_roots)
        if entry.path in places:
            raise refusal(
                "invalid_argument",
                f"{prefix}path: {quote(entry.path)} is in mounts[{places[entry.path]}] already; name each "
                "mount point once",
            ).about(entry.path)
        places[entry.path] = index
        entries.append(entry)
    return tuple(entries)


def _first(value: t.Any, default: t.Any) -> t.Any:
    return default if value is None else value


def _build_entry(
    mount: Params,
    prefix: str,
    params: Params,
    *,
    allowed_roots: t.Sequence[str],
    source_roots: t.Sequence[str],
) -> Entry:
    path = check_text(mount["path"], prefix + "path")
    try:
        check_path(path, prefix + "path")
        refuse_never(path, prefix + "path")
        if params["state"] != "mounted":
            return Entry(path)
        refuse_outside(path, allowed_roots, prefix + "path")
        if mount["boot"] and params["allow_unsafe_parents"]:
            raise refusal(
                "invalid_argument",
                f"{prefix}boot, allow_unsafe_parents: not together, as a boot follows every link on the way; "
                "leave allow_unsafe_parents out, or hold the mount without boot",
            )
        return Entry(
            path,
            _build_definition(mount, prefix, params, source_roots),
            build_attributes(mount["mode"], mount["owner"], mount["group"], prefix=prefix),
            None if mount["ttl"] is None else _check_ttl(mount["ttl"], prefix + "ttl"),
            mount["boot"],
        )
    except MountError as error:
        raise error.about(path) from error


def _build_definition(
    mount: Params, prefix: str, params: Params, source_roots: t.Sequence[str]
) -> Definition:
    if mount["src"] is None or mount["fstype"] is None:
        raise refusal(
            "invalid_argument", f"{prefix}src, {prefix}fstype: state: mounted needs both; write what to mount"
        )
    allowed = check_allowed_types(params["allow_fstypes"], "allow_fstypes")
    filesystem = find_filesystem(mount["fstype"], mount["opts"], prefix + "fstype", allowed=allowed)
    check_source(filesystem.name, mount["src"], source_roots=source_roots, option=prefix + "src")
    if filesystem.shows_path and mount["src"] == mount["path"]:
        raise refusal(
            "source_not_allowed",
            f"{about(prefix + 'src', mount['src'])} is the mount point itself; "
            "write what shall be shown there",
        )
    flags, data = canonical_options(
        filesystem.name,
        mount["opts"],
        allow_suid=mount["allow_suid"],
        allow_dev=mount["allow_dev"],
        source_roots=source_roots,
        option=prefix + "opts",
    )
    implied = implied_words(filesystem, mount["opts"], flags, data)
    data += _context(filesystem, mount, prefix) + _credentials(filesystem, data, params)
    data = tuple(sorted(data, key=lambda pair: pair[0]))
    return Definition(filesystem.name, mount["src"], flags, data, implied)


def _context(filesystem: Filesystem, mount: Params, prefix: str) -> t.Tuple[t.Tuple[str, str], ...]:
    if mount["selinux_context"] is None:
        return ()
    option = prefix + "selinux_context"
    if filesystem.shows_path:
        raise refusal(
            "invalid_argument",
            f"{option}: belongs to the filesystem that is shown; set it where that is mounted",
        )
    return ((CONTEXT, check_context(mount["selinux_context"], option)),)


def _credentials(filesystem: Filesystem, data: Data, params: Params) -> t.Tuple[t.Tuple[str, str], ...]:
    """Return the credentials file of one mount; of many, those that take one and need it get it."""
    option, value = "credentials_file", params["credentials_file"]
    if value is None:
        refuse_missing(filesystem, data, option)
        return ()
    file = check_credentials_file(value, option)
    if params["mounts"] is None:
        refuse_useless(filesystem, data, option)
    elif not is_of_use(filesystem, data):
        return ()
    return ((CREDENTIALS, file),)
