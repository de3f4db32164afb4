# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Patterns of a policy: a star means what it stands for in that place, and nothing beyond."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.permissions import (
    matches_holder,
    matches_source,
)


@pytest.mark.parametrize(
    ("pattern", "src"),
    [
        ("nas1:/export/*", "nas2:/export/a"),
        ("nas1:/export/*", "nas1:/export"),
        ("nas1:/export/*", "nas1:/export/a/b"),
        ("nas1:/*", "nas1:/"),
        ("*:/export", "nas1:/other:/export"),
        ("nas1:/export/*", "NAS1:/export/a"),
        ("*.example.org:/export/*", "evil.net:/x.example.org:/export/a"),
        ("*.example.org:/export/*", ".example.org:/export/a"),
        ("mon*:/apps", "mon1,evil.net:6789:/apps"),
        ("apps@*.cephfs=/apps", "apps@x.cephfs=/other.cephfs=/apps"),
        ("[fd00::1]:/export/*", "f:/export/a"),
        ("[fd00::1]:/export/*", ":/export/a"),
        ("/dev/sd[bc]", "/dev/sdb"),
        ("/dev/sd?", "/dev/sdb"),
        ("/dev/*", "/dev/disk/by-label/data-1"),
        ("/dev/*", "/dev/mapper/vg-root"),
        ("LABEL=data-*", "LABEL=other"),
        ("LABEL=data-*", "/dev/disk/by-label/data-1"),
        ("LABEL=data-*", "PARTLABEL=data-1"),
        ("LABEL=*", "LABEL="),
        ("/dev/sdb", "/dev/sdb1"),
        ("/dev/sdb", "UUID=3e6be9de-8139-11d1-9106-a43f08d823a6"),
        ("//files/*", "//files/team/other"),
        ("//files/team", "//files/team2"),
        ("/dev.sdb", "/devXsdb"),
        ("", "nas1:/export"),
    ],
)
def test_pattern_does_not_mean_another_source(pattern: str, src: str) -> None:
    assert not matches_source(src, [pattern])


@pytest.mark.parametrize(
    ("pattern", "src"),
    [
        ("nas1:/export/*", "nas1:/export/a"),
        ("nas1:/export/**", "nas1:/export/a/b"),
        ("nas1:/export/app-*/data", "nas1:/export/app-7/data"),
        ("*.example.org:/export/*", "nas1.site.example.org:/export/a"),
        ("[fd00::1]:/export/*", "[fd00::1]:/export/a"),
        ("LABEL=data-*", "LABEL=data-1"),
        ("/dev/vdb*", "/dev/vdb"),
        ("/dev/vdb*", "/dev/vdb1"),
        ("//files/*", "//files/team"),
        ("share-*", "share-a"),
        ("*", "nas1:/export/a/b"),
        ("*", "LABEL=data-1"),
        ("/dev/**", "/dev/disk/by-label/x"),
    ],
)
def test_pattern_means_a_source(pattern: str, src: str) -> None:
    assert matches_source(src, ["other", pattern])


@pytest.mark.parametrize(
    ("pattern", "holder"),
    [("web-*", "web"), ("web-*", "WEB-1"), ("web", "web-1"), ("*-web", "web"), ("web-*", "db-web-1")],
)
def test_pattern_does_not_mean_another_holder(pattern: str, holder: str) -> None:
    assert not matches_holder(holder, [pattern])


@pytest.mark.parametrize(
    ("pattern", "holder"),
    [("web-*", "web-1"), ("web-*", "web-1:a@b+c"), ("*", "ansible"), ("job:*", "job:7"), ("web", "web")],
)
def test_pattern_means_a_holder(pattern: str, holder: str) -> None:
    assert matches_holder(holder, ["other", pattern])
