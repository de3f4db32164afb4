# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the policy of a host is written, and which sources and holders its patterns mean.

Private to holdfast.mounts.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.names import find_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import check_path, check_roots
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    check_text,
    quote,
    quote_all,
    refusal,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy, PolicyOption

KEYS = tuple(sorted(Policy.__dataclass_fields__))
OPTIONS: t.Tuple[str, ...] = t.get_args(PolicyOption)
# Names of holders, and the one character that stands for others.
_HOLDERS = re.compile(r"[A-Za-z0-9._:@+*-]{1,128}")
# What lies between the parts of a source: hosts, directories, a user and a host, a tag and its value.
_SEPARATORS = "/:,@="


def build_policy(data: t.Any) -> Policy:
    """Return the policy that an object of JSON means. Raises MountError for whatever is not exactly one."""
    if not isinstance(data, dict):
        raise _malformed("it is not an object; write its keys and what they allow")
    unknown = sorted(str(key) for key in data if key not in KEYS)
    if unknown:
        # A misspelt key would allow less than was meant, and nobody would know why.
        raise _malformed(f"{quote_all(unknown)}: not a key; write one of {', '.join(KEYS)}")
    fstypes = _texts(data, "fstypes")
    return Policy(
        allowed_roots=_roots(data, "allowed_roots"),
        source_roots=_roots(data, "source_roots"),
        fstypes=tuple(find_filesystem(name, option="fstypes").name for name in fstypes),
        sources=_sources(data.get("sources", {})),
        holders=tuple(_holder(pattern) for pattern in _texts(data, "holders")),
        options=tuple(_option(name) for name in _texts(data, "options")),
        credentials_files=tuple(
            check_path(path, "credentials_files") for path in _texts(data, "credentials_files")
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


def _malformed(message: str) -> MountError:
    return refusal("invalid_argument", message)


def _texts(data: t.Mapping[str, t.Any], key: str) -> t.List[str]:
    values = data.get(key, [])
    if not isinstance(values, list):
        raise _malformed(f"{key}: is not a list; write a list of texts")
    return [check_text(value, f"{key}[{index}]") for index, value in enumerate(values)]


def _roots(data: t.Mapping[str, t.Any], key: str) -> t.Tuple[str, ...]:
    values = _texts(data, key)
    return check_roots(values, key) if values else ()


def _sources(given: t.Any) -> t.Dict[str, t.Tuple[str, ...]]:
    if not isinstance(given, dict):
        raise _malformed("sources: is not an object; write a list of patterns for each type")
    found = {}
    for name in given:
        filesystem = find_filesystem(name, option="sources")
        if not filesystem.names_source:
            raise _malformed(
                f"sources: what {quote(name)} shows is no device and no server; write the paths that it may "
                "show into source_roots"
            )
        found[filesystem.name] = tuple(_texts(given, name))
    return found


def _holder(pattern: str) -> str:
    if _HOLDERS.fullmatch(pattern) is None:
        raise _malformed(
            f"holders: {quote(pattern)} is no pattern of holders; write 1 to 128 characters out of A-Z a-z "
            "0-9 . _ : @ + - and * for any of them"
        )
    return pattern


def _option(name: str) -> str:
    if name not in OPTIONS:
        raise _malformed(f"options: {quote(name)} is no option; write any of {', '.join(OPTIONS)}")
    return name
