# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host's policy allows: its text, and what it refuses.

Private to holdfast.mounts.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    filesystems,
    naming,
    paths,
    strings,
)

KEYS = tuple(sorted(model.Policy._fields))
OPTIONS: t.Tuple[str, ...] = t.get_args(model.PolicyOption)
# Names of holders, and the one character that stands for others.
_HOLDERS = re.compile(r"[A-Za-z0-9._:@+*-]{1,128}")
# What lies between the parts of a source: hosts, directories, a user and a host, a tag and its value.
_SEPARATORS = "/:,@="


def build_policy(data: t.Any) -> model.Policy:
    """Return the policy that an object of JSON means. Raises MountError for whatever is not exactly one."""
    if not isinstance(data, dict):
        raise _malformed("it is not an object; write its keys and what they allow")
    unknown = sorted(str(key) for key in data if key not in KEYS)
    if unknown:
        # A misspelt key would allow less than was meant, and nobody would know why.
        raise _malformed(f"{strings.quote_all(unknown)}: not a key; write one of {', '.join(KEYS)}")
    fstypes = _texts(data, "fstypes")
    return model.Policy(
        allowed_roots=_roots(data, "allowed_roots"),
        source_roots=_roots(data, "source_roots"),
        fstypes=tuple(naming.find_filesystem(name, option="fstypes").name for name in fstypes),
        sources=_sources(data.get("sources", {})),
        holders=tuple(_holder(pattern) for pattern in _texts(data, "holders")),
        options=tuple(_option(name) for name in _texts(data, "options")),
        credentials_files=tuple(
            paths.check_path(path, "credentials_files") for path in _texts(data, "credentials_files")
        ),
    )


def matches_holder(holder: str, patterns: t.Iterable[str]) -> bool:
    """Return whether a pattern means the holder: C(*) stands for any characters, all else for itself."""
    return any(fnmatch.fnmatchcase(holder, pattern) for pattern in patterns)


def matches_source(src: str, patterns: t.Iterable[str]) -> bool:
    """Return whether a pattern means the source, compared as it is written, case and all.

    C(*) stands for any characters of one part, so neither for a slash nor for what ends a host or a tag,
    and for at least one where it begins a part. C(**) stands for any characters, and so does a pattern
    that is C(*) alone. Everything else, brackets among it, stands for itself.
    """
    return any(_expression(pattern).fullmatch(src) for pattern in patterns)


@functools.lru_cache(maxsize=None)
def _expression(pattern: str) -> t.Pattern[str]:
    parts = re.split(r"(\*+)", pattern)
    expression = re.escape(parts[0])
    for before, stars, after in zip(parts[0::2], parts[1::2], parts[2::2]):
        characters = "." if len(stars) > 1 or pattern == "*" else f"[^{_SEPARATORS}]"
        begins = not before or before[-1] in _SEPARATORS
        expression += characters + ("+" if begins else "*") + re.escape(after)
    return re.compile(expression, re.DOTALL)


def _malformed(message: str) -> errors.MountError:
    return strings.refusal("invalid_argument", message)


def _texts(data: t.Mapping[str, t.Any], key: str) -> t.List[str]:
    values = data.get(key, [])
    if not isinstance(values, list):
        raise _malformed(f"{key}: is not a list; write a list of texts")
    return [strings.check_text(value, f"{key}[{index}]") for index, value in enumerate(values)]


def _roots(data: t.Mapping[str, t.Any], key: str) -> t.Tuple[str, ...]:
    values = _texts(data, key)
    return paths.check_roots(values, key) if values else ()


def _sources(given: t.Any) -> t.Dict[str, t.Tuple[str, ...]]:
    if not isinstance(given, dict):
        raise _malformed("sources: is not an object; write a list of patterns for each type")
    found = {}
    for name in given:
        filesystem = naming.find_filesystem(name, option="sources")
        if not filesystem.names_source:
            raise _malformed(
                f"sources: what {strings.quote(name)} shows is neither a device nor a server; write the "
                "paths that it may show into source_roots"
            )
        found[filesystem.name] = tuple(_texts(given, name))
    return found


def _holder(pattern: str) -> str:
    if _HOLDERS.fullmatch(pattern) is None:
        raise _malformed(
            f"holders: {strings.quote(pattern)} is not a pattern of holders; write 1 to 128 characters out "
            "of A-Z a-z 0-9 . _ : @ + - and * for any of them"
        )
    return pattern


def _option(name: str) -> str:
    if name not in OPTIONS:
        raise _malformed(
            f"options: {strings.quote(name)} is not an option; write any of {', '.join(OPTIONS)}"
        )
    return name


