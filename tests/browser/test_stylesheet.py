"""How our stylesheet looks: contrast and focus in light and dark, and a host's page around ours."""

import re
from pathlib import Path

import pytest
from selenium import webdriver

import ascriptica_plugin

from .visitor import NEEDS_CHROMIUM, Walk, prefer, served

pytestmark = NEEDS_CHROMIUM

STYLESHEET = Path(ascriptica_plugin.__file__).parent / "static/ascriptica.css"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as a browser writes them, rgb(…), by WCAG's formula."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour).groups()]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def styles(browser: webdriver.Chrome, css: str) -> dict[str, str]:
    """What the first such element looks like."""
    return browser.execute_script(
        "const all = getComputedStyle(document.querySelector(arguments[0]));"
        "return Object.fromEntries([...all].map(name => [name, all.getPropertyValue(name)]))",
        css,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_and_the_keyboard_s_focus_stand_out_from_the_page(browser, furnished, scheme):
    with served(furnished.app) as address:
        browser.delete_all_cookies()
        walk = Walk(browser, address)
        walk.sign_in("boss@example.org", to="/tools/import")
        prefer(browser, scheme)
        sheet = styles(browser, ".sheet")["background-color"]
        seen = {}
        for css in ("select", "[type=file]", "[type=checkbox]", "main form button"):
            browser.execute_script("document.activeElement.blur()")
            seen[css] = styles(browser, css)
            assert seen[css]["outline-style"] == "none", css
            # As by the keyboard, whose focus is always shown.
            browser.execute_script("document.querySelector(arguments[0]).focus({focusVisible: true})", css)
            focused = styles(browser, css)
            assert (focused["outline-style"], focused["outline-width"]) == ("solid", "3px"), css
            assert contrast(focused["outline-color"], sheet) >= 3, css
        alike = ("border-top-color", "border-top-width", "border-top-left-radius", "background-color", "color")
        assert [seen["select"][name] for name in alike] == [seen["[type=file]"][name] for name in alike]
        assert contrast(seen["select"]["border-top-color"], sheet) >= 3
        assert contrast(seen["select"]["color"], sheet) >= 7


def test_a_button_that_needs_scripts_is_not_shown_without_them(browser, tmp_path):
    page = tmp_path / "copy.html"
    style = STYLESHEET.read_text(encoding="utf-8")
    buttons = "<button data-copies='link' hidden>Copy</button><button>Go</button>"
    page.write_text(f"<style>{style}</style><body class='ascriptica'>{buttons}", encoding="utf-8")
    browser.get(page.as_uri())
    assert [one.is_displayed() for one in browser.find_elements("tag name", "button")] == [False, True]


HOST = """<!doctype html><html><head><title>A host</title></head><body class="page">
<h1 class="sheet">Host</h1><p class="quiet">Words, <a class="button" href="/">a link</a>, <code>code</code></p>
<form class="field"><label>A<input></label><select><option>One</select><textarea></textarea><button>Go</button></form>
<table class="table-sheet"><tr><th>A</th><td>B</td></tr></table><ul class="rows"><li class="notice">C</li></ul>
<div class="ascriptica"><h2>Ours</h2><button class="button-main">Register</button></div>
<p class="notice">After it</p></body></html>"""


ALL_AROUND = """return [...document.querySelectorAll("*")]
  .filter((one) => !one.closest(".ascriptica, style"))
  .map((one) => [one.tagName, ...["", "::before", "::after", "::marker"].map((part) => {
    const all = getComputedStyle(one, part);
    return [...all].map((name) => `${name}: ${all.getPropertyValue(name)}`);
  })])"""


def test_a_host_s_page_around_ours_looks_as_before(browser, tmp_path):
    page = tmp_path / "host.html"
    page.write_text(HOST, encoding="utf-8")
    browser.get(page.as_uri())
    # The height of our part moves what stands below it; that is no change of the host's look.
    browser.execute_script("document.querySelector('.ascriptica').style = 'height: 5rem; overflow: hidden'")
    around, ours = browser.execute_script(ALL_AROUND), styles(browser, ".button-main")
    add = "document.head.append(Object.assign(document.createElement('style'), {textContent: arguments[0]}))"
    browser.execute_script(add, STYLESHEET.read_text(encoding="utf-8"))
    assert styles(browser, ".button-main")["background-color"] != ours["background-color"]
    assert browser.execute_script(ALL_AROUND) == around
