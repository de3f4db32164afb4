# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that work until they are killed, and what they have said until then."""

from __future__ import annotations

import fcntl
import os
import random
import traceback
import typing as t

from consumers import Naive, Ours, work

F_SETPIPE_SZ = 1031  # Linux; a name in fcntl since Python 3.10
PIPE = 1 << 20

Consumer = t.Union[Ours, Naive]
Run = t.Callable[[random.Random, int], None]


def start(run: Run, seed: str) -> t.Tuple[int, int]:
    """Return the number of a process that works until it is killed, and the end of its pipe."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            random.seed(seed)
            run(random.Random(seed), writer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(writer)
    return pid, reader


def start_consumer(consumer: Consumer, holder: str, seed: str) -> t.Tuple[int, int]:
    """Return the number of the process of a consumer, and the end of its pipe."""
    return start(lambda dice, log: work(consumer, holder, dice, log), seed)


def bury(pid: int, reader: int) -> t.Tuple[str, bool]:
    """Return what a killed consumer has said, and whether it was alive until then."""
    status = os.waitpid(pid, 0)[1]
    with os.fdopen(reader, "rb") as stream:
        return stream.read().decode(), os.WIFSIGNALED(status)
