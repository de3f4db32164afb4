# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What checks this collection, as sessions of nox: C(nox --list), docs/testing.md.

antsibull-nox makes those that antsibull-nox.toml configures. Those below are what it has not: ansible-test
runs on the machine itself, and tests mount filesystems. Neither containers nor a server of collections are
needed, only an index of Python packages.
"""

# /// script
# dependencies = ["nox>=2026.8.10", "antsibull-nox>=1.10"]
# ///

from __future__ import annotations

import os
import shutil
import sys
import typing as t
import zipfile
from pathlib import Path

import nox

try:
    import antsibull_nox
except ImportError:
    sys.exit("Install antsibull-nox beside nox, or have make do that: make quick")

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
TREE = BUILD / "ansible_collections" / "holdfast" / "mounts"
TOOLS = ROOT / "tests" / "tools"
REQUIREMENTS = ROOT / "tests" / "requirements"
ENVIRONMENTS = ROOT / ".venv"
DEV, PEERS = ENVIRONMENTS / "dev", ENVIRONMENTS / "peers"
POSIX = "ansible_collections/ansible/posix/"
JOBS = os.environ.get("JOBS", "2")
# Each with the versions of Python that it runs on.
CORES = {
    "2.18": ">=3.11,<3.14",
    "2.19": ">=3.11,<3.14",
    "2.20": ">=3.12,<3.15",
    "2.21": ">=3.12,<3.15",
}
MAIN_CORE = "2.19"
SLOWEST = ("--durations=25", "--durations-min=5")
# Those that take long first, so that they run beside each other.
CHECKS = (
    *("integration", "promises", "vm", "sanity-2.19", "unit-2.19", "molecule", "unit-2.18", "types", "lint"),
    *(
        "ansible-lint",
        "docs-check",
        "extra-checks",
        "docs",
        "build-import-check",
        "release-check",
        "lint-shell",
    ),
    *("unit-2.20", "unit-2.21"),
)

nox.needs_version = ">=2026.8.10"
nox.options.allow_parallel = True
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.envdir = str(ENVIRONMENTS)
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.sessions = ["quick"]

os.environ.update(
    ANSIBLE_COLLECTIONS_PATH=str(BUILD),
    ANSIBLE_HOME=str(BUILD / "home" / ".ansible"),
    PYTHONDONTWRITEBYTECODE="1",
)
for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
    os.environ.pop(name, None)
# mkfs and losetup live in sbin. pyenv's shims stand for versions that may not be there, its folders do not.
pyenv = Path(os.environ.get("PYENV_ROOT", "/nowhere")).glob("versions/*/bin")
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin", *map(str, pyenv)])

antsibull_nox.load_antsibull_nox_toml()


def provide(session: nox.Session, requirements: str, *packages: str) -> None:
    """Install what a file of requirements names, and packages; pip is asked again when these have changed."""
    text = "\n".join([(REQUIREMENTS / requirements).read_text(encoding="utf-8"), *packages])
    stamp = Path(str(session.virtualenv.location), "installed.txt")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != text:
        session.install("--requirement", str(REQUIREMENTS / requirements), *packages)
        stamp.write_text(text, encoding="utf-8")


def run_tool(session: nox.Session, *argv: t.Union[str, Path], **environment: str) -> None:
    """Run what the shared environment has, or a script, from the copy of the collection."""
    path = os.pathsep.join([str(DEV / "bin"), os.environ["PATH"]])
    fixed = {"PATH": path, "ANSIBLE_PYTHON_INTERPRETER": str(DEV / "bin" / "python")}
    with session.chdir(TREE):
        session.run(*map(str, argv), external=True, env={**fixed, **environment})


def run_pytest(session: nox.Session, *argv: str, default: t.Sequence[str]) -> None:
    """Run pytest of the shared environment on what the command line names, else on a folder's files."""
    run_tool(session, DEV / "bin" / "python", "-m", "pytest", *argv, *(session.posargs or default))


# --- What the others stand on ---


@nox.session(python=False)
def packages(session: nox.Session) -> None:
    """As root, install the Debian packages that are missing for: demo, test (default), vm, arm64."""
    for purpose in session.posargs or ["test"]:
        session.run(str(TOOLS / "install_packages.sh"), purpose, external=True)


@nox.session(python=False)
def tree(session: nox.Session) -> None:
    """Copy what git would ship to build/ansible_collections, where it is tested."""
    session.run(str(TOOLS / "make_tree.sh"), external=True)


@nox.session
def dev(session: nox.Session) -> None:
    """Make the environment .venv/dev, which the tests on the kernel share."""
    provide(session, "dev.txt")