_PLAIN = model.MountPointAttributes()
Asked = t.Sequence[t.Tuple[model.PolicyOption, bool]]


def refuse_forbidden(request: model.Request, policy: model.Policy) -> None:
    """Refuse a request of which any part is more than the policy allows. Raises MountError.

    Who leaves may leave, wherever that is: a policy that became narrower strands nobody.
    """
    repair = request.repair
    for holder in (request.holder,) if repair is None else repair.dropped:
        if not matches_holder(holder, policy.holders):
            raise _not_permitted("holders", None, f"the holder {strings.quote(holder)}", policy.holders)
    mounts = request.state == "mounted" or repair is not None
    asked: Asked = (
        ("adopt", mounts and (request.adopt or (repair is not None and "replaced" in repair.kinds))),
        ("drop_holders", repair is not None and (bool(repair.dropped) or repair.live is not None)),
        ("lazy", request.on_busy == "lazy"),
        ("nonempty", mounts and request.allow_nonempty),
        ("unsafe_parents", mounts and request.allow_unsafe_parents),
    )
    _refuse_options(asked, policy, None)
    for entry in request.entries:
        if entry.definition is not None:
            _refuse_entry(entry, entry.definition, policy)


def refuse_dropping(path: str, names: t.Iterable[str], policy: t.Optional[model.Policy]) -> None:
    """Refuse to drop holders whom the policy does not let jobs act as. Raises MountError.

    names: those that a list of the living does not have, which only the ledger knows.
    """
    if policy is None:
        return
    others = [name for name in names if not matches_holder(name, policy.holders)]
    if others:
        what, found = (
            f"dropping {len(others)} holders at {strings.quote(path)}",
            f"they are: {', '.join(others)}; ",
        )
        raise _not_permitted("holders", path, what, policy.holders, found=found)


def _refuse_entry(entry: model.Entry, definition: model.Definition, policy: model.Policy) -> None:
    path, data = entry.path, dict(definition.data)
    if not paths.is_within(path, policy.allowed_roots):
        raise _not_permitted("allowed_roots", path, f"a mount at {strings.quote(path)}", policy.allowed_roots)
    if definition.fstype not in policy.fstypes:
        raise _not_permitted(
            "fstypes",
            path,
            f"the type {strings.quote(definition.fstype)} at {strings.quote(path)}",
            policy.fstypes,
        )
    _refuse_source(path, definition, policy)
    if credentials.CREDENTIALS in data and data[credentials.CREDENTIALS] not in policy.credentials_files:
        what = f"the credentials file of {strings.quote(path)}"
        raise _not_permitted("credentials_files", path, what, policy.credentials_files)
    asked: Asked = (
        ("boot", entry.boot),
        ("dev", "nodev" not in definition.flags),
        ("mode", entry.attributes.mode != _PLAIN.mode),
        ("owner", (entry.attributes.uid, entry.attributes.gid) != (_PLAIN.uid, _PLAIN.gid)),
        ("selinux_context", strings.CONTEXT in data),
        ("suid", "nosuid" not in definition.flags),
    )
    _refuse_options(asked, policy, path)


def _refuse_source(path: str, definition: model.Definition, policy: model.Policy) -> None:
    what = f"the source of {strings.quote(path)}"
    for source in definition.source_paths:
        if not paths.is_within(source, policy.source_roots):
            raise _not_permitted("source_roots", path, what, policy.source_roots)
    filesystem = filesystems.record_of(definition.fstype)
    if not filesystem.names_source:
        return
    allowed = policy.sources.get(definition.fstype, ())
    if not definition.image and not matches_source(definition.src, allowed):
        raise _not_permitted("sources", path, what, allowed)
    for name in filesystem.redirecting:
        # No pattern can mean it, so none has allowed it.
        if name in dict(definition.data):
            raise _not_permitted(
                "sources", path, f"the option {strings.quote(name)} at {strings.quote(path)}", allowed
            )


def _refuse_options(asked: Asked, policy: model.Policy, path: t.Optional[str]) -> None:
    for option, is_asked in asked:
        if is_asked and option not in policy.options:
            where = "" if path is None else f" at {strings.quote(path)}"
            raise _not_permitted("options", path, f"{strings.quote(option)}{where}", policy.options)


def _not_permitted(
    key: str, path: t.Optional[str], what: str, allowed: t.Iterable[str], *, found: str = ""
) -> errors.MountError:
    return errors.MountError(
        "not_permitted",
        f"{what} is not permitted: '{key}' in the policy of this host does not allow it, and no task can "
        "widen that; ask for what it allows, or have the host's administrator change it",
        step="policy",
        path=path,
        detail=f"{found}'{key}' allows: {', '.join(allowed) or 'nothing'}",
    )
