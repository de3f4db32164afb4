# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One package whose parts import in one direction, stay small, and of which only some touch the host."""

from __future__ import annotations

import ast
import sys
import typing as t
from pathlib import Path

import graphlib
import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PACKAGE = "ansible_collections.holdfast.mounts.plugins.module_utils._holdfast"
FOLDER = PLUGINS / "module_utils" / "_holdfast"

# Files and packages at the top of the private package. Each imports only from itself and those before it.
PARTS = (
    "errors",
    "model",
    "claims",
    "steps",
    "grammar",
    "decide",
    "arguments",
    "secrets",
    "kernel",
    "helper",
    "ledger",
    "log",
    "policy",
    "fstab",
    "facts",
    "second_names",
    "overview",
    "session",
    "result",
    "places",
    "observe",
    "engine",
    "call",
    "repair",
    "console",
)

PURE_PARTS = ("errors", "model", "claims", "steps", "grammar", "decide", "facts", "result")
# What pure parts may take from the standard library: nothing in here reads, writes, waits or runs.
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
COMMAND_FILE = "module_utils/_holdfast/helper/command.py"
COMMANDS = ("subprocess", "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "run_command")

# Methods that change a list, a dictionary or a set.
CHANGES = (
    "add",
    "append",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "setdefault",
    "update",
)

# What is known of a type stands in its record. Only what people write instead may name it elsewhere there.
TYPES_PART = "grammar"
# Our own word for what shows a path, which the values need before there are records.
ALLOWED_TYPES = {"module_utils/_holdfast/model.py": ["bind"]}
TYPES = frozenset(("fuse", *(name for one in FILESYSTEMS.values() for name in (one.name, *one.shown_types))))

FILE_LIMIT = 400
FUNCTION_LIMIT = 60


class Import(t.NamedTuple):
    """A module by its full name, the name it has in this file, and the line."""

    module: str
    name: str
    line: int


def list_imports(tree: ast.AST) -> t.Iterator[Import]:
    """Yield every import, also those within functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, alias.asname or alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                is_ours = f"{module}.".startswith(f"{PACKAGE.rpartition('.')[0]}.")
                full = f"{module}.{alias.name}" if is_ours else module
                yield Import(full, alias.asname or alias.name, node.lineno)


def module_file(module: str) -> Path:
    """Return the file of a module of ours."""
    return FOLDER / (module[len(PACKAGE) + 1 :].replace(".", "/") + ".py")


def part_of(path: Path) -> str:
    """Return the part of the package that a file belongs to."""
    return path.relative_to(FOLDER).with_suffix("").parts[0]


def find_wrong_direction(part: str, tree: ast.AST) -> t.List[str]:
    """Return what a part imports from parts after it, from elsewhere, or relatively."""
    found = []
    for module, _name, line in list_imports(tree):
        if module.startswith("."):
            found.append(f"line {line}: {module} is relative")
        elif module.startswith(f"{PACKAGE}."):
            other = module[len(PACKAGE) + 1 :].split(".")[0]
            if other not in PARTS or PARTS.index(other) > PARTS.index(part):
                found.append(f"line {line}: {part} imports {other}")
        elif module.startswith("ansible_collections"):
            found.append(f"line {line}: {module} is not of this package")
    return found


def find_imported_names(tree: ast.AST) -> t.List[str]:
    """Return names imported from our own modules: a reader sees where a thing lives by its module's name."""
    return [
        f"line {line}: {module} is not a module"
        for module, _name, line in list_imports(tree)
        if module.startswith(f"{PACKAGE}.") and not module_file(module).is_file()
    ]


def find_impure(tree: ast.AST) -> t.List[str]:
    """Return what a pure part imports or calls that could touch the host."""
    found = [
        f"line {line}: imports {module}"
        for module, _name, line in list_imports(tree)
        if not module.startswith(PACKAGE) and module.split(".")[0] not in PURE_MODULES
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            found.append(f"line {node.lineno}: calls {node.func.id}")
    return found


def find_impure_neighbours(tree: ast.AST) -> t.List[str]:
    """Return what a pure part uses of files that are not pure, other than classes, which are values."""
    impure = {
        name
        for module, name, _line in list_imports(tree)
        if module.startswith(f"{PACKAGE}.") and find_impure(ast.parse(module_file(module).read_text()))
    }
    return [
        f"line {node.lineno}: uses {node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in impure
        and not node.attr[:1].isupper()
    ]


def find_changing_globals(tree: ast.Module) -> t.List[str]:
    """Return where a name of the module is bound or changed by a function: state that no signature shows."""
    names = {
        target.id
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    names.update(node.name for node in tree.body if isinstance(node, ast.ClassDef))
    names.update(name for _module, name, _line in list_imports(tree))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda))]
    found = {
        f"line {node.lineno}: {ast.unparse(node)}" for node in ast.walk(tree) if isinstance(node, ast.Global)
    }
    for node in (inner for function in functions for inner in ast.walk(function)):
        changed: t.Optional[ast.AST] = None
        if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            changed = node.value
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES
        ):
            changed = node.func.value
        while isinstance(changed, (ast.Subscript, ast.Attribute)):
            changed = changed.value
        if isinstance(changed, ast.Name) and changed.id in names:
            found.add(f"line {changed.lineno}: changes {changed.id}")
    return sorted(found)


