"""A Chromium, and the product as processes would run it."""

import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts

from ..office_at_work import PASSWORD, in_use, make_app
from ..processes import worker
from .visitor import CHROMIUM, DRIVER, Walk, served


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def site(empty_sqlite, tmp_path, canvas) -> Iterator[str]:
    """The product as processes would run it: a web server, a worker, the practice Canvas; an admin exists."""
    path = tmp_path / "office.sqlite3"
    shutil.copy(empty_sqlite, path)
    app = make_app(f"sqlite:///{path}", WTF_CSRF_ENABLED=True)
    with in_use(app):
        session = app.extensions["sqlalchemy"].session
        accounts.add_account(session, clock.utc_now(), "boss@example.org", "Boss", PASSWORD, admin=True)
        session.commit()
    with served(app) as address:
        process = worker(f"sqlite:///{path}")
        process.start()
        yield address
        process.end()
    with in_use(app):
        pass


@pytest.fixture
def walk(browser, site) -> Walk:
    browser.delete_all_cookies()
    return Walk(browser, site)
