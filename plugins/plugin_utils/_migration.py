# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From lines of fstab to tasks: each line is asked for as it is, and what the refusals advise is done.

So there is one grammar, and its messages are all that is known here. Takes values and returns values; knows
nothing of Ansible's plugins. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build, spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import boot
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import secrets, strings

Params = t.Dict[str, t.Any]

MOST_REFUSALS = 30
_ESCAPE = re.compile(r"\\([0-3][0-7]{2})")
_WORD = re.compile(r'(?:[^,"]|"[^"]*")+')
_OFFENDER = re.compile(r'(?:^|; |: )"((?:[^"\\]|\\.)*)": ')
_ROOT = re.compile(r'add ("([^"]+)"|this very path) to (allowed_roots|source_roots)')
_NAMED = re.compile(r"((?:[a-z]+_)?[ug]id)=[A-Za-z_][A-Za-z0-9._@-]*\$?")
_LEFT_OUT = ("leave it out", "remove it", "write it once")
_TEMPLATE = re.compile(r"\{[{%#]")


class Line(t.NamedTuple):
    """One entry of fstab, unescaped; point: its mount point as it is written."""

    src: str
    path: str
    fstype: str
    opts: t.Tuple[str, ...]
    point: str


class Step(t.NamedTuple):
    """Parameters with advice followed, and what was said of each word that is written otherwise."""

    params: Params
    notes: t.Tuple[str, ...] = ()


def read_lines(text: str) -> t.List[Line]:
    """Return the entries of a table (fstab(5)); comments and what has too few fields are passed over."""
    lines = []
    for row in text.split("\n"):
        fields = [field for field in re.split("[ \t]+", row.strip(" \t\r")) if field]
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        src, path, fstype = map(_plain, fields[:3])
        src = re.sub(r'^([A-Z]+)="(.*)"$', r"\1=\2", src)
        if src.startswith("sshfs#"):
            src, fstype = src[len("sshfs#") :], "fuse.sshfs"
        opts = _WORD.findall(_plain(fields[3])) if len(fields) > 3 else []
        lines.append(Line(src, path, fstype, tuple(opts), fields[1]))
    return lines


def _plain(field: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), field)


def migrate(line: Line, mounts: t.Sequence[t.Mapping[str, t.Any]], holder: str) -> t.Dict[str, t.Any]:
    """Return the tasks that take the place of a line, or the reason why there are none.

    mounts: the rows of safe_mount_facts.
    """
    words = ",".join(secrets.masked_option(word) for word in line.opts)
    shown = " ".join((secrets.masked_option(line.src), line.path, line.fstype, words)).rstrip()
    row = next((row for row in mounts if row.get("mount") == line.path), None)
    told = {"line": strings.visible(shown), "path": strings.visible(line.path)}
    step, reason = _requested(line, row, holder)
    if step is None:
        return {**told, "tasks": [], "notes": [], "reason": reason}
    return {**told, "tasks": [_block(line, step.params)], "notes": list(step.notes), "reason": ""}


def _requested(
    line: Line, row: t.Optional[t.Mapping[str, t.Any]], holder: str
) -> t.Tuple[t.Optional[Step], str]:
    if model.MARK in line.opts:
        return None, "it is this collection's own entry"
    if row is not None and row.get("managed") is True:
        return None, "the mount point is held already; release it, or take this line out"
    if any(_TEMPLATE.search(text) for text in (line.src, line.path, line.fstype, *line.opts)):
        return None, "it has braces that a playbook would take for a template; keep it in fstab"
    found = advised(
        {
            "path": line.path,
            "src": line.src,
            "fstype": line.fstype,
            "opts": list(line.opts),
            "holder": holder,
            "boot": "noauto" not in line.opts,
        },
        mounted="" if row is None else str(row.get("fstype", "")),
    )
    if isinstance(found, str):
        return None, found
    if row is not None:
        in_force = str(row.get("options", "")).split(",")
        lacking = {f"allow_{name}": True for name in ("suid", "dev") if f"no{name}" not in in_force}
        found = Step({**found.params, "adopt": True, **lacking}, found.notes)
    return found, ""


def advised(params: Params, *, mounted: str = "") -> t.Union[Step, str]:
    """Return parameters that the module takes, by the advice of its own refusals, else the last refusal.

    mounted: the type of what is mounted there, which says what an "auto" is.
    """
    notes: t.List[str] = []
    for _attempt in range(MOST_REFUSALS):
        try:
            _check(params)
        except errors.MountError as error:
            step = follow(error.message, params, mounted=mounted)
            if step is None:
                return error.message
            params = step.params
            notes += step.notes
        else:
            return Step(params, tuple(notes))
    return "the advice of its refusals does not end; keep it in fstab"


