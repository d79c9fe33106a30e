"""Who asks to be erased while their Canvas is not connected is kept until their access there has ended, and the pages
say so."""

from ascriptica_plugin.tables.canvas import load_settings

from ..office_at_work import Office
from ..pages import COURSE_SETTINGS, save, typed, words
from .erasing import erase, everything_in_the_database, leave_for_another_canvas, number_of

DISCONNECT = f"{COURSE_SETTINGS}/disconnect"


def disconnect(admin) -> None:
    assert "disconnected since" in words(admin.post(DISCONNECT, follow_redirects=True))


def test_access_ends_once_the_canvas_is_connected_again(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    number = number_of(office)
    disconnect(admin)
    there = f"{canvas.url} is not connected: with this ticked, erasing waits until it is connected again."
    assert there in words(admin.get(f"/tools/participants/{number}/erase"))
    erase(admin, number)
    assert office.deliver() == []
    assert number_of(office) == number
    person, overview = admin.get(f"/tools/participants/{number}"), admin.get("/tools/")
    assert f"First their access has to end in {canvas.url}, which is not connected." in words(person)
    assert "First their access has to end in a Canvas that is not connected: Kim" in words(overview)
    assert f'href="/tools/participants/{number}"' in overview.text
    assert "Connected to" in words(save(admin, typed(canvas)))
    office.settle(rounds=2, minutes=1)
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert "kim@" not in everything_in_the_database(office)
    assert "is to be erased" not in words(admin.get("/tools/"))


def test_the_office_can_erase_without_a_canvas_that_is_not_connected(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    number = number_of(office)
    disconnect(admin)
    erase(admin, number)
    office.deliver()
    erase(admin, number, end_access="")
    office.deliver()
    assert "kim@" not in everything_in_the_database(office)
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_erasing_waits_for_a_canvas_that_the_office_has_left_for_another(office, admin, canvas):
    """It may have been left by mistake, or to rehearse."""
    office.register(office.course("ART", "art"))
    office.deliver()
    number, home = number_of(office), leave_for_another_canvas(office)
    bio = office.course("BIO", "bio")
    office.register(bio)
    erase(admin, number)
    assert "1 person is to be erased." in (shown := words(admin.get("/tools/")))
    assert "Overview 1 to do" in shown
    assert "Nothing waits for you." not in shown
    assert (
        f"First their access has to end in {canvas.url}, which is not connected. It also has to end in 1 place of the "
        "connected Canvas: the reason is below."
    ) in words(admin.get(f"/tools/participants/{number}"))
    office.deliver()
    load_settings(office.session).connection = home
    office.session.commit()
    office.settle(rounds=2, minutes=1)
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert "kim@" not in everything_in_the_database(office)


def test_nothing_that_never_reached_canvas_is_waited_for(office, admin):
    course = office.course("ART", "art")
    disconnect(admin)
    office.register(course)
    [seat] = office.seats()
    assert seat.canvas_enrollment_id is None
    number = number_of(office)
    assert "End their access to Canvas" not in words(admin.get(f"/tools/participants/{number}/erase"))
    erase(admin, number)
    office.deliver()
    assert "kim@" not in everything_in_the_database(office)


def test_a_request_that_was_never_answered_is_waited_for(office, admin, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.register(office.course("ART", "art"))
    office.deliver()
    [seat] = office.seats()
    assert seat.canvas_enrollment_id is None
    number = number_of(office)
    disconnect(admin)
    erase(admin, number)
    office.deliver()
    assert number_of(office) == number
    assert "Connected to" in words(save(admin, typed(canvas)))
    office.settle(rounds=3, minutes=2)
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert "kim@" not in everything_in_the_database(office)


def test_erasing_waits_for_nothing_where_canvas_was_never_connected(app, admin):
    office = Office(app, None)
    office.register(office.course("ART"))
    erase(admin, number_of(office))
    office.deliver()
    assert "kim@" not in everything_in_the_database(office)
