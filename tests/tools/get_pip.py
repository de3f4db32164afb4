# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stands in for the bootstrap script of pip that ansible-test downloads: noxfile.py puts it into
ansible-test's cache, beside the wheel of the version in its name."""

from __future__ import annotations

import os
import sys

FOLDER, NAME = os.path.split(os.path.abspath(__file__))
# get_pip_24_2.py stands for pip 24.2.
VERSION = NAME[len("get_pip_") : -len(".py")].replace("_", ".")
UNKNOWN = ("--no-setuptools", "--no-wheel")

sys.path.insert(0, os.path.join(FOLDER, f"pip-{VERSION}-py3-none-any.whl"))
sys.argv[1:] = ["install", "--upgrade", *(word for word in sys.argv[1:] if word not in UNKNOWN)]

from pip._internal.cli.main import main  # noqa: E402

sys.exit(main())
