# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What README.md and docs/ show as commands is run, and what they show as outputs comes of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.world import LOG, World, executable
from test_documented_examples import PLAYBOOKS, ROOT

COMMANDS = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
DISCLOSURE = "docs/safety_evidence.md"
# An address that is not given out (RFC 2606).
REPOSITORY = "https://git.example.org/holdfast/mounts"
# What differs each time: moments, references of the log, processes. What is left out is "…".
VARIES = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z|\b[0-9a-f]{12}\b|\b[0-9]+ (?=\(sleep\))")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def shows(excerpt: str, printed: str) -> bool:
    """Return whether a text is what an excerpt shows, but for what varies and what is left out."""
    parts = [re.escape(part) for part in VARIES.sub("?", excerpt).split("…")]
    return re.fullmatch(".*".join(parts), VARIES.sub("?", printed), re.DOTALL) is not None


def find_commands() -> t.List[t.Any]:
    """Return the lines of README.md that a shell is given, each with what is shown of its output."""
    blocks = COMMANDS.findall(read("README.md"))
    return [
        pytest.param(line, shown.splitlines(), id=line.split()[0])
        for lines, shown in blocks
        for line in lines.splitlines()
    ]


@pytest.mark.parametrize(("line", "shown"), find_commands())
def test_documented_command_prints_what_is_shown(
    private_world: World, tmp_path: Path, line: str, shown: t.Sequence[str]
) -> None:
    if REPOSITORY in line:
        install_from_a_clone(tmp_path, line)
        return
    succeed(private_world, **tmpfs("/srv/releases", "shop"))
    refused = private_world.call(path="/srv/releases", src="other", fstype="tmpfs", holder="billing")
    assert refused["error"]["log_ref"], "there is an entry of the log to look at"
    environment = private_world.environment(tmp_path / "record.jsonl")
    ended = private_world.run("sh", "-euc", line, environment=environment)
    assert ended.rc == 0, ended
    printed = iter(ended.stdout.splitlines())
    assert [text for text in shown if text.strip() != "…" and text not in printed] == [], ended.stdout
    about = {"/srv/releases", refused["error"]["log_ref"]}
    assert shown or about & set(re.findall(r'"([^"]+)"', ended.stdout))


def install_from_a_clone(folder: Path, line: str) -> None:
    """Run a command that installs the collection, with a repository on this machine."""
    source = folder / "source"
    shutil.copytree(ROOT, source)
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "place"),
        "ANSIBLE_GALAXY_SERVER": "http://127.0.0.1:9",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{os.path.dirname(executable('ansible'))}:/usr/bin:/bin",
    }
    for command in ("git init --quiet", "git add .", "git commit --quiet --message copy"):
        subprocess.run(command.split(), cwd=source, env=environment, check=True)
    argv = line.replace(REPOSITORY, f"file://{source}").split()
    subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True)
    assert (folder / "place/ansible_collections/holdfast/mounts/plugins/modules/safe_mount.py").is_file()


def test_documented_policy_is_what_the_role_writes(private_world: World) -> None:
    page = "docs/guides/host_policy.md"
    play = next(example for example in PLAYBOOKS if example.place.startswith(page))
    shown = read(page).partition("What comes of it is")[2].partition("```json\n")[2].partition("```")[0]
    assert private_world.playbook([{**play.items[0], "hosts": "localhost"}]).finished.rc == 0
    written = private_world.file("/etc/ansible/holdfast_mounts_policy.json").read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(shown)


def test_documented_entry_of_fstab_is_what_is_written(private_world: World) -> None:
    private_world.write("/etc/fstab", "# mine\n")
    succeed(private_world, **tmpfs("/srv/scratch", src="scratch", opts=["size=512m"], boot=True))
    (entry,) = private_world.file("/etc/fstab").read_text(encoding="utf-8").splitlines()[1:]
    assert f"\n    {entry}\n" in read("docs/reconcile.md")


def test_documented_messages_and_entry_of_the_log_are_what_is_told(private_world: World) -> None:
    messages, entry = re.findall(r"^```text\n(.*?)^```$", read(DISCLOSURE), re.MULTILINE | re.DOTALL)[:2]
    succeed(private_world, **tmpfs("/srv/a", "web"))
    user = private_world.occupy("/srv/a")
    for level, shown in zip(("minimal", "full"), messages.splitlines()):
        refused = private_world.call(**leave("/srv/a", "web", disclose=level))
        assert shows(f"{shown}…", refused["msg"]), refused
        line = private_world.file(LOG).read_text(encoding="utf-8").splitlines()[-1]
        assert shows(entry.replace("\n ", " ").strip(), line), line
    private_world.end(user)
