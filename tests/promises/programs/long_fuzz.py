# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the properties of test_fuzz.py for long, led by the coverage that their inputs reach (atheris).

Each property has a process of its own and an equal share of the time. What fails is kept beside the corpus of
inputs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import typing as t
from pathlib import Path

PROMISES = Path(__file__).resolve().parent.parent
INSTRUMENTED = "ansible_collections.holdfast.mounts.plugins.module_utils"
PROPERTIES = (
    "test_call_of_any_content_is_sound_or_refused",
    "test_ledger_of_any_text_is_read_or_corrupt",
    "test_note_of_any_text_is_read_or_corrupt",
    "test_row_of_any_names_is_read_byte_for_byte",
    "test_table_of_any_rows_is_read",
)


def prepare_imports() -> None:
    """Have the collection and the tests found."""
    sys.path[:0] = [str(PROMISES), str(PROMISES / "support"), str(PROMISES.parent / "integration")]
    from harness.place import find_collections_path

    sys.path.insert(0, find_collections_path())


def run_property(name: str, seconds: int, corpus: Path) -> None:
    """Feed one property until its time is over. Does not return."""
    # It has no types that mypy could follow, and is installed for this program alone.
    atheris: t.Any = importlib.import_module("atheris")
    prepare_imports()
    with atheris.instrument_imports(include=[INSTRUMENTED]):
        test_fuzz = importlib.import_module("test_fuzz")
    feed: t.Callable[[bytes], t.Optional[bytes]] = getattr(test_fuzz, name).hypothesis.fuzz_one_input

    def run(data: bytes) -> None:
        feed(data)

    corpus.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-max_len=8192", "-len_control=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus}-", str(corpus)], run)
    atheris.Fuzz()


def main() -> int:
    """Run all properties and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--property", choices=PROPERTIES)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    if options.property:
        run_property(options.property, options.seconds, options.corpus / options.property)
    seconds = max(1, int(options.minutes * 60 / len(PROPERTIES)))
    failed = []
    for name in PROPERTIES:
        sys.stdout.write(f"--- {name}: {seconds} s\n")
        sys.stdout.flush()
        argv = [sys.executable, __file__, "--property", name, "--seconds", str(seconds)]
        done = subprocess.run([*argv, "--corpus", str(options.corpus)], check=False, env=dict(os.environ))
        failed += [name] if done.returncode else []
    sys.stdout.write(f"{len(failed)} of {len(PROPERTIES)} properties failed: {', '.join(failed) or 'none'}\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
