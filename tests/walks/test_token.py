"""The token: keys that rotate, and the one host that it goes to. Where it must not be found: `test_marked`."""

import socket

import pytest
from cryptography.fernet import Fernet, MultiFernet

from ascriptica_plugin import clock
from ascriptica_plugin.sync import checking, connecting
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.office import Course

from ..conftest import Office, in_use, make_app, sign_in
from ..web.tools.test_settings import PAGE, connections_of, typed

# -- keys -------------------------------------------------------------------------------------------------------------


def rotated(app) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["ascriptica", "rotate-keys"])
    app.extensions["sqlalchemy"].session.expire_all()
    return result.exit_code, result.output


def test_keys_rotate_while_the_office_works(database_url, canvas):
    older, newer = (Fernet.generate_key().decode() for _ in range(2))
    with in_use(make_app(database_url)) as app:
        # The first token is sealed with SECRET_KEY's key; keys of one's own come later.
        office = Office(app, canvas)
        office.connect()
        course = office.course("ART", "art").id
    with in_use(make_app(database_url, ASCRIPTICA_TOKEN_KEYS=older)) as app:
        office = Office(app, canvas)
        settings = load_settings(office.session)
        connecting.keep_draft(settings, office.canvases, "https://draft.example/api/v1", 7, "draft~token")
        office.session.commit()
        assert rotated(app) == (0, "2 tokens are encrypted with the newest key.\n")
    with in_use(make_app(database_url, ASCRIPTICA_TOKEN_KEYS=f"{newer},{older}")) as app:
        office = Office(app, canvas)
        office.register(office.session.get(Course, course))
        # A worker that has the row in hand meanwhile goes on with it.
        before = connections_of(app)[0].token.ciphertext
        assert rotated(app) == (0, "2 tokens are encrypted with the newest key.\n")
        assert connections_of(app)[0].token.ciphertext != before
        office.deliver()
        assert canvas.roster("art") == {"kim@example.org": "active"}
    only = MultiFernet([Fernet(newer)])
    with in_use(make_app(database_url, ASCRIPTICA_TOKEN_KEYS=newer)) as app:
        assert connections_of(app)[0].token.open(only) == canvas.token
        assert load_settings(app.extensions["sqlalchemy"].session).draft_token.open(only) == "draft~token"
        assert rotated(app)[0] == 0


def test_a_token_that_no_key_opens_is_named_and_left_alone(app, canvas):
    office = Office(app, canvas)
    office.connect()
    gone = Sealed.seal("a token", MultiFernet([Fernet(Fernet.generate_key())]))
    office.session.add(
        Connection(
            canvas_url="https://old.example/api/v1",
            canvas_root_id=1,
            account_name="Old",
            token=gone,
            token_owner="Ann",
            token_saved_at=office.now,
        )
    )
    office.session.commit()
    code, told = rotated(app)
    assert code == 1
    assert "1 token is encrypted with the newest key." in told
    assert "The token of https://old.example/api/v1 can't be read" in told
    assert [one.token.ciphertext == gone.ciphertext for one in connections_of(app)] == [False, True]
    assert connections_of(app)[0].token.open(office.canvases.keys) == canvas.token


# -- the one host -----------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


SAVED = "https://school.example/api/v1"


THE_SAME = ["HTTPS://SCHOOL.EXAMPLE./courses/1", "school.example:443", "https://ｓｃｈｏｏｌ.example"]
OTHERS = [
    "http://school.example",
    "https://school.example:8443",
    "https://school.example:80",
    "https://school.example@elsewhere.example",
    "https://elsewhere.example/https://school.example/api/v1",
    "https://elsewhere.example#@school.example",
    "https://elsewhere.example\\@school.example",
    "https://school.example.elsewhere.example",
    "https://www.school.example",
    "https://schооl.example",  # two Cyrillic letters
    "https://xn--schl-5cd3b.example",
    "https://example",
    "https://93.184.216.34",
]


def test_the_saved_token_stays_with_its_host(app, admin, canvas, monkeypatch):
    """Whoever may change the settings but does not know the token can't have it sent anywhere else."""
    session, canvases = app.extensions["sqlalchemy"].session, app.extensions["ascriptica"].canvases
    canvases.allow_private = False
    connecting.keep_draft(load_settings(session), canvases, SAVED, 1, "7~saved")
    connecting.adopt(session, load_settings(session), canvases, checking.Findings("Ann", "School", ()), clock.utc_now())
    load_settings(session).display_canvas = True
    session.commit()
    called = []

    def look_up(name, *_args, **_more):
        called.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for address in [*THE_SAME, *OTHERS]:
        # Databases are reached by addresses and sockets; a name that is looked up here is a Canvas's.
        called.clear()
        answer = admin.post(PAGE, data=typed(canvas, canvas_url=address, canvas_token="", canvas_root_id="1"))
        if address in THE_SAME:
            assert (answer.status_code, called) == (302, ["school.example"]), address
        else:
            assert (answer.status_code, called) == (422, []), address
        assert "7~saved" not in answer.text
        assert [one.canvas_url for one in connections_of(app)] == [SAVED]
        # Nor by way of what was typed and is kept until Canvas confirms it.
        assert load_settings(session).draft_token is None
