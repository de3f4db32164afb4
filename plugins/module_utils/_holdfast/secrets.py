# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that somebody wrote where none is taken, taken out of the parameters before anybody sees these.

AnsibleModule logs its parameters to syslog or the journal before they can be refused, quotes them in errors
of its own, and returns them. Its no_log replaces the text of a secret wherever that occurs, in the words of a
result too, and misses it where it is spelled otherwise; so it is not used. Private to holdfast.mounts.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.validation import check_type_dict, check_type_list
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    paths,
    secrets,
    sources,
    strings,
)

_BARE_NAME = re.compile(r"[^=:/,]*[=:]?\s*")
# What is written after words of other modules, by what Ansible says of them.
_HINTS = (
    ("value of state must be one of", "write mounted for present, and released for absent"),
    ("argument 'ttl' is of type", "write a number of seconds, 3600 for an hour"),
    ("dictionary requested", "write a list of dictionaries as mounts, each with a path"),
)
MOST_LEVELS = 32  # of lists and dictionaries in each other; a parameter has four

Spec = t.Mapping[str, t.Mapping[str, t.Any]]
# The number of an element of mounts, None beside it, and the parameter's name.
Place = t.Tuple[t.Optional[int], str]


class MaskingModule(AnsibleModule):
    """An AnsibleModule whose params hold C(********) in the place of what looks like a secret.

    A masked value is refused as the whole one would be, since no option takes a secret. Where it is not
    looked at, as who releases need not say what was mounted, nothing depends on it.
    """

    def __init__(self, argument_spec: t.Mapping[str, t.Any], *, supports_check_mode: bool) -> None:
        self._withheld: t.Dict[Place, str] = {}
        self._fault = ""
        AnsibleModule.__init__(self, argument_spec=argument_spec, supports_check_mode=supports_check_mode)
        if self._fault:
            self.fail_json(msg=self._fault)

    def _load_params(self) -> None:
        """Read the parameters; called before they are checked, logged or returned."""
        AnsibleModule._load_params(self)
        self._fault = surrogate_fault(self.params)
        if self._fault:
            self.params = _escaped(self.params)  # AnsibleModule cannot log a text that has no bytes
        self.params, self._withheld = without_secrets(self.params, self.argument_spec)

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """Fail as AnsibleModule does; where that has refused the parameters itself, with the code for it."""
        if "error" not in kwargs:
            kwargs["error"] = {
                "code": "invalid_argument",
                "step": "arguments",
                "path": None,
                "errno": None,
                "log_ref": None,
            }
            msg += next((f"; {hint}" for wrong, hint in _HINTS if wrong in msg), "")
        AnsibleModule.fail_json(self, msg, **kwargs)
        raise SystemExit(1)

    def whole_params(self) -> t.Dict[str, t.Any]:
        """Return the checked parameters with the sources and paths of credentials that are not to be shown.

        They break the grammar. This is for who refuses them and says why, without quoting them.
        """
        params = dict(self.params)
        for (index, name), value in self._withheld.items():
            if index is None:
                params[name] = value
            else:
                params["mounts"] = list(params["mounts"])
                params["mounts"][index] = {**params["mounts"][index], name: value}
        return params


def surrogate_fault(params: t.Mapping[str, t.Any]) -> str:
    """Return which parameter holds half of a character, as JSON can, or nothing."""
    for name, value in params.items():
        try:
            json.dumps({name: value}, ensure_ascii=False, default=str).encode("utf-8")
        except UnicodeEncodeError as error:
            character = f"U+{ord(error.object[error.start]):04X}"
            return f"{strings.visible(name)}: holds {character}, half of a character; write UTF-8 text"
    return ""


def _escaped(value: t.Any, levels: int = MOST_LEVELS) -> t.Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if levels and isinstance(value, dict):
        return {_escaped(key): _escaped(item, levels - 1) for key, item in value.items()}
    if levels and isinstance(value, (list, tuple)):
        return [_escaped(item, levels - 1) for item in value]
    return value


