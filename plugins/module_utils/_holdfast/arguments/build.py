# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the parameters of a module to a request.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import accounts, spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    naming,
    options,
    paths,
    record,
    sources,
    strings,
)

Params = t.Mapping[str, t.Any]

LONGEST_WAIT = 2_147_483  # seconds; poll(2) counts milliseconds in 31 bits
LONGEST_TTL = 10 * 365 * 24 * 3600  # seconds
INHERITED = ("allow_suid", "allow_dev", "boot", "network", "ttl", "mode", "owner", "group", "selinux_context")


def build_request(params: Params) -> model.Request:
    """Return the request of one call of the module.

    params: what AnsibleModule made of ARGUMENT_SPEC. Raises MountError with the codes of the
    grammar; of several faulty entries the first is told.
    """
    _refuse_contradictions(params)
    allowed_roots = paths.check_roots(params["allowed_roots"], "allowed_roots")
    source_roots = allowed_roots
    if params["source_roots"] is not None:
        source_roots = paths.check_roots(params["source_roots"], "source_roots")
    return model.Request(
        state=params["state"],
        holder=naming.check_holder(params["holder"], "holder"),
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
        raise strings.refusal(
            "invalid_argument", f"path, mounts: {found}; write path for one, or mounts for many"
        )
    if is_bulk:
        _refuse_single_options(params)
    if params["purge"]:
        _refuse_purge(params)


def _refuse_single_options(params: Params) -> None:
    given = [name for name in ("src", "fstype") if params[name] is not None]
    given += ["opts"] if params["opts"] else []
    if given:
        raise strings.refusal(
            "invalid_argument",
            f"{', '.join(given)}: cannot be combined with mounts; set it in each element of mounts",
        )


def _refuse_purge(params: Params) -> None:
    if params["mounts"] is None or params["state"] != "mounted":
        raise strings.refusal(
            "invalid_argument",
            "purge: makes a list of mounts complete; write it with mounts and state: mounted only",
        )
    if params["holder"] == spec.DEFAULT_HOLDER:
        raise strings.refusal(
            "invalid_argument",
            f"purge: would take every reference of {strings.quote(spec.DEFAULT_HOLDER)}, which is whoever "
            "gave no name; write an explicit holder",
        )


def check_wait(seconds: int, option: str) -> int:
    if not 1 <= seconds <= LONGEST_WAIT:
        raise strings.refusal(
            "invalid_argument",
            f'{option}: "{seconds}" is not a number of seconds to wait; write one from 1 to {LONGEST_WAIT}',
        )
    return seconds


def _check_ttl(seconds: int, option: str) -> int:
    if not 1 <= seconds <= LONGEST_TTL:
        raise strings.refusal(
            "invalid_argument",
            f'{option}: "{seconds}" is not a number of seconds for a lease; write one from 1 to '
            f"{LONGEST_TTL}, or "
            "leave it out for a reference that does not end",
        )
    return seconds


def _build_entries(
    params: Params, allowed_roots: t.Sequence[str], source_roots: t.Sequence[str]
) -> t.Tuple[model.Entry, ...]:
    if params["mounts"] is None:
        return (_build_entry(params, "", params, allowed_roots=allowed_roots, source_roots=source_roots),)
    entries: t.List[model.Entry] = []
    places: t.Dict[str, int] = {}
    for index, element in enumerate(params["mounts"]):
        prefix = f"mounts[{index}]."
        mount = {**element, **{name: _first(element[name], params[name]) for name in INHERITED}}
        entry = _build_entry(mount, prefix, params, allowed_roots=allowed_roots, source_roots=source_roots)
        if entry.path in places:
            raise strings.refusal(
                "invalid_argument",
                f"{prefix}path: {strings.quote(entry.path)} is in mounts[{places[entry.path]}] already; "
                "list each mount point once",
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
) -> model.Entry:
    path = strings.check_text(mount["path"], prefix + "path")
    try:
        paths.check_path(path, prefix + "path")
        paths.refuse_never(path, prefix + "path")
        if params["state"] != "mounted":
            return model.Entry(path)
        paths.refuse_outside(path, allowed_roots, prefix + "path")
        if mount["boot"] and params["allow_unsafe_parents"]:
            raise strings.refusal(
                "invalid_argument",
                f"{prefix}boot, allow_unsafe_parents: cannot be combined, because symbolic links are "
                "followed at boot; leave allow_unsafe_parents out, or hold the mount without boot",
            )
        definition, implied = _build_definition(mount, prefix, params, source_roots)
        return model.Entry(
            path,
            definition,
            spec.build_attributes(mount["mode"], mount["owner"], mount["group"], prefix=prefix),
            None if mount["ttl"] is None else _check_ttl(mount["ttl"], prefix + "ttl"),
            mount["boot"],
            mount["network"],
            implied,
        )
    except errors.MountError as error:
        raise error.about(path) from error


def _build_definition(
    mount: Params, prefix: str, params: Params, source_roots: t.Sequence[str]
) -> t.Tuple[model.Definition, t.Tuple[str, ...]]:
    """Return what is to be mounted, and those of its words that no caller has written."""
    if mount["src"] is None or mount["fstype"] is None:
        missing = [prefix + name for name in ("src", "fstype") if mount[name] is None]
        raise strings.refusal(
            "invalid_argument",
            f"{', '.join(missing)}: required with state: mounted; say what to mount",
        )
    allowed = naming.check_allowed_types(params["allow_fstypes"], "allow_fstypes")
    filesystem = naming.find_filesystem(mount["fstype"], mount["opts"], prefix + "fstype", allowed=allowed)
    sources.check_source(filesystem.name, mount["src"], source_roots=source_roots, option=prefix + "src")
    if filesystem.shows_path and mount["src"] == mount["path"]:
        raise strings.refusal(
            "source_not_allowed",
            f"{strings.about(prefix + 'src', mount['src'])} is the mount point itself; "
            "write what to show there",
        )
    opts = accounts.without_names(filesystem, mount["opts"], prefix + "opts")
    flags, data = options.canonical_options(
        filesystem.name,
        opts,
        allow_suid=mount["allow_suid"],
        allow_dev=mount["allow_dev"],
        source_roots=source_roots,
        option=prefix + "opts",
    )
    _refuse_hidden_attributes(filesystem, mount, data, prefix)
    implied = options.implied_words(filesystem, opts, flags, data)
    data += _context(filesystem, mount, prefix) + _credentials(filesystem, data, params)
    data = tuple(sorted(data, key=lambda pair: pair[0]))
    return model.Definition(filesystem.name, mount["src"], flags, data), implied


# Attributes of the directory, and what gives a new filesystem's root the like.
_OF_THE_ROOT = (("mode", "mode"), ("owner", "uid"), ("group", "gid"))


def _refuse_hidden_attributes(
    filesystem: record.Filesystem, mount: Params, data: options.Data, prefix: str
) -> None:
    """Refuse attributes of a directory that nobody sees, where those of the mount were meant."""
    given = dict(data)
    for option, word in _OF_THE_ROOT:
        if filesystem.empty_mode and mount[option] is not None and word not in given:
            raise strings.refusal(
                "invalid_argument",
                f"{prefix}{option}: is that of the directory, which the {filesystem.name} hides; "
                f"write {word}= into opts for what is seen, and leave {option} out or keep both",
            )


def _context(filesystem: record.Filesystem, mount: Params, prefix: str) -> t.Tuple[t.Tuple[str, str], ...]:
    if mount["selinux_context"] is None:
        return ()
    option = prefix + "selinux_context"
    if filesystem.shows_path:
        raise strings.refusal(
            "invalid_argument",
            f"{option}: belongs to the filesystem that the bind shows; set it on the mount of that",
        )
    return ((strings.CONTEXT, strings.check_context(mount["selinux_context"], option)),)


def _credentials(
    filesystem: record.Filesystem, data: options.Data, params: Params
) -> t.Tuple[t.Tuple[str, str], ...]:
    """Return the credentials file of one mount; of many, those that take one and need it get it."""
    option, value = "credentials_file", params["credentials_file"]
    if value is None:
        credentials.refuse_missing(filesystem, data, option)
        return ()
    file = credentials.check_credentials_file(value, option)
    if params["mounts"] is None:
        credentials.refuse_useless(filesystem, data, option)
    elif not credentials.is_of_use(filesystem, data):
        return ()
    return ((credentials.CREDENTIALS, file),)


RECONCILE_SPEC: t.Dict[str, t.Dict[str, t.Any]] = {
    "live_holders": {"type": "list", "elements": "str"},
    "drop_holders": {"type": "list", "elements": "str", "default": []},
    "repair": {
        "type": "list",
        "elements": "str",
        "choices": list(t.get_args(steps.DriftKind)),
        "default": list(steps.REPAIRED),
    },
    "allow_nonempty": {"type": "bool", "default": False},
    "allow_unsafe_parents": {"type": "bool", "default": False},
    "on_busy": {"type": "str", "choices": ["fail", "defer", "lazy"], "default": "fail"},
    "timeout": {"type": "int", "default": 60},
    "lock_timeout": {"type": "int", "default": 90},
    "disclose": {"type": "str", "choices": ["minimal", "full"], "default": "minimal"},
}


def build_repair(params: t.Mapping[str, t.Any]) -> t.Tuple[model.Repair, model.Request]:
    """Return what is to be repaired, and the request that says how. Raises invalid_argument.

    params: what AnsibleModule made of RECONCILE_SPEC. The request has no entries yet.
    """
    live = None if params["live_holders"] is None else _names(params["live_holders"], "live_holders")
    dropped = _names(params["drop_holders"], "drop_holders")
    both = sorted(set(live or ()) & set(dropped))
    if both:
        raise strings.refusal(
            "invalid_argument",
            f"live_holders, drop_holders: {strings.quote_all(both)} is in both; a "
            "holder is either alive or dropped",
        )
    repair = model.Repair(tuple(params["repair"]), live, dropped)
    request = model.Request(
        state="released",
        holder="reconcile",
        entries=(),
        is_bulk=True,
        allow_nonempty=params["allow_nonempty"],
        allow_unsafe_parents=params["allow_unsafe_parents"],
        on_busy=params["on_busy"],
        timeout=check_wait(params["timeout"], "timeout"),
        lock_timeout=check_wait(params["lock_timeout"], "lock_timeout"),
        disclose=params["disclose"],
        repair=repair,
    )
    return repair, request


def _names(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    return tuple(naming.check_holder(value, f"{option}[{index}]") for index, value in enumerate(values))
