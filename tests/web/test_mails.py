"""Our mails speak the language of who reads them."""

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


def test_a_mail_speaks_the_language_in_which_the_person_registered(app, kim):
    office = Office(app, None)
    course = office.course("ART")
    kim.post("/courses/ART/register", headers={"Accept-Language": "de"})
    subject, text = written(app, office, course)
    assert subject == "Sie sind nicht mehr angemeldet: ART here"
    assert text.startswith("Guten Tag Kim,\n\ndie Kursverwaltung hat Sie")


def test_who_never_said_it_is_mailed_in_the_site_s(app):
    office = Office(app, None)
    course = office.course("ART")
    office.register(course)
    app.extensions["ascriptica"].language = "de"
    try:
        assert written(app, office, course)[0] == "Sie sind nicht mehr angemeldet: ART here"
    finally:
        app.extensions["ascriptica"].language = "en"
