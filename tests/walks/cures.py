"""How a clerk cures each cause: from its card through the link to the very place, and with what stands there."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from .scene import Scene

Cure = Callable[[Scene], object]

PASTED = "canvas_token"


def with_new_token(scene: Scene) -> None:
    """Somebody makes a new token in Canvas; the old one stays dead."""
    scene.canvas.options(token="active")
    made = scene.canvas.hand("POST", "users/self/tokens", **{"token[purpose]": "Ascriptica API"})
    scene.canvas.options(token="revoked")
    scene.clerk.fill(PASTED, canvas_token=made["visible_token"])


def typing(cause: str, link: str, field: str, mend: Cure = lambda scene: None, **typed: str) -> Cure:
    """Somebody mends what is wrong elsewhere, then fills in the field that the link leads to, and saves."""

    def cure(scene: Scene) -> None:
        mend(scene)
        scene.clerk.open_card(cause)
        scene.clerk.follow(link)
        scene.clerk.fill(field, **typed)

    return cure


def pasting(cause: str, link: str) -> Cure:
    def cure(scene: Scene) -> None:
        scene.clerk.open_card(cause)
        scene.clerk.follow(link)
        if cause == "token_dead":
            with_new_token(scene)
        else:
            scene.clerk.fill(PASTED, canvas_token=scene.canvas.token)

    return cure


def approving(cause: str, button: str) -> Cure:
    """The developer key is approved on Canvas's page, to which the button of Course Settings leads."""

    def cure(scene: Scene) -> None:
        scene.clerk.open_card(cause)
        scene.clerk.follow("Approve the developer key again")
        there = scene.admin.get(scene.clerk.link(button)).headers["Location"]
        asked = {name: value for name, [value] in parse_qs(urlsplit(there).query).items()}
        back = scene.canvas.approve(asked, asked["redirect_uri"], state=asked["state"], scope=asked["scope"])
        answer = scene.admin.get(urlsplit(asked["redirect_uri"]).path, query_string=back, follow_redirects=True)
        assert "Connected to" in answer.text

    return cure


def associating(cause: str, link: str, course: str) -> Cure:
    """The course gets another Canvas course, after the page that says what happens."""

    def cure(scene: Scene) -> None:
        scene.clerk.open_card(cause)
        scene.clerk.follow(link)
        scene.clerk.fill("canvas_course", canvas_course=str(scene.canvas.ids[f"course.{course}"]), canvas_section="")
        if scene.clerk.page.path.endswith("/preview"):
            scene.office.deliver()
            scene.clerk.go(scene.clerk.page.path)
            scene.clerk.press("Connect it")
        assert "ART here is saved." in scene.clerk.words

    return cure


def in_canvas(cause: str, link: str, page: str, mend: Cure, button: str) -> Cure:
    """The link leads to a page of Canvas's own; there somebody mends it, and the card's button looks at once."""

    def cure(scene: Scene) -> None:
        scene.clerk.open_card(cause)
        ids = scene.canvas.ids
        there = page.format(root=ids["account.root"], art=ids["course.art"])
        assert scene.clerk.link(link) == f"{scene.canvas.url}{there}"
        scene.canvas.session.get(scene.canvas.url + there, timeout=10).raise_for_status()
        mend(scene)
        scene.clerk.press(button)

    return cure


def answering(cause: str, button: str) -> Cure:
    """The people who are asked about are behind the link, each with the answers."""

    def cure(scene: Scene) -> None:
        scene.clerk.open_card(cause)
        scene.clerk.follow("Answer")
        if cause == "who_is_it":
            scene.clerk.follow("Compare and choose")
            scene.clerk.fill(f"candidate-{scene.canvas.ids['user.lou']}", button)
        else:
            scene.clerk.press(button)

    return cure


def correcting(cause: str) -> Cure:
    """The people behind the link each lead to their own page."""

    def cure(scene: Scene) -> None:
        scene.clerk.open_card(cause)
        scene.clerk.follow("Show people")
        scene.clerk.follow("Lou")
        scene.clerk.fill("sis_user_id", sis_user_id="")

    return cure


def trying(cause: str, mend: Cure) -> Cure:
    """Somebody puts it right elsewhere; the person behind the link is tried again by their own button."""

    def cure(scene: Scene) -> None:
        mend(scene)
        scene.clerk.open_card(cause)
        scene.clerk.follow("Show people")
        scene.clerk.press("Try again for Lou")

    return cure