def find_types(tree: ast.AST) -> t.List[str]:
    """Return the literals that are a type of filesystem."""
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in TYPES
    ]


def find_strangers(tree: ast.AST) -> t.List[str]:
    """Return imports that a host with nothing but Python could not satisfy."""
    return [
        f"line {line}: imports {module}"
        for module, _name, line in list_imports(tree)
        if not module.startswith((PACKAGE, "ansible.module_utils"))
        and module.split(".")[0] not in sys.stdlib_module_names | {"__future__"}
    ]


def find_commands(tree: ast.AST) -> t.List[str]:
    """Return uses of a command where a system call is promised."""
    found = []
    for module, _name, line in list_imports(tree):
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


PACKAGE_FILES = sorted((PLUGINS / "module_utils").rglob("*.py"))
HOST_FILES = sorted([*PACKAGE_FILES, *(PLUGINS / "modules").glob("*.py")])
each_package_file = pytest.mark.parametrize("path", PACKAGE_FILES, ids=name_of)
each_host_file = pytest.mark.parametrize("path", HOST_FILES, ids=name_of)


# --- The checkers find what they are for ---


@pytest.mark.parametrize(
    ("part", "text"),
    [
        pytest.param("decide", f"from {PACKAGE}.engine import run\n", id="a later part"),
        pytest.param("decide", f"def f():\n    from {PACKAGE} import engine\n", id="within a function"),
        pytest.param("decide", f"import {PACKAGE}.engine.run\n", id="a plain import"),
        pytest.param("decide", f"from {PACKAGE}.elsewhere import f\n", id="no such part"),
        pytest.param("decide", "from . import errors\n", id="a relative import"),
        pytest.param("decide", "from ansible_collections.other.one.plugins import f\n", id="a collection"),
    ],
)
def test_direction_planted_violation_is_found(part: str, text: str) -> None:
    assert find_wrong_direction(part, ast.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        f"from {PACKAGE}.errors import MountError\n",
        f"def f():\n    from {PACKAGE}.grammar.paths import parse_path\n",
        f"from {PACKAGE} import grammar\n",
    ],
    ids=["a class", "within a function", "a package"],
)
def test_imports_planted_name_is_found(text: str) -> None:
    assert find_imported_names(ast.parse(text))


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
    used = f"from {PACKAGE}.kernel import mountinfo\nmountinfo.KernelMount\n"
    assert find_impure_neighbours(ast.parse(used)) == []
    assert find_impure_neighbours(ast.parse(f"{used}mountinfo.read_mounts()\n"))


@pytest.mark.parametrize(
    "text",
    [
        "_last = None\ndef f():\n    global _last\n    _last = 1\n",
        "_last = [None]\ndef f():\n    _last[0] = 1\n",
        "_last: t.List[int] = []\ndef f():\n    _last[:] = 1,\n",
        "_known = {}\ndef f():\n    _known.update(a=1)\n",
        "_seen = set()\ndef f():\n    _seen.add(1)\n",
        "state = State()\ndef f():\n    state.depth += 1\n",
        "state = State()\ndef f():\n    state.known['a'].append(1)\n",
        "class Known:\n    paths = []\ndef f():\n    Known.paths.append(1)\n",
        f"from {PACKAGE} import model\ndef f():\n    model.last = 1\n",
    ],
    ids=[
        "global",
        "an item",
        "a slice",
        "a method",
        "a set",
        "an attribute",
        "deep inside",
        "of a class",
        "of another module",
    ],
)
def test_globals_planted_change_is_found(text: str) -> None:
    assert find_changing_globals(ast.parse(text))


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


