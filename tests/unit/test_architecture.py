# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rooms of module_utils import in one direction, stay small, and only some of them touch the host."""

from __future__ import annotations

import ast
import sys
import typing as t
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PREFIX = "ansible_collections.holdfast.mounts.plugins.module_utils."

# Each room imports only from itself and the rooms before it.
ROOMS = (
    "_values",
    "_grammar",
    "_arguments",
    "_kernel",
    "_ledger",
    "_plan",
    "_facts",
    "_observe",
    "_execute",
    "_result",
    "_call",
)

PURE_ROOMS = ("_values", "_grammar", "_facts", "_plan", "_result")
# What pure rooms may take from the standard library: nothing in here reads, writes, waits or runs.
PURE_MODULES = (
    "__future__",
    "abc",
    "bisect",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fnmatch",
    "functools",
    "heapq",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
    "posixpath",
    "re",
    "string",
    "textwrap",
    "types",
    "typing",
    "unicodedata",
)
IMPURE_CALLS = ("__import__", "eval", "exec", "input", "open", "print")

# mount(8) with its helpers is the only command, and this file alone runs it.
HELPERS_FILE = "module_utils/_kernel/helpers.py"
COMMANDS = ("subprocess", "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "run_command")

FILE_LIMIT = 400
FUNCTION_LIMIT = 60


class Import(t.NamedTuple):
    """A module that is imported by its full name, and the line."""

    module: str
    line: int


def room_of(path: Path) -> str:
    """Return the room a file of module_utils belongs to."""
    return path.relative_to(PLUGINS / "module_utils").parts[0]


def list_imports(tree: ast.AST) -> t.Iterator[Import]:
    """Yield every import, also those within functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            module = node.module or ""
            yield Import(dots + module, node.lineno)
            if module in (PREFIX.rstrip("."), PREFIX.rstrip(".").rpartition(".")[0]):
                for alias in node.names:
                    yield Import(f"{module}.{alias.name}", node.lineno)


def find_wrong_direction(room: str, tree: ast.AST) -> t.List[str]:
    """Return what a room imports from rooms after it, from strange rooms, or relatively."""
    found = []
    for module, line in list_imports(tree):
        if module.startswith("."):
            found.append(f"line {line}: {module} is relative")
        elif module.startswith(PREFIX):
            other = module[len(PREFIX) :].split(".")[0]
            if other not in ROOMS or ROOMS.index(other) > ROOMS.index(room):
                found.append(f"line {line}: {room} imports {other}")
        elif module.startswith("ansible_collections"):
            found.append(f"line {line}: {module} is not a room")
    return found


def find_impure(tree: ast.AST) -> t.List[str]:
    """Return what a pure room imports or calls that could touch the host."""
    found = [
        f"line {line}: imports {module}"
        for module, line in list_imports(tree)
        if not module.startswith(PREFIX) and module.split(".")[0] not in PURE_MODULES
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            found.append(f"line {node.lineno}: calls {node.func.id}")
    return found


def find_impure_neighbours(tree: ast.AST) -> t.List[str]:
    """Return what a pure room takes from files that are not pure, other than classes, which are values."""
    found: t.List[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(PREFIX):
            continue
        module = (node.module or "")[len(PREFIX) :]
        path = PLUGINS / "module_utils" / (module.replace(".", "/") + ".py")
        if module.split(".")[0] in PURE_ROOMS or all(alias.name[:1].isupper() for alias in node.names):
            continue
        other = ast.parse(path.read_text())
        found.extend(f"line {node.lineno}: {module} {line}" for line in find_impure(other))
        found.extend(f"line {node.lineno}: {module} {line}" for line in find_impure_neighbours(other))
    return found


def find_strangers(tree: ast.AST) -> t.List[str]:
    """Return imports that a host with nothing but Python could not satisfy."""
    return [
        f"line {line}: imports {module}"
        for module, line in list_imports(tree)
        if not module.startswith((PREFIX, "ansible.module_utils"))
        and module.split(".")[0] not in sys.stdlib_module_names | {"__future__"}
    ]


def find_commands(tree: ast.AST) -> t.List[str]:
    """Return uses of a command where a system call is promised."""
    found = []
    for module, line in list_imports(tree):
        if module.split(".")[0] == "subprocess":
            found.append(f"line {line}: imports {module}")
    for node in ast.walk(tree):
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Attribute) and (
            node.attr == "run_command" or name.startswith(tuple(word for word in COMMANDS if "." in word))
        ):
            found.append(f"line {node.lineno}: uses {name}")
    return found


def find_large(tree: ast.AST, text: str) -> t.List[str]:
    """Return a file or functions above the limits, in lines."""
    found = []
    lines = len(text.splitlines())
    if lines > FILE_LIMIT:
        found.append(f"{lines} lines, at most {FILE_LIMIT}")
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LIMIT:
                found.append(f"line {node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LIMIT}")
    return found


def name_of(path: Path) -> str:
    """Return what a test of this file is called."""
    return str(path.relative_to(PLUGINS))


ROOM_FILES = sorted((PLUGINS / "module_utils").rglob("*.py"))
HOST_FILES = sorted([*ROOM_FILES, *(PLUGINS / "modules").glob("*.py")])
each_room_file = pytest.mark.parametrize("path", ROOM_FILES, ids=name_of)
each_host_file = pytest.mark.parametrize("path", HOST_FILES, ids=name_of)


# --- The checkers find what they are for ---


@pytest.mark.parametrize(
    ("room", "text"),
    [
        pytest.param("_plan", f"from {PREFIX}_execute.mount import run\n", id="a later room"),
        pytest.param("_plan", f"def f():\n    from {PREFIX}_execute import mount\n", id="within a function"),
        pytest.param("_plan", f"import {PREFIX}_execute.mount\n", id="a plain import"),
        pytest.param("_plan", f"from {PREFIX.rstrip('.')} import _execute\n", id="the room itself"),
        pytest.param("_plan", f"from {PREFIX}_elsewhere import f\n", id="no such room"),
        pytest.param("_plan", "from ._values import errors\n", id="a relative import"),
        pytest.param("_plan", "from ansible_collections.other.one.plugins import f\n", id="a collection"),
    ],
)
def test_direction_planted_violation_is_found(room: str, text: str) -> None:
    assert find_wrong_direction(room, ast.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "import os\n",
        "from os import path\n",
        "import socket\n",
        "import ctypes.util\n",
        "import time\n",
        "def f():\n    import fcntl\n",
        "data = open('/etc/fstab').read()\n",
    ],
    ids=["os", "from os", "socket", "ctypes", "time", "within a function", "open"],
)
def test_purity_planted_violation_is_found(text: str) -> None:
    assert find_impure(ast.parse(text))


def test_purity_impure_neighbour_is_found() -> None:
    text = f"from {PREFIX}_kernel.table import KernelMount, read_mounts\n"
    assert find_impure_neighbours(ast.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\n",
        "from subprocess import run\n",
        "os.system('mount')\n",
        "os.execvp('mount', [])\n",
        "module.run_command(['mount'])\n",
    ],
    ids=["import", "from", "system", "exec", "run_command"],
)
def test_commands_planted_violation_is_found(text: str) -> None:
    assert find_commands(ast.parse(text))


def test_strangers_planted_violation_is_found() -> None:
    assert find_strangers(ast.parse("import yaml\n"))


def test_size_planted_violation_is_found() -> None:
    body = "    pass\n" * FUNCTION_LIMIT
    assert len(find_large(ast.parse(f"def f():\n{body}"), "\n" * (FILE_LIMIT + 1))) == 2


def test_direction_earlier_room_is_accepted() -> None:
    text = f"from {PREFIX}_values.errors import MountError\nfrom {PREFIX}_plan.other import f\n"
    assert find_wrong_direction("_plan", ast.parse(text)) == []


# --- The rooms ---


@each_room_file
def test_room_file_imports_only_earlier_rooms(path: Path) -> None:
    assert find_wrong_direction(room_of(path), ast.parse(path.read_text())) == []


@pytest.mark.parametrize("path", [f for f in ROOM_FILES if room_of(f) in PURE_ROOMS], ids=name_of)
def test_pure_room_file_touches_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert find_impure(tree) + find_impure_neighbours(tree) == []


@each_host_file
def test_host_file_imports_only_what_hosts_have(path: Path) -> None:
    assert find_strangers(ast.parse(path.read_text())) == []


@pytest.mark.parametrize("path", [f for f in HOST_FILES if name_of(f) != HELPERS_FILE], ids=name_of)
def test_host_file_runs_no_command(path: Path) -> None:
    assert find_commands(ast.parse(path.read_text())) == []


def test_helpers_file_runs_one_list_and_no_shell() -> None:
    tree = ast.parse((PLUGINS / HELPERS_FILE).read_text())
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "subprocess" in ast.unparse(node.func)
    ]
    assert [ast.unparse(call.func) for call in calls] == ["subprocess.Popen"]
    named = {keyword.arg for keyword in calls[0].keywords}
    assert "shell" not in named
    assert {"cwd", "env", "pass_fds", "stdin"} <= named


@each_host_file
def test_host_file_is_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


@each_room_file
def test_room_file_is_small(path: Path) -> None:
    text = path.read_text()
    assert find_large(ast.parse(text), text) == []


def test_rooms_are_all_known() -> None:
    assert {room_of(path) for path in ROOM_FILES} <= set(ROOMS)
