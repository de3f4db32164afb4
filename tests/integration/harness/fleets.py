# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fleets as safe_mount_facts would answer for them: three hosts, three hundred, and one that lies."""

from __future__ import annotations

import typing as t

NOW = "2026-03-01T12:00:00Z"
EXPORT = "nfs1.example.org:/export/releases"
Data = t.Dict[str, t.Any]
Drift = t.Tuple[str, str, str]

EVIL = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    '"><svg onload=document.title=1>',
    "'; document.title = 'owned'; //",
    "/srv/\u202egnp.exe",
    "/srv/\x1b[31mred\x07",
    "javascript:document.title='owned'",
    "{{ 7 * 7 }}",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
)


def reference(
    src: str, fstype: str, *holders: str, since: str = "2026-02-20T08:00:00Z", expires: t.Optional[str] = None
) -> Data:
    """What the ledger holds of one mount point."""
    claims = {name: {"since": since, "expires": expires} for name in holders}
    return {"src": src, "fstype": fstype, "opts": [], "owned": True, "holders": claims}


def answer(references: Data, *drift: Drift) -> Data:
    """What the task of safe_mount_facts returns."""
    states = {path: kind for path, kind, _message in drift}
    rows = [
        {
            "mount": path,
            "device": value["src"],
            "fstype": value["fstype"],
            "options": "rw,nosuid,nodev",
            "managed": True,
            "owned": True,
            "holders": sorted(value["holders"]),
            "state": states.get(path, "ok"),
        }
        for path, value in references.items()
    ]
    told = [{"path": path, "kind": kind, "message": message} for path, kind, message in drift]
    return {"ansible_facts": {"holdfast_mounts": {"mounts": rows, "references": references, "drift": told}}}


def make_three() -> Data:
    """One host in order, one with a lease that has ended, one that is unreachable."""
    releases = reference(EXPORT, "nfs4", "shop", "billing", "reports")
    current = reference("/srv/releases/current", "bind", "shop", since="2026-02-28T09:00:00Z")
    early, late = "2026-03-01T11:20:00Z", "2026-03-01T13:20:00Z"
    living = reference("scratch", "tmpfs", "job-11", since=early, expires=late)
    ended = reference("scratch", "tmpfs", "job-2", since="2026-03-01T07:20:00Z", expires=early)
    return {
        "web1": answer({"/srv/releases": releases, "/srv/www": current, "/srv/scratch": living}),
        "web2": answer(
            {"/srv/releases": reference(EXPORT, "nfs4", "shop"), "/srv/scratch": ended},
            ("/srv/scratch", "expired", "The lease of job-2 has ended."),
        ),
        "db1": {"unreachable": True, "msg": "Connection timed out"},
    }


def make_many(number: int = 300) -> Data:
    """So many hosts, of which every 50th is unreachable, every 40th is off, and one never answered."""
    hosts: Data = {}
    for index in range(number):
        holders = [f"app{index % 7}", *(["backup"] if index % 3 == 0 else [])]
        references = {"/srv/releases": reference(EXPORT, "nfs4", *holders)}
        if index % 2:
            references["/srv/scratch"] = reference("scratch", "tmpfs", f"job-{index}")
        drift = [("/srv/releases", "missing", "Not mounted any more.")] if index % 40 == 7 else []
        hosts[f"host{index + 1:03}.example.org"] = answer(references, *drift)
    for index in range(9, number, 50):
        hosts[f"host{index + 1:03}.example.org"] = {"unreachable": True, "msg": "No route to host"}
    hosts["host002.example.org"] = {}
    hosts["host003.example.org"] = {"msg": "the ledger is not what was written", "failed": False}
    return hosts


def make_troubled() -> Data:
    """Two hosts with a drift of each weight, an image among them, and one that answered with an error."""
    release = reference(EXPORT, "nfs4", "shop", "billing")
    image = reference("/srv/images/app.img", "ext4", "shop", since="2026-02-28T09:00:00Z")
    other = "Not mounted, and its source was ext4, 8:17, 77e7 and is ext4, 8:33, 90ab by now."
    stopped = "The kernel has stopped it after an error (emergency_ro)."
    ended = reference("scratch", "tmpfs", "job-2", expires="2026-03-01T11:20:00Z")
    return {
        "web10": answer(
            {"/srv/app": image, "/srv/scratch": ended, "/srv/releases": release},
            ("/srv/app", "unhealthy", stopped),
            ("/srv/scratch", "expired", "The lease of job-2 has ended."),
        ),
        "web2": answer(
            {"/srv/app": image, "/srv/scratch": ended, "/srv/releases": release, "/srv/b": image},
            ("/srv/scratch", "expired", "The lease of job-2 has ended."),
            ("/srv/scratch", "missing", "Not mounted any more."),
            ("/srv/app", "replaced", other),
            ("/srv/releases", "missing", "Not mounted any more."),
        ),
        "web1": answer({"/srv/releases": release}),
        "db1": {"msg": "the ledger is not what was written"},
    }


def make_large(hosts: int = 300, mounts: int = 40) -> Data:
    """As many hosts with as many mounts, of which every 97th is off."""
    kinds = ("missing", "expired", "replaced")
    large: Data = {}
    for host in range(hosts):
        paths = [f"/srv/share{mount:02}" for mount in range(mounts)]
        held = {
            path: reference(f"nas{i % 4}:/export{path}", "nfs4", f"app{i % 9}")
            for i, path in enumerate(paths)
        }
        off = [(host * mounts + number, path) for number, path in enumerate(paths)]
        drift = [(path, kinds[at % 3], "So it is.") for at, path in off if at % 97 == 0]
        large[f"host{host + 1:03}.example.org"] = answer(held, *drift)
    return large


def make_evil() -> Data:
    """Hosts whose every name is an attack, also at a mount point that may be."""
    hosts: Data = {}
    for name in EVIL:
        held = {**reference(name, name, name), "src": name}
        hosts[name] = answer({name: held, "/srv/a": held}, (name, name, name), ("/srv/a", name, name))
        hosts[f"{name} again"] = {"unreachable": True, "msg": name}
    return hosts


def make_flood(number: int = 80000) -> Data:
    """A host that answers with so many disagreements at one path, and one in order."""
    held = reference(EXPORT, "nfs4", *(f"job-{each}" for each in range(30)))
    told = [("/srv/releases", "missing", f"Not mounted, {each}.") for each in range(number)]
    return {"flood": answer({"/srv/releases": held}, *told), "web1": answer({"/srv/releases": held})}


def page_of(outcomes: Data, title: str) -> str:
    """The page of a fleet at noon of the first of March."""
    # Not above: pytest reads this file before its plugin for Ansible makes the collection known.
    from ansible_collections.holdfast.mounts.plugins.filter.fleet_page import fleet_page
    from ansible_collections.holdfast.mounts.plugins.filter.fleet_report import fleet_report

    return t.cast("str", fleet_page(fleet_report(outcomes, now=NOW), title=title))
