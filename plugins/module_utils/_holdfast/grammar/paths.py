# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which paths are well-formed, and below which directories they may lie.

A path here is words only: nothing on the host is looked at. Private to holdfast.mounts.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings

COMPONENT_BYTES = 255  # NAME_MAX, limits.h
# Far more than anybody nests: each component of a mount point may be a directory that the ledger remembers.
PATH_COMPONENTS = 64
PATH_BYTES = 4095  # PATH_MAX without the terminating zero, limits.h

# What a host boots and runs from.
_SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr")
# Neither these nor anything below them, whatever the configuration.
NEVER_LIST = tuple(
    sorted(
        (
            *_SYSTEM,
            "/dev",
            "/proc",
            "/run/dbus",
            "/run/holdfast",
            "/run/systemd",
            "/run/user",
            "/sys",
            "/var/lib/containers",
            "/var/lib/docker",
            "/var/lib/kubelet",
        )
    )
)
# Where firmware is mounted from, beside /boot (systemd-gpt-auto-generator(8)).
_CARRIERS = tuple(f"{path}/" for path in (*_SYSTEM, "/efi"))
_NEVER_BELOW = tuple(f"{never}/" for never in NEVER_LIST)
# ASCII alone, so a character is a byte.
_PLAIN = re.compile(rf"(?:/(?!\.{{1,2}}(?:/|\Z))[ -.0-~]{{1,{COMPONENT_BYTES}}}){{1,{PATH_COMPONENTS}}}")
# Never roots themselves, though directories below them may be.
NEVER_ROOTS = ("/", "/home", "/opt", "/root", "/run", "/tmp", "/var")


def check_path(value: t.Any, option: str, *, code: errors.Code = "invalid_argument") -> str:
    """Return the path when it is absolute and spelled in the one way that names it.

    Raises invalid_argument for its characters, the given code for its form.
    """
    path = strings.check_text(value, option, secret=code)
    fault = path_fault(path, quotes=strings.is_quoted(option))
    if fault:
        raise strings.refusal(code, f"{strings.about(option, path)} {fault}")
    return path


def is_path(text: str) -> bool:
    """Return whether check_path takes the text."""
    return strings.is_text(text) and not path_fault(text)


def path_fault(path: str, *, quotes: bool = True) -> str:
    """Return what is wrong with the form of an absolute path and what to write, or nothing.

    quotes: whether it may name the path to write instead.
    """
    if _PLAIN.fullmatch(path) and len(path) <= PATH_BYTES:
        return ""  # nearly always, and without a look at each component
    if not path:
        return "is empty; write an absolute path"
    if path in ("none", "swap"):
        return "is how fstab says that something is mounted nowhere; keep it in fstab"
    if not path.startswith("/"):
        return "is not absolute; write the full path from /, as neither ~ nor $VAR is expanded"
    if path == "/":
        return "is the root directory; write a path below it, or keep it in fstab"
    if len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES:
        return f"is longer than {PATH_BYTES} bytes; write a shorter path"
    return _component_fault(path, quotes=quotes)


def _component_fault(path: str, *, quotes: bool) -> str:
    components = path.split("/")[1:]
    if ".." in components:
        return 'has a ".." component; write the path that it stands for'
    if "" in components or "." in components:
        plain = "/" + posixpath.normpath(path).lstrip("/")
        instead = f"write {strings.quote(plain)}" if quotes else "write it without"
        instead = instead if plain != "/" else "write a path below the root directory"
        return f'has an empty or "." component or a trailing slash; {instead}'
    for component in components:
        if len(component.encode("utf-8", "surrogatepass")) > COMPONENT_BYTES:
            return f"has a component of more than {COMPONENT_BYTES} bytes; write a shorter name"
    if len(components) > PATH_COMPONENTS:
        return f"has more than {PATH_COMPONENTS} components; write a path with fewer directories"
    return ""


def is_below(path: str, root: str) -> bool:
    """Return whether the path lies strictly below the root, compared component by component.

    Both are taken to be well-formed; no symbolic link is followed.
    """
    return path != root and path.startswith(root.rstrip("/") + "/")


def is_system(path: str) -> bool:
    """Whether what is mounted here, or lies here, belongs to what the host boots and runs from."""
    return path == "/" or f"{path}/".startswith(_CARRIERS)


def refuse_never(path: str, option: str, *, code: errors.Code = "path_not_allowed") -> None:
    """Refuse what is on the never-list or below it, whatever the configuration."""
    if f"{path}/".startswith(_NEVER_BELOW):
        never = next(never for never in NEVER_LIST if path == never or is_below(path, never))
        raise strings.refusal(
            code,
            f"{strings.about(option, path)} belongs to the system: nothing at or below "
            f"{strings.quote(never)} may be mounted, whatever the configuration; choose another directory, "
            "or keep it in fstab",
        )


def is_within(path: str, roots: t.Iterable[str]) -> bool:
    """Return whether the path is one of the roots or lies below one."""
    return any(path == root or is_below(path, root) for root in roots)


def refuse_outside(
    path: str,
    roots: t.Sequence[str],
    option: str,
    *,
    code: errors.Code = "path_not_allowed",
    roots_option: str = "allowed_roots",
) -> None:
    """Refuse what is not one of the roots and lies below none of them; the refusal names the root to add."""
    if is_within(path, roots):
        return
    if path in NEVER_ROOTS:
        raise strings.refusal(
            code,
            f"{strings.about(option, path)} belongs to the host itself and can never be in {roots_option}; "
            "choose a directory below it, or keep it in fstab",
        )
    root = strings.quote(path) if strings.is_quoted(option) else "this very path"
    raise strings.refusal(
        code,
        f"{strings.about(option, path)} is neither in {roots_option} ({strings.quote_all(roots)}) nor below "
        f"one of them; add {root} to {roots_option}, or choose another path",
    )


def check_roots(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    """Return the roots, in the order given. Raises invalid_argument."""
    if not values:
        raise strings.refusal("invalid_argument", f"{option}: the list is empty; name at least one directory")
    roots: t.List[str] = []
    for index, value in enumerate(values):
        root = _check_root(value, f"{option}[{index}]")
        if root in roots:
            raise strings.refusal(
                "invalid_argument", f"{option}[{index}]: {strings.quote(root)} is listed twice; list it once"
            )
        roots.append(root)
    return tuple(roots)


def _check_root(value: t.Any, option: str) -> str:
    if value in NEVER_ROOTS:
        raise strings.refusal(
            "invalid_argument",
            f"{option}: {strings.quote(value)} is too broad for a root; name a directory below it",
        )
    root = check_path(value, option)
    refuse_never(root, option, code="invalid_argument")
    return root
