# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page of the report in a real browser: hostile names, filter, sort, keyboard, dark and light, paper."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from harness import fleets
from harness.browser import CHROMIUM, Sheet

playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
Open = t.Callable[..., Sheet]
ROWS = "#panel-mounts tbody tr"
TEXTS = ("h1", ".when", "#headline", ".tile dt", ".chip", "td.path", ".why", ".count", ".over", ".eyebrow")


@pytest.fixture(scope="module")
def browser() -> t.Iterator[t.Any]:
    """Chromium, as the distribution packages it, without a window."""
    if not CHROMIUM:
        pytest.skip("needs the package chromium")
    with playwright.sync_playwright() as driver:
        # Its sandbox refuses to run as root; the pages are files that the tests have made.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: t.Any, tmp_path: Path) -> t.Iterator[Open]:
    """A function that opens the page of a fleet; when the test ends, nothing may have gone wrong in it."""
    sheets: t.List[Sheet] = []
    contexts: t.List[t.Any] = []

    def make(outcomes: t.Any, *, title: str = "Mounts", width: int = 1280, **options: t.Any) -> Sheet:
        path = tmp_path / f"page-{len(sheets)}.html"
        path.write_text(fleets.page_of(outcomes, title), encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        sheets.append(Sheet(contexts[-1], path))
        return sheets[-1]

    yield make
    faults = [fault for sheet in sheets for fault in sheet.faults]
    strangers = [url for sheet in sheets for url in sheet.requests if not url.startswith("file:")]
    for context in contexts:
        context.close()
    assert (faults, strangers) == ([], [])


def test_hostile_names_are_texts_and_nothing_else(open_page: Open) -> None:
    sheet = open_page(fleets.make_evil(), title=fleets.EVIL[0])
    page = sheet.page
    assert page.title() == fleets.EVIL[0]
    assert page.locator("h1").text_content() == fleets.EVIL[0]
    shown = sheet.column("mounts", 1)
    for name in fleets.EVIL:
        visible = name.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b").replace("\x07", "\\x07")
        assert visible in shown
    for tab in ("sources", "attention"):
        page.click(f"#tab-{tab}")
    # A word of the host is neither a condition nor an advice, whatever every object of the script inherits.
    states = page.locator("#panel-mounts .state").evaluate_all("all => all.map((each) => each.className)")
    assert set(states) == {"state drift", "state unreachable"}
    advice = sheet.column("attention", 4)
    assert {text for text in advice if "Nothing is known" not in text and "No ledger" not in text} == {
        "Run safe_mount_facts on the host and look."
    }
    for name in ("__proto__", "constructor", "toString"):
        page.select_option("#state", name)
        assert sheet.column("attention", 1) == [name]
        page.select_option("#state", "")
    page.locator("#panel-sources details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, object, a[href^=javascript]").count() == 0
    assert "\u202e" not in page.content()


def test_policy_stops_a_script_that_got_in(open_page: Open, tmp_path: Path) -> None:
    planted = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    text = fleets.page_of(fleets.make_three(), "Mounts").replace("<main", f"{planted}<main")
    sheet = open_page(fleets.make_three())
    other = tmp_path / "planted.html"
    other.write_text(text, encoding="utf-8")
    sheet.page.goto(other.as_uri())
    assert sheet.page.title() == "Mounts"
    refused = [fault for fault in sheet.faults if "Content Security Policy" in fault]
    assert len(refused) >= 2
    sheet.faults.clear()
    # Without the policy the same page is owned, so the test can fail.
    other.write_text(text.replace("Content-Security-Policy", "nothing"), encoding="utf-8")
    sheet.page.goto(other.as_uri())
    assert sheet.page.title() == "owned"
    sheet.faults.clear()


def test_host_that_floods_is_cut_and_said_to_be(open_page: Open) -> None:
    sheet = open_page(fleets.make_flood())
    assert sheet.texts("#headline") == ["1 of 2 hosts in order; 1 incomplete."]
    shown = " ".join(sheet.texts(ROWS))
    assert "78,000 more disagreements are left out" in shown
    assert "and 1,995 more" in shown
    assert sheet.page.locator(f"{ROWS} .why").count() == 5
    assert sheet.page.locator(f"{ROWS} .chip").count() == 2 * 12
    assert [text for text in sheet.column("mounts", 1) if text == "web1"] == ["web1"]
    sheet.page.click("#tab-attention")
    assert "No host in order has so much to tell." in " ".join(sheet.texts("#panel-attention tbody tr"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_hosts_are_told_at_a_glance(open_page: Open, scheme: str) -> None:
    sheet = open_page(fleets.make_three(), color_scheme=scheme)
    assert sheet.texts("#headline") == ["1 of 3 hosts in order; 1 with drift, 1 unreachable."]
    assert sheet.page.locator("#fleet svg rect.drift").count() == 2
    assert sheet.texts(".tile") == [
        "Hosts3",
        "Mount points held5",
        "Holders57 claims",
        "Sources3",
        "Leases21 ended",
        "Need attention21 expired",
    ]
    line = next(row for row in sheet.texts(ROWS) if "job-2" in row)
    assert "web2/srv/scratch" in line
    assert "ended 40 min ago" in line
    assert line.endswith("expired")
    assert "Connection timed out" in sheet.texts(ROWS)[0]
    for selector in TEXTS:
        assert sheet.contrast(selector) >= 4.5, selector
    sheet.keep(f"three-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_hundred_hosts_are_readable(open_page: Open, scheme: str) -> None:
    sheet = open_page(fleets.make_many(), color_scheme=scheme)
    page = sheet.page
    assert sheet.texts("#headline") == [
        "284 of 300 hosts in order; 8 with drift, 1 failed, 6 unreachable, 1 without facts."
    ]
    # A bar for each condition, and a cell for each host.
    assert page.locator("#fleet svg rect").count() == 5 + 300
    assert len(sheet.texts(ROWS)) == 400
    sheet.keep(f"many-{scheme}")
    page.click("text=Show all")
    assert len(sheet.texts(ROWS)) == int(sheet.texts("#tab-mounts .count")[0])
    page.click("#tab-sources")
    sheet.keep(f"many-{scheme}-sources")
    assert sheet.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_source_tells_who_still_needs_it(open_page: Open) -> None:
    sheet = open_page(fleets.make_three())
    sheet.page.click("#tab-sources")
    row = sheet.page.locator("#panel-sources tbody tr", has_text=fleets.EXPORT)
    assert row.locator(".chip").all_text_contents() == ["shop \u00d72", "billing", "reports"]
    row.locator("summary").click()
    uses = row.locator(".use")
    uses.first.wait_for()
    assert uses.all_text_contents() == ["web1/srv/releasesbillingreportsshop", "web2/srv/releasesshop"]
    local = sheet.page.locator("#panel-sources tbody tr", has_text="scratch").text_content()
    assert "each host has its own" in local


def test_filter_narrows_every_list_and_says_so(open_page: Open) -> None:
    sheet = open_page(fleets.make_three())
    page = sheet.page
    page.fill("#query", "WEB2 shop")
    assert sheet.column("mounts", 2) == ["/srv/releases"]
    assert sheet.texts("#found") == ["1 of 6 rows"]
    page.fill("#query", "nowhere")
    assert sheet.texts("#panel-mounts") == ["Nothing matches the filter."]
    page.click("text=Clear")
    page.locator(ROWS).nth(5).wait_for()
    page.select_option("#state", "expired")
    assert [row[:4] for row in sheet.texts(ROWS)] == ["web2"]
    page.select_option("#state", "")
    page.select_option("#type", "bind")
    assert sheet.column("mounts", 2) == ["/srv/www"]


def test_columns_sort_both_ways_by_what_they_mean(open_page: Open) -> None:
    sheet = open_page(fleets.make_three())
    age = sheet.page.locator("#panel-mounts thead button", has_text="Age")
    age.click()
    # A host without an answer has no age: it comes last, both ways. As a text, "1 d" comes before "40 min".
    assert sheet.column("mounts", 6)[:5] == ["40 min", "4 h", "1 d", "9 d", "9 d"]
    age.click()
    assert sheet.column("mounts", 6)[:5] == ["9 d", "9 d", "1 d", "4 h", "40 min"]
    assert sheet.column("mounts", 1)[-1] == "db1"
    heads = sheet.page.locator("#panel-mounts th[aria-sort]")
    assert [heads.count(), heads.first.get_attribute("aria-sort")] == [1, "descending"]


def test_hosts_sort_by_the_numbers_in_their_names(open_page: Open) -> None:
    names = [f"web{number}" for number in (10, 9, 1)]
    sheet = open_page({name: fleets.answer({}) for name in names})
    assert sheet.column("mounts", 1) == ["web1", "web9", "web10"]


def test_keyboard_is_enough(open_page: Open) -> None:
    sheet = open_page(fleets.make_three())
    keyboard = sheet.page.keyboard
    focused = "document.activeElement.id"
    keyboard.press("/")
    assert sheet.page.evaluate(focused) == "query"
    keyboard.type("db1")
    assert sheet.column("mounts", 1) == ["db1"]
    keyboard.press("Escape")
    sheet.page.locator(ROWS).nth(5).wait_for()
    sheet.page.focus("#tab-mounts")
    keyboard.press("ArrowRight")
    assert sheet.page.evaluate(focused) == "tab-sources"
    assert sheet.page.locator("[role=tabpanel]:visible").get_attribute("id") == "panel-sources"
    keyboard.press("End")
    assert sheet.page.locator("[role=tabpanel]:visible").get_attribute("id") == "panel-attention"
    # Onwards with Tab: the filter, both choices, Clear, the list, and the heads of its columns.
    for _step in range(6):
        keyboard.press("Tab")
    assert sheet.page.evaluate("document.activeElement.textContent") == "Host↑"
    keyboard.press("Enter")
    assert sheet.page.evaluate("document.activeElement.parentElement.ariaSort") == "descending"
    outline = sheet.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_paper_has_every_list_and_every_row(open_page: Open) -> None:
    sheet = open_page(fleets.make_many())
    sheet.page.emulate_media(media="print")
    sheet.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    panels = sheet.page.locator("[role=tabpanel]")
    assert [panels.nth(number).is_visible() for number in range(3)] == [True, True, True]
    assert len(sheet.texts(ROWS)) == int(sheet.page.locator("#tab-mounts .count").text_content())
    assert sheet.page.locator("#panel-sources .use").first.is_visible()
    assert not sheet.page.locator("#tools").is_visible()


def test_narrow_window_scrolls_only_its_lists(open_page: Open) -> None:
    sheet = open_page(fleets.make_three(), width=390)
    assert sheet.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sheet.keep("three-narrow")


def test_empty_fleet_is_said_to_be_empty(open_page: Open) -> None:
    sheet = open_page({})
    assert sheet.texts("#headline") == ["No hosts were asked."]
    assert sheet.texts("#panel-mounts") == ["Nothing is held."]
