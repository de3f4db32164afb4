# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that somebody wrote where none is taken, kept from Ansible's own words: syslog, journal, result.

AnsibleModule logs its parameters before they can be refused, and returns them with the refusal.
Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import CREDENTIALS
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.hints import HINTS, may_be_secret
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.options import DEFAULT_WORDS
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import MOUNT_FLAGS

# name:value in place of name=value; and user:secret@host in a source that is no path.
_WITH_COLON = re.compile(r"^([^:=]*):\s*(.+)$", re.DOTALL)
_IN_SOURCE = re.compile(r"^(?://|[a-z0-9+.-]+://)?[^:@/]*:([^@/]+)@")


class DiscreetModule(AnsibleModule):
    """An AnsibleModule that shows C(********) for every value that looks like a secret."""

    def __init__(self, argument_spec: t.Mapping[str, t.Any], *, supports_check_mode: bool) -> None:
        AnsibleModule.__init__(self, argument_spec=argument_spec, supports_check_mode=supports_check_mode)

    def _load_params(self) -> None:
        """Read the parameters; called before they are checked, logged or returned."""
        AnsibleModule._load_params(self)
        for secret in find_secrets(self.params):
            self.no_log_values.add(secret)
            # Lists are logged as Python writes them.
            self.no_log_values.add(repr(secret)[1:-1])


def find_secrets(params: t.Any, name: str = "") -> t.Set[str]:
    """Return the texts in parameters of any shape that look like secrets.

    params: a parameter's value, or all by their names. name: of the option that it belongs to.
    No call that mounts has any: an option of opts with such a name is always refused.
    """
    if isinstance(params, dict):
        named = {str(key): value for key, value in params.items() if not str(key).startswith("_ansible_")}
        return {secret for key, value in named.items() for secret in find_secrets(value, key)}
    if name == "opts" and isinstance(params, str):
        params = params.split(",")  # as Ansible does
        return {secret for value in params for secret in _in_value(value, name)} | _torn_off(params)
    if isinstance(params, (list, tuple)):
        return {secret for value in params for secret in _in_value(value, name)}
    return _in_value(params, name)


def _in_value(value: t.Any, name: str) -> t.Set[str]:
    if isinstance(value, (dict, list, tuple)):
        return find_secrets(value, name)
    return set() if value is None or isinstance(value, bool) else _in_text(str(value), name) - {""}


@functools.lru_cache(maxsize=None)
def _option_names() -> t.FrozenSet[str]:
    names = {*MOUNT_FLAGS, *DEFAULT_WORDS, *HINTS}
    return frozenset(names.union(*(known.options for known in FILESYSTEMS.values())))


def _torn_off(words: t.Sequence[str]) -> t.Set[str]:
    """Return what follows a secret and is no option: the secret had commas, where a list was split."""
    first = next((index for index, word in enumerate(words) if _in_text(word, "opts")), len(words))
    followers = [word for word in words[first + 1 :] if word]
    return {word for word in followers if word.partition("=")[0] not in _option_names()}


def _in_text(text: str, name: str) -> t.Set[str]:
    if may_be_secret(f"{name}="):
        # The path is nothing to hide; whoever writes the secret itself there is told that it is no path.
        return set() if name == CREDENTIALS and text.startswith("/") else {text}
    if name == "src":
        return set(_IN_SOURCE.findall(text))
    if name != "opts":
        return set()
    if may_be_secret(text):
        return {text.partition("=")[2]}  # with all that follows: a secret may have commas
    found = _WITH_COLON.match(text)
    return {found.group(2)} if found and may_be_secret(f"{found.group(1)}=") else set()