def without_secrets(
    params: t.Mapping[str, t.Any], spec: Spec
) -> t.Tuple[t.Dict[str, t.Any], t.Dict[Place, str]]:
    """Return parameters without what looks like a secret, and what was withheld by its place.

    params: as they came, of any shape. Elements of mounts become dictionaries as Ansible makes them.
    """
    own = {name: value for name, value in params.items() if not name.startswith("_ansible_")}
    internal = {name: value for name, value in params.items() if name.startswith("_ansible_")}
    aliases = (alias for option in spec.values() for alias in option.get("aliases", ()))
    withheld = _withhold(own, spec, None)
    shown = _shown(own, "", frozenset((*spec, *aliases)))
    if "mounts" not in spec or own.get("mounts") is None:
        return {**shown, **internal}, withheld
    inner_spec: Spec = spec["mounts"]["options"]
    elements = _elements(own["mounts"], inner_spec)
    for index, element in enumerate(elements if isinstance(elements, list) else ()):
        if isinstance(element, dict):
            withheld.update(_withhold(element, inner_spec, index))
    shown["mounts"] = _shown(elements, "", frozenset(inner_spec))
    return {**shown, **internal}, withheld


def _elements(mounts: t.Any, spec: Spec) -> t.Any:
    """Return the list of mounts as Ansible makes it, of new dictionaries; a text that is none is hidden."""
    try:
        elements = check_type_list(mounts)
    except TypeError:
        return mounts
    if isinstance(mounts, str) and len(elements) > 1 and secrets.masked_option(mounts) != mounts:
        return [secrets.HIDDEN]  # a secret with a comma in it was torn
    return [_element(element, spec) if isinstance(element, str) else _copied(element) for element in elements]


def _element(text: str, spec: Spec) -> t.Any:
    try:
        element = check_type_dict(text)
    except (TypeError, ValueError):
        return secrets.HIDDEN
    # A secret with a space in it was torn, and what follows the space has become a name of its own.
    is_torn = any(name not in spec for name in element) and secrets.masked_option(text) != text
    return secrets.HIDDEN if is_torn else element


def _copied(element: t.Any) -> t.Any:
    return dict(element) if isinstance(element, dict) else element


def _withhold(params: t.Dict[str, t.Any], spec: Spec, index: t.Optional[int]) -> t.Dict[Place, str]:
    """Take sources and paths of credentials that break the grammar out of the parameters, and return them."""
    withheld: t.Dict[Place, str] = {}
    for name in strings.UNQUOTED:
        if name in spec and params.get(name) is not None:
            text = _text(params[name])  # as Ansible makes one of anything
            is_well_formed = (
                sources.is_source(params.get("fstype"), text) if name == "src" else paths.is_path(text)
            )
            if not is_well_formed:
                withheld[index, name] = text
                params[name] = secrets.HIDDEN
    return withheld


def _shown(value: t.Any, name: str, known: t.FrozenSet[str], levels: int = MOST_LEVELS) -> t.Any:
    """Return a parameter's value without what looks like a secret. name: of the option that it belongs to.

    known: the options of the module. What others have, and what opts has, is refused whenever it looks like a
    secret at all; the others take literal texts, of which only what is marked as a secret is masked.
    """
    is_literal = name in known and name != "opts"
    if value is None or isinstance(value, bool):
        return value
    if levels == 0 or (name not in known and secrets.names_secret(name)):
        return secrets.HIDDEN
    if isinstance(value, dict):
        if not is_literal and any(map(_is_name, value.values())):
            return {secrets.masked_option(str(key)): secrets.HIDDEN for key in value}
        named = {key if key in known else secrets.masked_option(str(key)): key for key in value}
        return {shown: _shown(value[key], str(key), known, levels - 1) for shown, key in named.items()}
    if isinstance(value, (frozenset, list, set, tuple)):
        before: t.Any = None
        shown = []
        for item in value:
            is_value = not is_literal and _is_name(before)
            if is_value:
                shown.append(secrets.HIDDEN)
            elif name == "opts" and isinstance(item, str):
                shown.append(secrets.masked_option(item))  # one option, with all that follows a comma
            else:
                shown.append(_shown(item, name, known, levels - 1))
            before = item
        return shown
    if isinstance(value, (float, int)):
        return value
    if is_literal:
        return secrets.masked(_text(value))
    return _shown_options(_text(value))


def _shown_options(text: str) -> str:
    """Return options that Ansible splits on commas up to the first secret: it may have commas too."""
    text = secrets.masked_option(text)
    shown: t.List[str] = []
    for word in text.split(","):
        shown.append(secrets.masked_option(word))
        if shown[-1] != word:
            break
    return ",".join(shown)


def _is_name(value: t.Any) -> bool:
    """Whether this names a secret and is none, so that the secret stands beside it."""
    return isinstance(value, str) and _BARE_NAME.fullmatch(value) is not None and secrets.names_secret(value)


def _text(value: t.Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