@nox.session(python=False)
def peers(session: nox.Session) -> None:
    """Fetch ansible.posix, which some tests and the benchmark compare with."""
    # The package that has it holds a hundred collections more, 477 MB, so only this one is unpacked.
    if (PEERS / ".ready").exists():
        return
    shutil.rmtree(PEERS, ignore_errors=True)
    scratch = Path(session.create_tmp())
    words = ("--quiet", "--no-deps", "--only-binary=:all:", f"--dest={scratch}")
    requirements = f"--requirement={REQUIREMENTS / 'peers.txt'}"
    session.run(sys.executable, "-m", "pip", "download", *words, requirements, external=True)
    for wheel in scratch.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith(POSIX)]
            archive.extractall(PEERS, names)
        wheel.unlink()
    (PEERS / ".ready").touch()


# --- Checks that need no root ---


@nox.session(requires=["tree"])
def quick(session: nox.Session) -> None:
    """Run ruff, mypy on plugins, and the unit tests with few generated examples: a first answer."""
    provide(session, "unit.txt", "ansible-core==2.19.*", "mypy", "ruff", "types-PyYAML")
    with session.chdir(TREE):
        session.run("ruff", "check", ".")
        session.run("ruff", "format", "--check", ".")
    check_types(session, "mypy", "plugins")
    with session.chdir(TREE):
        words = session.posargs or ["tests/unit"]
        session.run(
            "python",
            "-m",
            "pytest",
            "--quiet",
            "--numprocesses=auto",
            *words,
            env={"HYPOTHESIS_PROFILE": "quick"},
        )


def check_types(session: nox.Session, mypy: str, *folders: str) -> None:
    """Run mypy --strict."""
    names = [f"ansible_collections/holdfast/mounts/{folder}" for folder in folders]
    config, cache = str(TREE / "pyproject.toml"), str(ROOT / ".cache" / "mypy")
    with session.chdir(BUILD):
        session.run(mypy, "--config-file", config, "--cache-dir", cache, *names, external=True)


@nox.session(python=False, requires=["dev", "tree"])
def types(session: nox.Session) -> None:
    """Run mypy --strict on plugins and tests."""
    check_types(session, str(DEV / "bin" / "mypy"), "plugins", "tests")


def add_core(core: str, pythons: str) -> None:
    """Add the sessions of one version of ansible-core."""

    def unit(session: nox.Session) -> None:
        provide(session, "unit.txt", f"ansible-core=={core}.*")
        # What is generated does not depend on ansible-core: one version gets all examples.
        profile = os.environ.get("HYPOTHESIS_PROFILE", "unhurried" if core == MAIN_CORE else "quick")
        with session.chdir(TREE):
            words = session.posargs or ["tests/unit"]
            session.run("python", "-m", "pytest", *words, env={"HYPOTHESIS_PROFILE": profile})

    def sanity(session: nox.Session) -> None:
        if (TREE / "tests" / "sanity").exists():
            session.error("tests/sanity holds ignore entries: mend the code")
        provide(session, "unit.txt", f"ansible-core=={core}.*")
        version = str(
            session.run("python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])", silent=True)
        )
        home = provide_home(session)
        words = (
            "ansible-test",
            "sanity",
            "--local",
            "--color",
            "no",
            "--python",
            version.strip(),
            *session.posargs,
        )
        with session.chdir(TREE):
            # What pip says while ansible-test installs its tools is only shown when something fails.
            session.run(*words, env={"HOME": str(home)}, silent=True)

    unit.__doc__ = f"Run the unit tests under ansible-core {core}."
    sanity.__doc__ = f"Run ansible-test sanity of ansible-core {core} on this machine."
    for name, function in (("unit", unit), ("sanity", sanity)):
        nox.session(name=f"{name}-{core}", python=pythons, requires=["tree"])(function)


def provide_home(session: nox.Session) -> Path:
    """Return a home for ansible-test, with the bootstrap script of pip that it would download on first use.

    The stand-in installs the same version of pip from a wheel that pip itself has fetched.
    """
    home = BUILD / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    # ansible-test passes no PIP_ variable on; a user's pip.conf is found by HOME.
    for place in (".pip", ".config/pip"):
        if Path.home().joinpath(place).is_dir() and not (home / place).exists():
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            (home / place).symlink_to(Path.home() / place)
    ask = "import types; from ansible_test._internal import python_requirements as r; "
    ask += "print(r.get_venv_packages(types.SimpleNamespace(version='3'))['pip'])"
    version = str(session.run("python", "-c", ask, silent=True)).strip()
    script = cache / f"get_pip_{version.replace('.', '_')}.py"
    if not script.exists():
        words = ("--quiet", "--no-deps", "--dest", str(cache), f"pip=={version}")
        session.run("python", "-m", "pip", "download", *words)
        shutil.copy(TOOLS / "get_pip.py", script)
    return home


