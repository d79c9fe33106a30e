"""Somebody at a real browser, and the web server that they visit."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import flask
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.serving import make_server

from ..office_at_work import PASSWORD

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

NEEDS_CHROMIUM = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="The walk in a browser needs Debian's packages chromium and chromium-driver, which are not here.",
)


@contextmanager
def served(app: flask.Flask) -> Iterator[str]:
    """The address of a web server with the app, as long as it is needed."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _is_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except WebDriverException:
        # Stale; or, in the middle of the change of pages, an error of the driver's own.
        return True
    return False


class Walk:
    """A person at the browser, who reads words and presses buttons."""

    def __init__(self, browser: webdriver.Chrome, site: str):
        self.browser = browser
        self.site = site

    def go(self, path: str) -> None:
        self.browser.get(self.site + path)

    def sign_in(self, email: str, to: str) -> None:
        """Sign in on the page that then leads to this path."""
        self.go(f"/sign-in?next={to}")
        self.fill(email=email, password=PASSWORD)
        self.press("Sign in")

    def sees(self, words: str) -> None:
        self._until(lambda: words in self.browser.find_element(By.TAG_NAME, "body").text, f"no “{words}”")

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.browser.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)

    def press(self, label: str) -> None:
        """Press a button, and wait for the page that it leads to."""
        before = self.browser.find_element(By.TAG_NAME, "html")
        self._until(lambda: self._pressed(label), f"no button {label}")
        self._until(lambda: _is_gone(before), f"{label} leads nowhere")

    def _pressed(self, label: str) -> bool:
        for button in self.browser.find_elements(By.CSS_SELECTOR, "main button, header button"):
            if button.text.strip() == label and button.is_displayed():
                button.send_keys(Keys.ENTER)
                return True
        return False

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        # A page that updates automatically may replace what was just found: then it is looked for again.
        waiting = WebDriverWait(self.browser, 20, ignored_exceptions=[StaleElementReferenceException])
        waiting.until(lambda browser: true(), f"{otherwise} on {self.browser.current_url}")

    def sign_out(self) -> None:
        self.browser.delete_all_cookies()


def prefer(browser: webdriver.Chrome, scheme: str) -> None:
    """Light or dark, as somebody has set it on their machine."""
    wish = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
