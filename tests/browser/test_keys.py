"""In a real browser: from a developer key to its approval in Canvas, to the proof that it works, and to a token."""

from selenium.webdriver.common.by import By

from ascriptica_plugin.canvas.scopes import SCOPES

from ..pages import COURSE_SETTINGS
from .visitor import NEEDS_CHROMIUM, Walk

pytestmark = NEEDS_CHROMIUM


def choose(walk: Walk, key: str) -> None:
    walk.browser.find_element(By.CSS_SELECTOR, f"input[value={key}]").click()


def follow(walk: Walk, link: str) -> None:
    walk.browser.find_element(By.LINK_TEXT, link).click()


def test_a_developer_key_is_approved_proven_and_exchanged_for_a_token(walk, canvas):
    key = canvas.developer_key(f"{walk.site}{COURSE_SETTINGS}/approved", scopes=SCOPES, include_parameters=True)
    walk.sign_in("boss@example.org", to=COURSE_SETTINGS)
    walk.browser.find_element(By.NAME, "display_canvas").click()
    choose(walk, "developer_key")
    assert not walk.browser.find_element(By.NAME, "canvas_token").is_displayed()
    walk.fill(canvas_url=canvas.api, canvas_root_id=str(canvas.ids["account.root"]))
    walk.fill(canvas_client_id=key["client_id"], canvas_client_secret=key["client_secret"])
    walk.press("Save")
    follow(walk, "Approve in Canvas")
    walk.sees("Authorize developer key")
    walk.press("Cancel")
    walk.sees("It was refused in Canvas.")
    follow(walk, "Approve in Canvas")
    walk.sees("Authorize developer key")
    walk.press("Authorize")
    walk.sees("Connected to Practice University as Practice Admin.")
    walk.sees("Developer key")

    follow(walk, "Prove it")
    walk.sees("Choose a Canvas course")
    walk.fill(find="art")
    walk.press("Find")
    walk.press("Prove it here\n: Art")
    walk.sees("Proven")
    assert [(course, state) for _, course, _, _, state in canvas.rows()] == [("art", "deleted")]

    walk.go(COURSE_SETTINGS)
    choose(walk, "token")
    assert not walk.browser.find_element(By.NAME, "canvas_client_id").is_displayed()
    walk.fill(canvas_token=canvas.token)
    walk.press("Save")
    walk.sees("Pasted token")
