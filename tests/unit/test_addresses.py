# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages and modules name pages by their address, and each is a page that nox -s docs builds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import words
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(rf"{re.escape(errors.SITE)}/([\w/]+)\.html")
SOURCES = sorted((ROOT / "plugins").rglob("*.py"))
PAGES = {
    page
    for text in [hints.GUIDE, words.GUIDE, *(source.read_text(encoding="utf-8") for source in SOURCES)]
    for page in ADDRESS.findall(text)
}


def test_address_is_that_of_the_collection() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["documentation"] == errors.SITE


@pytest.mark.parametrize("page", sorted(PAGES))
def test_address_is_one_of_a_page(page: str) -> None:
    assert (ROOT / f"{page}.md").is_file()


def test_no_path_of_the_repository_is_named_instead() -> None:
    """A link of errors.MEANINGS is for pages, which have it as seen from there."""
    named = {
        source.name: found
        for source in SOURCES
        for found in [re.findall(r"(?<!\]\()(?<!/)\bdocs/[\w/]*", ADDRESS.sub("", source.read_text("utf-8")))]
        if found
    }
    assert named == {}
