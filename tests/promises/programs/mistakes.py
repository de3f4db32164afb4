# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a secret where none is taken, in every spelling and place, and listen to what Ansible tells of it.

mistakes.py ours, or mistakes.py no_log: with a module that leaves it to Ansible's own no_log.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import json
import sys
import typing as t

from ansible.module_utils import basic
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import Code
from ansible_collections.holdfast.mounts.plugins.modules import (
    safe_mount,
    safe_mount_facts,
    safe_mount_reconcile,
)
from harness.namespace import make_world

MODULES = {"facts": safe_mount_facts, "mount": safe_mount, "reconcile": safe_mount_reconcile}
SECRET = "Zq7Xk"
VALUES = ("S", "S,x y", '"S"', "S=1", "a S", "a,S")
# How it is written, with the value in the place of %s.
SPELLINGS = (
    "password=%s",
    "PASSWD=%s",
    "pass=%s",
    "pwd=%s",
    "Pass-Phrase=%s",
    "password2=%s",
    "api_token=%s",
    "credentials=u:%s",
    "username=u\npassword=%s",
    "username=u,password=%s",
    "user=a%%%s",
    "username=dom/a%%%s",
    "-U a%%%s",
    "password: %s",
    "password:%s",
    "password\t=\t%s",
    "password\n=%s",
    '{"password": "%s"}',
    "{'password': '%s'}",
    r"\"password\": \"%s\"",
    '"password"="%s"',
    "password='%s'",
    "--password=%s",
    "ro password=%s",
    "x;password=%s",
    "x?a=b&password=%s",
    r"pass\u0077ord=%s",
    r"pass\\u0077ord=%s",
    "p%%61ssword=%s",
    "\uff50assword=%s",
    "password\uff1d%s",
    "p\u0430ssword=%s",
    "pass\u200bword=%s",
    "DAVS://u:%s@h/s",
    "//u:%s@h/s",
    "//u:p@%s@h/s",
    "//h/s,username=u,password=%s",
    "sftp://u:a/%s@h",
    r"\\u:%s@h\s",
    r"https:\/\/u:%s@h\/s",
)
PATH = "/srv/data"
TMPFS = {"path": PATH, "src": "tmpfs", "fstype": "tmpfs"}
SHARE = {"path": PATH, "src": "//h/s", "fstype": "cifs"}
TYPES = ("bind", "ceph", "cifs", "davfs", "ext4", "fuse.sshfs", "glusterfs", "nfs", "overlay", "tmpfs")
LITERAL = (
    "boot",
    "disclose",
    "fstype",
    "group",
    "holder",
    "mode",
    "name",
    "on_busy",
    "owner",
    "path",
    "state",
)
OTHERS = ("adopt", "selinux_context", "timeout", "ttl", "unknown")
LISTS = ("allow_fstypes", "allowed_roots", "source_roots")

Arguments = t.Dict[str, t.Any]
Place = t.Tuple[str, str, Arguments]


def in_options(word: str) -> t.Iterator[Place]:
    """Yield calls with the word among the options."""
    layers = {"path": PATH, "src": "overlay", "fstype": "overlay", "opts": [f"lowerdir=/srv/a {word}:/srv/b"]}
    shapes: t.Dict[str, t.Any] = {
        "list": ["ro", word],
        "text": f"ro,{word}",
        "text alone": word,
        "list in a list": [[word]],
        "mapping": {"a": word},
        "list of mappings": [{"a": word}],
        "key": {word: None},
        "JSON": json.dumps(["ro", word]),
    }
    for shape, opts in shapes.items():
        yield f"opts, {shape}", "mount", {**TMPFS, "opts": opts}
    yield "opts, layers", "mount", layers
    yield "opts, cifs", "mount", {**SHARE, "opts": [word]}
    yield "opts, released", "mount", {"path": PATH, "state": "released", "opts": [word], "src": word}
    yield "opts, elsewhere", "facts", {"opts": [word]}


def in_sources(word: str) -> t.Iterator[Place]:
    """Yield calls with the word in a source, or for the path of credentials."""
    for fstype, src in itertools.product(TYPES, (word, f"h:/a,{word}", f"h:/a {word}", f"/srv/a {word}")):
        yield f"src, {fstype}", "mount", {"path": PATH, "src": src, "fstype": fstype}
    yield "src, mapping", "mount", {**TMPFS, "src": {"a": word}}
    yield "src, elsewhere", "reconcile", {"src": word}
    for file in (word, f"/etc/x {word}", {"a": word}):
        yield "credentials_file", "mount", {**SHARE, "credentials_file": file}


def in_others(word: str) -> t.Iterator[Place]:
    """Yield calls with the word in every other parameter, of every type."""
    for name in LITERAL + OTHERS:
        for value in (word, f"/srv/a {word}", [word], {"k": word}):
            yield name, "mount", {**TMPFS, name: value}
        yield f"mounts, {name}", "mount", {"mounts": [{**TMPFS, name: f"a {word}"}]}
    for name in LISTS:
        for value in (word, [word], [f"/srv/a {word}"]):
            yield name, "mount", {**TMPFS, name: value}
    yield "name of a parameter", "mount", {**TMPFS, word: 1}
    for name in ("drop_holders", "live_holders", "repair"):
        yield name, "reconcile", {name: [word]}
    yield "paths", "facts", {"paths": [word]}