@pytest.mark.parametrize(
    "text",
    [
        "if mount.fstype == 'btrfs':\n    pass\n",
        "_TYPES = ('nfs', 'ext4')\n",
        "is_served = fstype.startswith('fuse')\n",
        "SHOWN = {'fuse.glusterfs': 1}\n",
    ],
    ids=["a comparison", "a constant", "the beginning of a name", "a key"],
)
def test_types_planted_literal_is_found(text: str) -> None:
    assert find_types(ast.parse(text))


def test_types_word_in_a_sentence_is_accepted() -> None:
    assert find_types(ast.parse('"""As of btrfs."""\nhint = f"write {name} of nfs"\n')) == []


def test_strangers_planted_violation_is_found() -> None:
    assert find_strangers(ast.parse("import yaml\n"))


def test_size_planted_violation_is_found() -> None:
    body = "    pass\n" * FUNCTION_LIMIT
    assert len(find_large(ast.parse(f"def f():\n{body}"), "\n" * (FILE_LIMIT + 1))) == 2


def test_direction_earlier_part_is_accepted() -> None:
    text = f"from {PACKAGE} import errors, model\nfrom {PACKAGE}.decide import rules\n"
    assert find_wrong_direction("decide", ast.parse(text)) == []
    assert find_imported_names(ast.parse(text)) == []


# --- The package ---


@each_package_file
def test_package_file_imports_only_earlier_parts(path: Path) -> None:
    assert find_wrong_direction(part_of(path), ast.parse(path.read_text())) == []


@each_package_file
def test_package_file_imports_modules_not_names(path: Path) -> None:
    assert find_imported_names(ast.parse(path.read_text())) == []


def test_package_files_import_each_other_without_circles() -> None:
    uses = {
        path: {
            module_file(module)
            for node in ast.parse(path.read_text()).body
            if not isinstance(node, ast.If)  # under TYPE_CHECKING nothing is imported
            for module, _name, _line in list_imports(node)
            if module.startswith(f"{PACKAGE}.")
        }
        for path in PACKAGE_FILES
    }
    assert len(list(graphlib.TopologicalSorter(uses).static_order())) == len(PACKAGE_FILES)


@pytest.mark.parametrize("path", [f for f in PACKAGE_FILES if part_of(f) in PURE_PARTS], ids=name_of)
def test_pure_file_touches_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert find_impure(tree) + find_impure_neighbours(tree) == []


@each_package_file
def test_package_file_changes_no_global(path: Path) -> None:
    assert find_changing_globals(ast.parse(path.read_text())) == []


@pytest.mark.parametrize("path", [f for f in PACKAGE_FILES if part_of(f) != TYPES_PART], ids=name_of)
def test_package_file_names_no_type(path: Path) -> None:
    assert set(find_types(ast.parse(path.read_text()))) == set(ALLOWED_TYPES.get(name_of(path), ()))


@each_host_file
def test_host_file_imports_only_what_hosts_have(path: Path) -> None:
    assert find_strangers(ast.parse(path.read_text())) == []


@pytest.mark.parametrize("path", [f for f in HOST_FILES if name_of(f) != COMMAND_FILE], ids=name_of)
def test_host_file_runs_no_command(path: Path) -> None:
    assert find_commands(ast.parse(path.read_text())) == []


def test_command_file_runs_one_list_and_no_shell() -> None:
    tree = ast.parse((PLUGINS / COMMAND_FILE).read_text())
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


@each_package_file
def test_package_file_is_small(path: Path) -> None:
    text = path.read_text()
    assert find_large(ast.parse(text), text) == []


def test_parts_are_all_known() -> None:
    assert {part_of(path) for path in PACKAGE_FILES} == set(PARTS)