for _core, _pythons in CORES.items():
    add_core(_core, _pythons)


@nox.session(python=False, name="lint-shell")
def lint_shell(session: nox.Session) -> None:
    """Run shellcheck, where it is installed."""
    if shutil.which("shellcheck") is None:
        session.skip("needs the package shellcheck")
    scripts = [
        str(path) for folder in ("fleet", "tools", "vm") for path in ROOT.glob(f"tests/{folder}/**/*.sh")
    ]
    session.run("shellcheck", str(ROOT / ".ci" / "run"), *sorted(scripts), external=True)


@nox.session(requires=["tree"])
def docs(session: nox.Session) -> None:
    """Build the documentation as a site, in build/docs/html. Any warning is an error."""
    provide(session, "docs.txt")
    site, source = BUILD / "docs", BUILD / "docs" / "source"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(TREE / "docs", source / "docs", ignore=shutil.ignore_patterns("site"))
    for page in [
        path for name in ("LICENSE", "*.md", "roles/*/README.md", "docs/site/*") for path in TREE.glob(name)
    ]:
        place = source / page.relative_to(TREE if page.parent.name != "site" else page.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, place)
    (source / "collections").mkdir()
    # antsibull-docs refuses to write where others may.
    source.chmod(0o755)
    session.env["LC_ALL"] = "C.UTF-8"
    words = ("antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error")
    with session.chdir(TREE):
        session.run(*words, "--dest-dir", str(source / "collections"), "holdfast.mounts", silent=True)
    build = ("sphinx-build", "--builder", "html", "--fail-on-warning", "--keep-going", "--quiet")
    session.run(*build, str(source), str(site / "html"))
    session.log(f"{len(list(site.glob('html/**/*.html')))} pages in {site / 'html'}")


@nox.session(python=False, name="docs-tables", requires=["dev", "tree"])
def docs_tables(session: nox.Session) -> None:
    """Write the tables of error codes into the pages, from errors.py."""
    program = TREE / "tests" / "tools" / "code_tables.py"
    run_tool(session, DEV / "bin" / "python", program, ROOT, PYTHONPATH=str(BUILD))


@nox.session(name="release-check", requires=["tree"])
def release_check(session: nox.Session) -> None:
    """Do a release in a copy: changelog, build, install into an empty place, run from there."""
    provide(session, "release.txt")
    venv, work = str(session.virtualenv.location), str(BUILD / "release")
    session.run(str(TOOLS / "release_check.sh"), venv, str(TREE), work, external=True)


# --- Tests on the kernel, as root ---


@nox.session(requires=["tree"])
def demo(session: nox.Session) -> None:
    """Show three holders who share an ext4 image, an overlay and a bind mount."""
    provide(session, "demo.txt")
    session.run(str(TOOLS / "demo.sh"), str(session.virtualenv.location), external=True)


@nox.session(python=False, requires=["dev", "peers", "tree"])
def integration(session: nox.Session) -> None:
    """Run calls and playbooks against the kernel, in private mount namespaces."""
    run_pytest(session, f"--numprocesses={JOBS}", "--dist=loadfile", *SLOWEST, default=["tests/integration"])


@nox.session(python=False, requires=["dev", "tree"])
def promises(session: nox.Session) -> None:
    """Run attackers, kills and faults, each beside a naive way that breaks."""
    run_pytest(session, f"--numprocesses={JOBS}", *SLOWEST, default=["tests/promises"])


@nox.session(python=False, requires=["dev", "tree"])
def molecule(session: nox.Session) -> None:
    """Run the roles on this machine, and on three hosts over SSH."""
    # antsibull-nox has no mount namespace around each scenario, and no hosts around one of them.
    run_tool(session, TOOLS / "molecule.sh", DEV, TREE, *(session.posargs or ["default", "fleet", "report"]))


def told(*names: str) -> t.List[str]:
    """Return the options of these names whose values the environment has: MINUTES=5 is --minutes 5."""
    given = [(name, os.environ.get(name.upper(), "")) for name in names]
    return [word for name, value in given if value for word in (f"--{name}", value)]


@nox.session(python=False, requires=["dev", "tree"])
def torture(session: nox.Session) -> None:
    """Kill calls at random, for MINUTES (30); SEED repeats what is asked for."""
    run_tool(session, DEV / "bin" / "python", "tests/promises/programs/torture.py", *told("minutes", "seed"))