def in_bulk(word: str) -> t.Iterator[Place]:
    """Yield calls with the word in mounts, in every shape that Ansible makes dictionaries of."""
    pair = f"path={PATH} src=tmpfs fstype=tmpfs opts"
    shapes: t.Dict[str, t.Any] = {
        "key=value": [f"{pair}={word}"],
        "key=value, text": f"{pair}={word}",
        "key=value, quoted": [f"{pair}='{word}'"],
        "key=value, source": [f'path={PATH} fstype=cifs src="{word}"'],
        "JSON": [json.dumps({**TMPFS, "opts": [word]})],
        "JSON, text of options": [json.dumps({**TMPFS, "opts": word})],
        "JSON, text": json.dumps([{**TMPFS, "opts": [word]}]),
        "Python": [repr({**TMPFS, "opts": (word,)})],
        "Python, bytes": [repr({**TMPFS, "opts": {word.encode()}})],
        "Python, source": [repr({**TMPFS, "src": word})],
        "list of lists": [[word]],
        "list of texts": [word],
        "mapping": {"opts": word},
        "key": [{**TMPFS, word: 1}],
        "options": [TMPFS, {**TMPFS, "opts": ["ro", word]}],
        "credentials_file": [{**TMPFS, "credentials_file": word}],
    }
    for shape, mounts in shapes.items():
        yield f"mounts, {shape}", "mount", {"mounts": mounts}


def beside_its_name() -> t.Iterator[t.Tuple[str, Place]]:
    """Yield calls with the name of a secret and the secret in two values."""
    shapes: t.Dict[str, t.Any] = {
        "list": ["password", SECRET],
        "pair": [["password", SECRET]],
        "mapping": [{"option": "password", "value": SECRET}],
        "mapping, reversed": {"value": SECRET, "key": "password"},
        "number": {"password": 20261},
    }
    for shape, opts in shapes.items():
        yield "20261" if shape == "number" else SECRET, (f"beside, {shape}", "mount", {**TMPFS, "opts": opts})


def in_every_way() -> t.Iterator[t.Tuple[str, Place]]:
    """Yield calls, each with the text that nothing may tell: each spelling in each place."""
    for number, spelling in enumerate(SPELLINGS):
        words = [spelling % value.replace("S", SECRET) for value in VALUES]
        places = [[*in_options(word), *in_sources(word), *in_others(word), *in_bulk(word)] for word in words]
        for index, calls in enumerate(zip(*places)):
            yield SECRET, calls[(number + index) % len(calls)]
    yield from beside_its_name()
    # So short that it occurs in every word of a result.
    for value in "aeglmnor":
        yield f"password={value}", ("short", "mount", {**TMPFS, "opts": [f"password={value}"]})
        yield f":{value}@", ("short, source", "mount", {**SHARE, "src": f"//u:{value}@h/s"})
        yield f'"{value}"', ("short, credentials_file", "mount", {**SHARE, "credentials_file": value})
        yield f'"{value}"', ("short, beside", "mount", {**TMPFS, "opts": ["password", value]})


class Listener:
    """Stands in for syslog(3)."""

    LOG_INFO, LOG_USER = 6, 8

    def __init__(self) -> None:
        self.heard: t.List[str] = []

    def openlog(self, *_arguments: t.Any) -> None:
        """Do nothing."""

    def syslog(self, _priority: int, message: str) -> None:
        """Hear it."""
        self.heard.append(message)


class NoLog(basic.AnsibleModule):
    """What a module does that leaves it to Ansible."""

    def __init__(self, argument_spec: t.Dict[str, t.Any], *, supports_check_mode: bool) -> None:
        spec = copy.deepcopy(argument_spec)
        for options in (spec, spec.get("mounts", {}).get("options", {})):
            for name in {"credentials_file", "opts", "src"}.intersection(options):
                options[name]["no_log"] = True
        basic.AnsibleModule.__init__(self, spec, supports_check_mode=supports_check_mode)

    def whole_params(self) -> t.Dict[str, t.Any]:
        """Return the parameters."""
        return dict(self.params)


def run(name: str, arguments: Arguments, listener: Listener) -> str:
    """Run a module in check mode, with all that may be told; return what it has said."""
    internal = {"_ansible_check_mode": True, "_ansible_diff": True, "_ansible_verbosity": 3}
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, **internal}}).encode()
    listener.heard.clear()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        MODULES[name].main()
    return said.getvalue()


def is_damaged(said: str) -> bool:
    """Whether a fixed word of the result is not whole."""
    error = json.loads(said).get("error")
    return error is not None and (error["code"] not in t.get_args(Code) or "*" in str(error["step"]))


def main(way: str) -> None:
    """Print what was told."""
    make_world("private", private_dev=False)
    listener = Listener()
    ansible = t.cast("t.Any", basic)
    ansible.has_journal, ansible.HAS_SYSLOG, ansible.syslog = False, True, listener
    if hasattr(basic, "_ANSIBLE_PROFILE"):
        basic._ANSIBLE_PROFILE = "legacy"
    if way == "no_log":
        for module in MODULES.values():
            t.cast("t.Any", module).secrets.MaskingModule = NoLog
    outcome: t.Dict[str, t.Any] = {"runs": 0, "told": [], "damaged": [], "heard": 0}
    for secret, (place, name, arguments) in in_every_way():
        said = run(name, arguments, listener)
        outcome["runs"] += 1
        outcome["heard"] += bool(listener.heard)
        if secret in said or any(secret in line for line in listener.heard):
            outcome["told"].append((place, arguments))
        if is_damaged(said):
            outcome["damaged"].append((place, arguments))
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