def _check(params: Params) -> None:
    """Have a request made, and the line that a boot would read. Raises MountError.

    Names of users are the host's to know, so here each is a number.
    """
    defaults = {name: option.get("default") for name, option in spec.ARGUMENT_SPEC.items()}
    opts = [f"{word.partition('=')[0]}=0" if _NAMED.fullmatch(word) else word for word in params["opts"]]
    request = build.build_request({**defaults, **params, "opts": opts})
    definition = request.entries[0].definition
    if definition is not None and params.get("boot"):
        if boot.has_counted_name(definition):
            raise boot.counted_name(params["path"], definition, "")
        boot.fstab_line(params["path"], definition)


def follow(message: str, params: Params, *, mounted: str = "") -> t.Optional[Step]:
    """Return the parameters as this message says that they should be, None where it leaves that open."""
    added = _ROOT.search(message)
    if added:
        option, path = added.group(3), added.group(2) or params["src"]
        known = params.get(option) or list(params.get("allowed_roots") or spec.DEFAULT_ROOTS)
        return None if path in known else Step({**params, option: [*known, path]})
    if message.startswith("opts: not allowed"):
        return _follow_options(message, params)
    subject = message.partition(": ")[0]
    if "write allow_fstypes: " in message:
        return Step({**params, "allow_fstypes": [params["fstype"]]})
    fstype = re.search(r"write fstype: ([a-z0-9.]+)", message)
    if subject in ("fstype", "src") and fstype and "if that is meant" not in message:
        written = mounted if mounted in params["fstype"].split(",") else fstype.group(1)
        opts = [word for word in params["opts"] if written != "bind" or word not in ("bind", "rbind")]
        is_new = written != params["fstype"]
        return Step({**params, "fstype": written, "opts": opts}, (message,)) if is_new else None
    if subject == "fstype" and "the one that blkid(8) shows" in message and mounted:
        return Step({**params, "fstype": mounted}, (message,))
    if subject in ("path", "src"):
        return _follow_text(message, subject, params)
    return None


def _follow_text(message: str, option: str, params: Params) -> t.Optional[Step]:
    """Return the parameters with another spelling of a path or a source."""
    text = params[option]
    written = text
    if "trailing slash" in message:
        written = text.rstrip("/")
    elif "slash after the colon" in message:
        written = text.replace(":", ":/", 1)
    elif "with :/ after it" in message:
        written = text + ":/"
    elif "first of the hosts alone" in message:
        written = text.partition(",")[0] + ":" + text.partition(":")[2]
    elif "for example the name of the type" in message:
        written = params["fstype"]
    return Step({**params, option: written}, (message,)) if written != text else None


def _follow_options(message: str, params: Params) -> t.Optional[Step]:
    """Return the parameters with each offender of the options left out or written otherwise."""
    changed, opts, notes = dict(params), list(params["opts"]), []
    parts = _OFFENDER.split(message)[1:]
    for shown, advice in zip(parts[::2], parts[1::2]):
        at = _find_word(opts, shown)
        if at is None:
            return None
        name, _equals, value = opts[at].partition("=")
        given = re.search(r"set ([a-z_]+): ([a-z]+)", advice)
        instead = re.search(r"write ([A-Za-z0-9_.=:+-]+)", advice)
        if given:
            changed[given.group(1)] = given.group(2) == "true"
        elif "use credentials_file" in advice and name in ("cred", "credentials") and value.startswith("/"):
            changed["credentials_file"] = value
        elif "write fstype: bind" in advice:
            changed["fstype"] = "bind"
        elif any(way in advice for way in _LEFT_OUT):
            pass
        elif instead and not advice.startswith("unknown"):
            opts[at] = instead.group(1)
            notes.append(f'"{shown}": {advice}')
            continue
        else:
            return None
        notes.append(f'"{shown}": {advice}')
        del opts[at]
    return Step({**changed, "opts": opts}, tuple(notes)) if parts else None


def _find_word(opts: t.Sequence[str], shown: str) -> t.Optional[int]:
    """Return where the option stands that a message shows, perhaps without its value."""
    plain = shown.replace("\\\\", "\\").replace('\\"', '"')
    for index, word in enumerate(opts):
        if word == plain or word.partition("=")[0] in (plain.partition("=")[0], plain):
            return index
    return None


def _block(line: Line, params: Params) -> t.Dict[str, t.Any]:
    """Return the tasks: the mount is held first, so that no failure leaves it out of fstab and not held."""
    path = params["path"]
    held = {name: value for name, value in params.items() if value and name != "boot"}
    tasks: t.List[t.Dict[str, t.Any]] = [{"name": f"Hold {path}", "holdfast.mounts.safe_mount": held}]
    tasks.append(
        {
            "name": f"Take the line of {path} out of fstab",
            "ansible.builtin.lineinfile": {
                "path": "/etc/fstab",
                "regexp": rf"^\s*[^#\s]\S*\s+{re.escape(line.point)}\s",
                "state": "absent",
            },
        }
    )
    if params["boot"]:
        tasks.append(
            {
                "name": f"Have {path} mounted at boot",
                "holdfast.mounts.safe_mount": {**held, "boot": True},
                # The line is still there then, and two entries are a conflict.
                "when": "not ansible_check_mode",
            }
        )
    return {"name": f"Hold {path} in place of its line in fstab", "block": tasks}
