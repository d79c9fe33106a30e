"""Keys that rotate. Where the token must not be found: `walks/test_marked`."""

from cryptography.fernet import Fernet, MultiFernet

from ascriptica_plugin.sync import connecting
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, in_use, make_app, rotated
from ..pages import connections_of


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
        # A worker that has the row in hand meanwhile continues with it.
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
    code, printed = rotated(app)
    assert code == 1
    assert "1 token is encrypted with the newest key." in printed
    assert "The token of https://old.example/api/v1 can't be read" in printed
    assert [one.token.ciphertext == gone.ciphertext for one in connections_of(app)] == [False, True]
    assert connections_of(app)[0].token.open(office.canvases.keys) == canvas.token