@nox.session(python=False, requires=["dev", "tree"])
def powercut(session: nox.Session) -> None:
    """Cut the power at every write of random courses, on ext4, xfs and btrfs, for MINUTES (30)."""
    path = os.pathsep.join([str(TREE / "tests" / "integration"), str(BUILD)])
    words = (os.environ.get("MINUTES", "30"), os.environ.get("SEED", "0"))
    run_tool(
        session, DEV / "bin" / "python", "tests/promises/programs/power_cuts.py", *words, PYTHONPATH=path
    )


@nox.session(requires=["tree"])
def fuzz(session: nox.Session) -> None:
    """Feed grammar, table, ledger and log by coverage, for MINUTES (30)."""
    provide(session, "fuzz.txt")
    with session.chdir(TREE):
        program = "tests/promises/programs/long_fuzz.py"
        session.run("python", program, "--corpus", str(BUILD / "fuzz"), *told("minutes"))


@nox.session(requires=["peers", "tree"])
def bench(session: nox.Session) -> None:
    """Measure how fast, beside its peers, in ROUNDS (7); further words after --."""
    provide(session, "bench.txt")
    with session.chdir(TREE):
        words = ("--output", str(BUILD / "bench"), "--peers", str(PEERS), *told("rounds"), *session.posargs)
        session.run("python", "tests/benchmarks/bench.py", *words)


# --- Virtual machines: emulated, as no KVM is asked for. The image is kept outside of the checkout. ---


def run_in_machine(session: nox.Session, name: str, *argv: t.Union[str, Path], **environment: str) -> None:
    """Run a command while a virtual machine runs."""
    vm = (DEV / "bin" / "python", "tests/vm/vm.py", "run", BUILD / name, "--")
    run_tool(session, *vm, *argv, **environment)


@nox.session(python=False, requires=["dev", "tree"])
def vm(session: nox.Session) -> None:
    """Run the tests of other hosts: NFS, SMB, GlusterFS, an older kernel, reboots."""
    run_in_machine(session, "vm", TOOLS / "test_vm.sh", DEV, TREE)


@nox.session(python=False, requires=["dev", "tree"])
def selinux(session: nox.Session) -> None:
    """Run the tests of a machine that enforces Debian's SELinux policy."""
    words = ("-m", "pytest", "--durations=5", "tests/vm/test_selinux.py", *session.posargs)
    run_in_machine(session, "vm-selinux", DEV / "bin" / "python", *words, VM_VARIANT="selinux")


@nox.session(python=False, name="kernel-6.12", requires=["dev", "tree"])
def kernel_612(session: nox.Session) -> None:
    """Run the tests of a machine with Linux 6.12, which has every type of filesystem."""
    words = (TOOLS / "test_kernel.sh", DEV, TREE)
    run_in_machine(session, "vm-kernel-6.12", *words, VM_VARIANT="kernel-6.12")


@nox.session(python=False, requires=["dev", "tree"])
def arm64(session: nox.Session) -> None:
    """Run the tests of a machine with a processor of ARM's, 64 bits."""
    run_in_machine(session, "vm-arm64", TOOLS / "test_arm64.sh", DEV, TREE, VM_VARIANT="arm64")


@nox.session(python=False, requires=["dev", "tree"])
def timer(session: nox.Session) -> None:
    """Run sixteen jobs beside the timer of systemd, each second, in the machine of vm, for MINUTES (30)."""
    words = (DEV / "bin" / "python", "-m", "pytest", "tests/vm/test_unattended.py", "-k", "sixteen")
    seconds = str(60 * int(os.environ.get("MINUTES", "30")))
    run_in_machine(session, "vm", *words, TIMER_SECONDS=seconds, ANSIBLE_PIPELINING="true")
    session.log((BUILD / "vm" / "timer.json").read_text(encoding="utf-8"))


@nox.session(python=False, name="old-kernel", requires=["dev", "tree"])
def old_kernel(session: nox.Session) -> None:
    """Run the integration tests on Linux 6.1, which runs as a process; needs vm's image."""
    files = session.posargs or sorted(
        f"tests/integration/{file.name}" for file in TREE.glob("tests/integration/test_*.py")
    )
    run_tool(session, TOOLS / "old_kernel.sh", DEV, TREE, BUILD / "old-kernel", JOBS, *files)


# --- All of it ---


@nox.session(python=False, requires=[name for name in CHECKS if name != "vm"])
def test(session: nox.Session) -> None:
    """All that needs no virtual machine; with --parallel 2, two at a time."""
    session.log("all passed")


@nox.session(python=False, name="test-all", requires=list(CHECKS))
def test_all(session: nox.Session) -> None:
    """All of it: what CI runs."""
    session.log("all passed")


if __name__ == "__main__":
    nox.main()
