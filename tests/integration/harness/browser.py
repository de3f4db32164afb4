# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A page in a real browser, and all that goes wrong in it."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""


class Sheet:
    """An open page, and what went wrong in it."""

    def __init__(self, context: t.Any, address: str) -> None:
        self.page = context.new_page()
        self.faults: t.List[str] = []
        self.requests: t.List[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def texts(self, selector: str) -> t.List[str]:
        """The texts of the visible elements."""
        script = "all => all.filter((each) => each.checkVisibility()).map((each) => each.textContent)"
        return t.cast("t.List[str]", self.page.locator(selector).evaluate_all(script))

    def column(self, name: str, number: int) -> t.List[str]:
        """The visible cells of a column of one of the lists."""
        return self.texts(f"#panel-{name} tbody tr > :nth-child({number})")

    def link_named(self, name: str) -> t.Any:
        """The link of this accessible name."""
        return self.page.get_by_role("link", name=name, exact=True)

    def follow(self, action: t.Callable[[], object]) -> None:
        """Do what follows a link within the page, and wait until the page has answered."""
        self.page.evaluate(
            "() => { window.moved = new Promise((done) => {"
            " addEventListener('hashchange', () => done(true), { once: true }); }); }"
        )
        action()
        self.page.evaluate("window.moved")

    def is_wider_than_the_screen(self) -> bool:
        """Whether anything, seen or cut off, asks for scrolling sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def refusals(self, axe: t.Any) -> t.List[str]:
        """What axe-core finds serious or critical, for people who do not see or do not use a mouse."""
        found = axe.Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"][:3]
        ]

    def contrast(self, selector: str) -> float:
        """The contrast of a text to the nearest background that is painted (WCAG 2.2, relative luminance)."""
        return float(self.page.locator(selector).first.evaluate(CONTRAST))

    def keep(self, name: str, *, full: bool = False) -> None:
        """Keep a picture for people, where SCREENSHOTS says."""
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=full)


CONTRAST = """(element) => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, index) => sum + v * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (each) => getComputedStyle(each).backgroundColor;
  let behind = element;
  while (numbers(ground(behind))[3] === 0) behind = behind.parentElement;
  const pair = [getComputedStyle(element).color, ground(behind)];
  const [low, high] = pair.map((color) => light(numbers(color))).sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""
