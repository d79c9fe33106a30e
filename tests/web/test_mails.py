"""Our mails speak the language of who reads them."""

from sqlalchemy import event

from ascriptica_plugin.office import registrations
from ascriptica_plugin.shared.language import present
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Participant
from ascriptica_plugin.web.mails import Writer

from ..office_at_work import Office
from ..pages import all_of


def written(app, office: Office, course) -> tuple[str, str]:
    """The mail to the only participant, whom the office withdraws."""
    [participant] = all_of(app, Participant)
    registrations.withdraw(office.session, course, participant, office.now, by="boss@example.org")
    office.session.commit()
    [mail] = all_of(app, Mail)
    found = Writer(app, "https://register.example.org")(office.session, mail, office.now)
    assert present() == "en"
    return found


def test_a_mail_is_in_the_language_in_which_the_person_registered(app, kim):
    office = Office(app, None)
    course = office.course("ART")
    kim.post("/courses/ART/register", headers={"Accept-Language": "de"})
    subject, text = written(app, office, course)
    assert subject == "Sie sind nicht mehr angemeldet: ART here"
    assert text.startswith("Guten Tag Kim,\n\ndie Kursverwaltung hat Sie")


def test_remembering_the_language_takes_a_statement_only_if_it_changed(app, kim):
    office = Office(app, None)
    office.course("ART")
    statements = []
    engine = app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def updates(path: str, language: str) -> int:
        statements.clear()
        kim.post(f"/courses/ART/{path}", headers={"Accept-Language": language})
        return sum(one.startswith("UPDATE ascriptica_participant") for one in statements)

    assert [updates(path, "de") for path in ("register", "withdraw", "register")] == [0, 0, 0], "with the new row"
    assert [updates(path, "en") for path in ("withdraw", "register")] == [1, 0]


def test_a_person_whose_language_is_unknown_is_mailed_in_the_site_s(app):
    office = Office(app, None)
    course = office.course("ART")
    office.register(course)
    app.extensions["ascriptica"].language = "de"
    try:
        assert written(app, office, course)[0] == "Sie sind nicht mehr angemeldet: ART here"
    finally:
        app.extensions["ascriptica"].language = "en"
