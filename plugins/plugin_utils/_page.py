# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as one HTML page that needs no other file, and in which data can never become markup.

The data is a block of JSON that the page's one script reads; the script makes texts of it, never markup. The
browser is told to run that one script and nothing else (Content Security Policy Level 3).
Private to holdfast.mounts.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import typing as t

# What could end the element that holds the data, or begin a comment in it, and the two line separators that
# are no part of JavaScript's strings before ECMAScript 2019.
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029'"}
# Jinja of ansible-core 2.18 would look at it. JSON itself never has a brace before one of these.
_JINJA = re.compile(r"\{(?=[{%#])")

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="generator" content="holdfast.mounts.report">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def build_page(report: t.Mapping[str, t.Any], *, title: str, style: str, script: str, body: str) -> str:
    """Return the page. style, script and body are the collection's own and are taken as they are."""
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'sha256-{_digest(script)}'",
            f"style-src 'sha256-{_digest(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return _FRAME.format(
        policy=policy,
        title=_JINJA.sub("&#123;", html.escape(title)),
        style=style,
        body=body,
        data=embed({**report, "title": title}),
        script=script,
    )


def embed(value: t.Any) -> str:
    """Return JSON that stands safely within a script element of HTML, and that Jinja leaves alone."""
    encoded = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return _JINJA.sub(r"\\u007b", encoded.translate(_ESCAPED))


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
