# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of this package as text, for the answers of worker processes.

Private to holdfast.mounts.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors

_PACKAGE = __name__.rpartition(".kernel.")[0]
_PLAIN = (bool, int, str, type(None))


def to_text(value: t.Any) -> bytes:
    """Return a value as text: plain ones, containers, our frozen classes, MountError and OSError.

    Raises TypeError for any other.
    """
    return json.dumps(_encode(value)).encode("ascii")


def from_text(text: bytes) -> t.Any:
    """Return the value that to_text was given. Nothing but classes of this package is made."""
    return _decode(json.loads(text))


def _encode(value: t.Any) -> t.Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, dict, frozenset, set)):
        items = value.items() if isinstance(value, dict) else value
        return {"container": type(value).__name__, "items": [_encode(item) for item in items]}
    if isinstance(value, errors.MountError):
        return {"class": _name(value), "error": value.message, "fields": vars(value)}
    if isinstance(value, OSError):
        return {"errno": value.errno, "text": value.strerror}
    if isinstance(value, tuple):
        items = [_encode(item) for item in value]
        return {"class": _name(value), "values": items} if hasattr(value, "_fields") else items
    if dataclasses.is_dataclass(value):
        fields = [_encode(getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {"class": _name(value), "values": fields}
    raise TypeError(f"no answer can hold a {type(value).__name__}")


def _name(value: t.Any) -> str:
    return f"{type(value).__module__[len(_PACKAGE) + 1 :]}:{type(value).__name__}"


def _class(name: str) -> t.Any:
    module, _colon, own = name.partition(":")
    return getattr(sys.modules[f"{_PACKAGE}.{module}"], own)


def _decode(value: t.Any) -> t.Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "container" in value:
        makers: t.Dict[str, t.Any] = {"list": list, "dict": dict, "set": set, "frozenset": frozenset}
        return makers[value["container"]](_decode(item) for item in value["items"])
    if "errno" in value:
        return OSError(value["errno"], value["text"])
    made = _class(value["class"])
    if "error" in value:
        error = made.__new__(made, value["error"])
        vars(error).update(value["fields"])
        return error
    return made(*(_decode(item) for item in value["values"]))
