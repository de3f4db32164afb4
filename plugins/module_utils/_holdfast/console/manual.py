# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manual page and the completion of bash, made of the words of the command line.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import words


def manual_page(version: str) -> str:
    """Return the manual page, as man(7) has it."""
    lines = [
        f'.TH {words.NAME.upper()} 8 "" "holdfast.mounts {_text(version)}" "System Administration"',
        ".SH NAME",
        rf"{words.NAME} \- {_text(words.SUMMARY)}",
        ".SH SYNOPSIS",
    ]
    for command in words.COMMANDS:
        lines += [f".B {words.NAME} {command.name}", *map(_synopsis, command.arguments), ".br"]
    lines.append(".SH DESCRIPTION")
    for sentences in words.DESCRIPTION:
        lines += [".PP", _text(sentences)]
    lines.append(".SH COMMANDS")
    for command in words.COMMANDS:
        lines += [f".SS {command.name}", _sentence(command.summary), *filter(None, [_text(command.more)])]
        for one in command.arguments:
            lines += [".TP", _name(one), _sentence(one.text)]
    lists = (("EXIT STATUS", words.EXIT_CODES), ("FILES", words.FILES), ("ENVIRONMENT", words.ENVIRONMENT))
    for title, rows in lists:
        lines.append(f".SH {title}")
        for name, text in rows:
            lines += [".TP", rf"\fB{_text(name)}\fR", _sentence(text)]
    lines += [".SH SEE ALSO", r"\fBmount\fR(8), \fBumount\fR(8), \fBsystemd.timer\fR(5)"]
    lines += [".PP", f"The guide is {_text(words.GUIDE)}."]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Return words as roff takes them: nothing in them is an escape sequence or begins a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def _sentence(text: str) -> str:
    return _text(f"{text[0].upper()}{text[1:]}.")


def _name(one: words.Argument) -> str:
    value = rf"\fI{_text(one.value)}\fR" if one.value else ""
    return rf"\fB{_text(one.name)}\fR {value}".rstrip() if one.is_option else rf"\fI{_text(one.name)}\fR"


def _synopsis(one: words.Argument) -> str:
    shown = _name(one)
    if one.settings.get("nargs") == "*":
        shown += " ..."
    is_needed = one.settings.get("required") or (not one.is_option and "nargs" not in one.settings)
    return shown if is_needed else f"[{shown}]"


_COMPLETION = """\
# Completion of bash for holdfast(8).

_{name}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '{commands}' -- "$current")
    return
  fi
  case $previous in
{values}
  esac
  case ${{COMP_WORDS[1]}} in
{options}
  esac
  if [[ $current != -* && ${{COMP_WORDS[1]}} != policy ]]; then
    # No slash after a directory, with which it would be no mount point; one can be typed to go on below it.
    compopt -o nospace
    mapfile -t COMPREPLY < <(compgen -f -- "$current" |
      while IFS= read -r name; do printf '%q\\n' "$name"; done)
    return
  fi
  if [[ $current != -* ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _{name} {name}
"""
_CHOICES = """\
    {option})
      mapfile -t COMPREPLY < <(compgen -W '{choices}' -- "$current")
      return
      ;;"""


def bash_completion() -> str:
    """Return what bash completes the command with: commands, options, their choices, and names of files."""
    every = {one.name: one for command in words.COMMANDS for one in command.arguments if one.is_option}
    choices = {
        name: " ".join(one.kinds or one.settings.get("choices", ())) for name, one in sorted(every.items())
    }
    return _COMPLETION.format(
        name=words.NAME,
        commands=" ".join([*(command.name for command in words.COMMANDS), "--help", "--version"]),
        values="\n".join(
            _CHOICES.format(option=name, choices=found) for name, found in choices.items() if found
        ),
        options="\n".join(
            f"    {command.name}) words='{' '.join([*_options(command), '--help'])}' ;;"
            for command in words.COMMANDS
        ),
    )


def _options(command: words.Command) -> t.List[str]:
    return [one.name for one in command.arguments if one.is_option]
