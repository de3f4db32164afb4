# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parameters as AnsibleModule hands them over: of the types of the argument spec, and of any content.

They begin as a row of the corpus, so that many are nearly right, and are changed in a few places.
"""

from __future__ import annotations

import copy
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from corpus.rows import Row, accepted_rows, refused_rows
from hypothesis import strategies as st

Spec = t.Mapping[str, t.Mapping[str, t.Any]]
Parameters = t.Dict[str, t.Any]

LONGEST = 3000
PIECES = st.sampled_from((
    "/", "..", ".", "//", "a", "srv", "/srv/", "/mnt/", "media", "etc", ":", ",", ",size=", "=", "\\",
    "\\040", "\n", "\0", "-", "~", "$", "\u00e9", "e\u0301", "\udcff", "\u202e", "\u200b", "dev", "UUID=",
    "lowerdir=", "host:/", "[::1]", "%", '"', "{{", "0", "\uff11", "1g", "1770", "x" * 255, "x" * 256,
))  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=40))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
NUMBERS = st.one_of(st.integers(-2, 100), st.integers())


def validated(row: Row) -> t.Optional[Parameters]:
    """Return a row's arguments as AnsibleModule makes them, None where it refuses them."""
    result = ArgumentSpecValidator(ARGUMENT_SPEC).validate(dict(row.arguments))
    return None if result.error_messages else result.validated_parameters


def is_short(parameters: Parameters) -> bool:
    """Return whether it is of a size that many examples can have."""
    return len(repr(parameters)) <= LONGEST


def _seeds(rows: t.Iterable[Row]) -> t.List[Parameters]:
    found = [parameters for parameters in map(validated, rows) if parameters is not None]
    return [parameters for parameters in found if is_short(parameters)]


RIGHT = _seeds(accepted_rows())
WRONG = _seeds(refused_rows())
SEEDS = st.one_of(st.sampled_from(RIGHT), st.sampled_from(RIGHT), st.sampled_from(WRONG))


def values_of(name: str, option: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    """Return values of an option's type, the ones of the corpus among them."""
    kind = option["type"]
    known = [parameters[name] for parameters in [*RIGHT, *WRONG] if parameters.get(name) is not None]
    return st.one_of(_of_type(kind, option), st.sampled_from(known)) if known else _of_type(kind, option)


def _of_type(kind: str, option: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    if "choices" in option:
        return st.sampled_from(option["choices"])
    if kind == "list" and option["elements"] == "dict":
        return st.lists(_dictionaries(option["options"]), max_size=3)
    if kind == "list":
        return st.lists(TEXTS, max_size=4)
    return {"str": TEXTS, "bool": st.booleans(), "int": NUMBERS, "raw": JSON}[kind]


def _dictionaries(spec: Spec) -> st.SearchStrategy[Parameters]:
    return st.fixed_dictionaries({name: _element(name, option) for name, option in spec.items()})


def _element(name: str, option: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    values = st.one_of(_of_type(option["type"], option), _known(name))
    return values if option.get("required") or "default" in option else st.none() | values


def _known(name: str) -> st.SearchStrategy[t.Any]:
    known = [parameters[name] for parameters in RIGHT if parameters.get(name) is not None]
    return st.sampled_from(known) if known else st.nothing()


VALUES = {name: values_of(name, option) for name, option in ARGUMENT_SPEC.items()}


@st.composite
def changed_texts(draw: st.DrawFn, text: str) -> str:
    """A text with something put in, and something taken out."""
    start = draw(st.integers(0, len(text)))
    return text[:start] + draw(PIECES | TEXTS) + text[start + draw(st.integers(0, 4)) :]


@st.composite
def parameters(draw: st.DrawFn) -> Parameters:
    """Everything that a call is given."""
    made = copy.deepcopy(draw(SEEDS))
    for _change in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(ARGUMENT_SPEC)))
        made[name] = _change_value(draw, name, made[name])
    return made


def _change_value(draw: st.DrawFn, name: str, old: t.Any) -> t.Any:
    option = ARGUMENT_SPEC[name]
    if isinstance(old, str) and "choices" not in option and draw(st.booleans()):
        return draw(changed_texts(old))
    if option.get("elements") == "str" and old and draw(st.booleans()):
        index = draw(st.integers(0, len(old) - 1))
        return [*old[:index], draw(changed_texts(old[index])), *old[index:]]
    if "default" not in option and draw(st.integers(0, 4)) == 0:
        return None
    return draw(VALUES[name])
