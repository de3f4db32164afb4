# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What in a text looks like a secret, and the text without it.

No word of the grammar takes a secret, so a text that seems to hold one is always refused, and everything that
follows its mark is dropped: a secret may have commas, spaces and quotes. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t
import unicodedata

# What Ansible itself shows for what it hides. A text that holds it was masked, and is refused.
HIDDEN = "********"

# Parts of names whose values may be secrets; no table has an option of such a name.
_PARTS = re.compile("cred|key|pass|psk|psw|pw|secret|token", re.IGNORECASE)
# A text without any of these is looked at no further.
_SUSPECT = re.compile(rf"{_PARTS.pattern}|//|[^ -\[\]-~]|&#|%", re.IGNORECASE)
# name=value; name: value with a space or quotes, as YAML, JSON and Python write it; and password:value. A
# component of a path may be called so.
_NAMED = re.compile(r"""(?<![\w.+/-])([\w.+-]+)(["'\\]*\s*=|["'\\]+\s*:|\s*:(?=[\s"'\\])|:)["'\\\s]*""")
# A holder may be called key:a, and a context has passwd_file_t:s0.
_PLAIN_COLON = re.compile("(pass(code|phrase|wd|word)|pwd)[0-9]*$", re.IGNORECASE)
_PERCENT = re.compile(r"[^\s,%=]*%")  # user%password, smbclient(1)
_COMMAND_LINE_USER = re.compile(r"(?<![\w./-])-U[\s=]*[^\s,%=]*%")
# //user:password@host, with or without a scheme, slashes as SMB or JSON writes them.
_URL = re.compile(r"(?<![\\/])[\\/]{2,}[^\s\[\]\\/:%]*[:%]")
# user:password@host; a colon before a slash separates layers.
_USER = re.compile(r"(?<![^\s=,])[^\s=,:]+:(?!/)")
_SEPARATOR = re.compile(r"[\s=:]+")
_ESCAPE = re.compile(
    r"(?<!\\)\\+(?:u([0-9a-f]{4})|u\{([0-9a-f]{1,5})\}|U000([0-9a-f]{5})|x([0-9a-f]{2}))"
    "|%([0-9a-f]{2})|&#x([0-9a-f]{1,5});",
    re.IGNORECASE,
)
_MOST_ESCAPES = 3  # an escape of an escape of an escape
# Cyrillic letters, and what looks like an equals sign or a colon, that Unicode does not decompose.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u0441\u043e\u0440\u0455\u0443\u043a\u0442\u051d\ua78a\u2e40\u30a0\u2236\u02f8\ua789\u0589\u05c3",
    "aecopsyktw===:::::",
)

_Find = t.Callable[[str], int]


def names_secret(name: str) -> bool:
    """Return whether what has this name may be a secret, however the name is spelled."""
    return _PARTS.search(name) is not None or _PARTS.search(_plain(name)) is not None


def holds_secret(text: str) -> bool:
    """Return whether something in the text looks like a secret, or was masked as one."""
    return HIDDEN in text or masked(text) != text


def masked(text: str, mask: str = HIDDEN) -> str:
    """Return the text with the mask for all from what looks like a secret on, else the text itself."""
    return text if _SUSPECT.search(text) is None else _masked(text, mask, _find)


def masked_option(word: str, mask: str = HIDDEN) -> str:
    """Return a mount option without what looks like a secret: more does, as fewer words make sense here."""
    is_suspect = _SUSPECT.search(word) or ("@" in word and ":" in word)
    return _masked(word, mask, _find_in_option) if is_suspect else word


def _masked(text: str, mask: str, find: _Find) -> str:
    """Look at the text as it is, then at what is left of it as it would be read without escapes."""
    start = find(text)
    before = text if start < 0 else text[:start]
    plain = _plain(before)
    if plain != before and find(plain) >= 0:
        return mask
    return text if start < 0 else before + mask


def _find(text: str) -> int:
    """Return where the first thing that looks like a secret begins, or -1."""
    starts = [found.end() for found in _COMMAND_LINE_USER.finditer(text)]
    for found in _NAMED.finditer(text):
        name, separator = found.groups()
        if names_secret(name):
            starts += [found.end()] if separator != ":" or _PLAIN_COLON.search(name) else []
        elif "user" in name.lower():
            percent = _PERCENT.match(text, found.end())
            starts += [percent.end()] if percent else []
    starts += [found.end() for found in _URL.finditer(text, 0, text.rfind("@") + 1)]
    return min((start for start in starts if start < len(text)), default=-1)


def _find_in_option(word: str) -> int:
    """Return where the value begins of an option whose own name names a secret, or of user:value@host."""
    name = re.match("[^=:]*", word)
    part = _PARTS.search(word, 0, name.end() if name else 0)
    separator = _SEPARATOR.search(word, part.end()) if part else None
    starts = [separator.end()] if separator else []
    starts += [found.end() for found in _USER.finditer(word, 0, word.rfind("@") + 1)]
    return min((start for start in [*starts, _find(word)] if 0 <= start < len(word)), default=-1)


def _plain(text: str) -> str:
    """Return the text as a lenient reader takes it: without escapes, look-alikes and what is not shown."""
    if text.isascii() and not re.search(r"[\\%&\x00-\x1f\x7f]", text):
        return text
    decoded = text
    for _time in range(_MOST_ESCAPES):
        decoded = _ESCAPE.sub(lambda found: chr(int(next(filter(None, found.groups())), 16)), decoded)
    folded = unicodedata.normalize("NFKD", decoded).translate(_LOOK_ALIKES)
    shown = (" " if character.isspace() else character for character in folded.replace("\\", ""))
    return "".join(character for character in shown if unicodedata.category(character)[0] not in "CM")
