# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mount as a careless module does, with a secret, and leave it wherever one is left.

Stands in for a mount module of old: it logs its invocation, writes a file of credentials, runs mount(8),
which is on the PATH, keeps what it has done, and tells it. Its arguments are on the standard input stream.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import syslog
import typing as t

LEDGER, LOG, NOTE = "/etc/ansible/naive.json", "/var/log/naive.log", "/run/naive/note"
CREDENTIALS = "/srv/.credentials"


def main(arguments: t.Dict[str, t.Any]) -> None:
    """Do it all."""
    syslog.openlog("naive", 0, syslog.LOG_USER)
    syslog.syslog(f"Invoked with {arguments}")
    opts = ",".join(arguments["opts"])
    for path in (LEDGER, LOG, NOTE, CREDENTIALS, os.path.join(os.environ["TMPDIR"], "credentials")):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(arguments, file)
    argv = ["mount", "-t", "cifs", "-o", opts, arguments["src"], arguments["path"]]
    done = subprocess.run(argv, check=False, env={**os.environ, "PASSWD": opts})
    sys.stdout.write(json.dumps({"rc": done.returncode, "invocation": arguments}) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
