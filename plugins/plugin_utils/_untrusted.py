# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep what hosts told from ever being taken for a template.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

import ansible.template

# ansible-core 2.19 and newer take only what is tagged as trusted for a template, and a new text is not.
HAS_TRUST = hasattr(ansible.template, "trust_as_template")


def untrusted(value: t.Any) -> t.Any:
    """Return the value as one that ansible-core never evaluates.

    Core 2.18 would take any text for a template that is not marked, also one that a filter has made.
    """
    if HAS_TRUST:
        return value
    from ansible.utils.unsafe_proxy import wrap_var

    return wrap_var(value)
