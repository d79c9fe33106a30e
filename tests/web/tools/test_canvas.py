"""/tools/canvas: who is found there."""

import html
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.people import Person
from ascriptica_plugin.tables.ledger import Match, Seat
from ascriptica_plugin.tables.office import Participant
from ascriptica_plugin.web.tools import canvas, canvas_people

from ...office_at_work import logged, many
from ...pages import words


@pytest.mark.parametrize("few", [1000, 0])
def test_the_list_of_everybody_is_searched_filtered_and_paged(office, admin, monkeypatch, few):
    monkeypatch.setattr(canvas_people, "FEW_PEOPLE", few)
    many(office, art := office.course("ART", "art"), 70)
    many(office, office.course("BIO", "bio"), 3)
    session = office.session
    office.deliver()
    in_art = Seat.canvas_course_id == art.association.canvas_course_id
    of_art = session.scalars(select(Seat.id).where(in_art).order_by(Seat.id)).all()
    session.execute(
        update(Seat)
        .where(Seat.id.in_(of_art[:60]))
        .values(settled_version=0, cause="no_account", held=True, canvas_enrollment_id=None)
    )
    session.execute(update(Seat).where(Seat.id == of_art[0]).values(held=False, parked_at=office.now, cause="refused"))
    session.commit()

    def found(query: str) -> list[str]:
        listed = admin.get(f"/tools/canvas{query}").text.partition('id="people"')[2]
        return re.findall(r"Has no Canvas user|Canvas refused|In Canvas|Nobody", listed.partition("</table>")[0])

    def next_page(query: str = "") -> str:
        return html.unescape(
            re.search(r'rel="next" href="/tools/canvas([^"]+)"', admin.get(f"/tools/canvas{query}").text)[1]
        )

    # Those that wait come first, over the pages; a page that nobody offered is the first.
    assert found("") == ["Has no Canvas user"] * 50
    second = next_page().partition("#")[0]
    assert sorted(found(second)) == ["Canvas refused"] + ["Has no Canvas user"] * 9 + ["In Canvas"] * 13
    assert found("?page=99999999999999") == found("?page=settled-x") == found("")
    assert found("?standing=enrolled") == ["In Canvas"] * 13
    assert found("?standing=parked") == found("?standing=refused") == ["Canvas refused"]
    assert len(found(next_page("?standing=held").partition("#")[0])) == 9
    assert found("?course=bio") == ["In Canvas"] * 3
    assert found("?course=art") == ["Has no Canvas user"] * 50
    of_course = found(next_page("?course=art").partition("#")[0])
    assert sorted(of_course) == ["Canvas refused"] + ["Has no Canvas user"] * 9 + ["In Canvas"] * 10
    assert of_course[10:] == ["In Canvas"] * 10
    assert found("?course=ART&standing=enrolled") == ["In Canvas"] * 10
    assert found("?course=none") == ["Nobody"]
    only_in_art = Match.participant.has(email="p69@example.org")
    canvas_user_id = session.scalars(select(Match.canvas_user_id).where(only_in_art)).one()
    assert len(found(f"?search={canvas_user_id}")) == 1
    assert found("?search=99999999999999999999") == ["Nobody"]
    assert found("?search=p69@example&standing=enrolled") == ["In Canvas"]
    assert found("?search=p69@example&standing=removed") == found("?search=%25") == ["Nobody"]


def test_each_number_opens_a_list_of_that_many_people(office, admin):
    """This holds also where some withdrew before they were enrolled: they were never removed."""
    art = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(art, who)
    office.deliver()
    office.withdraw(art, "kim")
    office.deliver()
    office.register(art, "max")
    office.withdraw(art, "max")
    office.deliver()
    page = admin.get("/tools/canvas").text
    tiles = re.findall(r'href="/tools/canvas\?standing=(\w+)#people">(\d+)</a>', page)
    assert dict(tiles) == {"enrolled": "1", "due": "0", "held": "0", "parked": "0", "removed": "1"}
    for standing, number in tiles:
        shown = admin.get(f"/tools/canvas?standing={standing}").text
        assert shown.count('<th role="rowheader"') == int(number), standing


def test_a_number_above_the_limit_says_that_there_are_more(office, admin, monkeypatch):
    many(office, office.course("ART", "art"), 3)
    monkeypatch.setattr(canvas, "MOST_COUNTED", 2)
    page = words(admin.get("/tools/canvas"))
    assert "Enrolled 0 On the way more than 2 Waiting 0" in page
    assert "0 enrolled, more than 2 on the way, 0 waiting." in page
    monkeypatch.setattr(canvas, "MOST_COUNTED", 3)
    assert "On the way 3" in words(admin.get("/tools/canvas"))


def test_trying_again_a_searched_list_tries_the_people_found_and_nobody_else(office, admin, monkeypatch):
    for few in (1000, 0):
        monkeypatch.setattr(canvas_people, "FEW_PEOPLE", few)
        many(office, office.course(f"ART{few}", "art"), 2, start=few)
        office.session.execute(update(Seat).values(cause="no_account", held=True))
        office.session.commit()
        admin.post("/tools/canvas/try-again", data={"shown": "1", "search": f"p{few}@example"})
        assert [seat.participant.email for seat in office.seats() if not seat.held] == [f"p{few}@example.org"]


def test_the_list_is_exported_as_it_is_filtered(office, admin):
    many(office, office.course("ART", "art"), 3)
    office.register(office.course("BIO", "bio"), "zoe", name="=cmd()", sis_user_id="S-1")
    office.deliver()
    everybody = admin.post("/tools/canvas.csv").text
    assert everybody.startswith('\ufeff"name","email","sis_user_id","course"')
    assert len(everybody.splitlines()) == 5
    answer = admin.post("/tools/canvas.csv", data={"course": "bio"})
    assert answer.mimetype == "text/csv"
    [_, line] = answer.text.splitlines()
    assert line.startswith('"\'=cmd()","zoe@example.org","S-1","BIO here"')
    assert '"enrolled","In Canvas"' in line
    assert ("boss@example.org", "exported", None) in logged(office)


def test_the_list_is_exported_though_the_view_s_session_has_ended(office, admin):
    """As on a server, where no application context outlives the request, and the lines are made after it."""
    many(office, office.course("ART", "art"), 3)
    with ThreadPoolExecutor(1) as server:
        lines = server.submit(lambda: admin.post("/tools/canvas.csv").text.splitlines()).result()
    assert len(lines) == 4


def test_an_export_longer_than_a_chunk_has_everybody_once(office, admin, monkeypatch):
    monkeypatch.setattr(canvas_people, "A_CHUNK", 2)
    many(office, office.course("ART", "art"), 5)
    office.session.execute(update(Seat).where(Seat.id % 2 == 0).values(settled_version=Seat.version, was_in=True))
    office.session.commit()
    lines = admin.post("/tools/canvas.csv").text.splitlines()[1:]
    assert sorted(line.split(",")[0] for line in lines) == [f'"P {n}"' for n in range(5)]


def test_trying_again_a_filtered_list_tries_the_people_in_it_and_nobody_else(office, admin):
    many(office, art := office.course("ART", "art"), 2)
    many(office, office.course("BIO", "bio"), 2, start=5)
    office.session.execute(update(Seat).values(cause="no_account", held=True))
    office.session.commit()
    form = {"shown": "1", "course": "ART", "standing": "no_account"}
    answer = admin.post("/tools/canvas/try-again", data=form)
    assert answer.location == "/tools/canvas?course=ART&standing=no_account#people"
    in_art = art.association.canvas_course_id
    assert {(seat.canvas_course_id == in_art, seat.held) for seat in office.seats()} == {(True, False), (False, True)}


@pytest.mark.parametrize("few", [1000, 0])
def test_trying_all_again_is_offered_only_if_it_helps_somebody_on_the_list(office, admin, monkeypatch, few):
    monkeypatch.setattr(canvas_people, "FEW_PEOPLE", few)
    many(office, office.course("ART", "art"), 2)
    many(office, office.course("BIO", "bio"), 2, start=5)
    office.session.execute(update(Seat).values(cause="who_is_it", held=True))
    office.session.commit()
    button = "Try all of these again"
    assert button not in words(admin.get("/tools/canvas"))
    answer = admin.post("/tools/canvas/try-again", data={"shown": "1"}, follow_redirects=True)
    assert "There is nothing to try again." in words(answer)
    seat = office.session.scalars(select(Seat).join(Seat.participant).where(Participant.name == "P 5")).one()
    seat.cause = "no_account"
    office.session.commit()
    for limits in ("", "?course=BIO", "?standing=held", "?standing=no_account", "?search=p5@example.org"):
        assert button in words(admin.get(f"/tools/canvas{limits}")), limits
    for limits in ("?course=ART", "?standing=who_is_it", "?standing=enrolled", "?search=p6@example.org"):
        assert button not in words(admin.get(f"/tools/canvas{limits}")), limits


def test_the_list_of_everybody_is_sorted_by_name_across_pages(office, admin, monkeypatch):
    course = office.course("ART", "art")
    names = [f"{'Äbcd'[n % 4]} Berg {n:03}" for n in range(120)]
    for n, name in enumerate(names):
        registrations.register(office.session, course, Person(f"{n}", f"p{n}@example.org", name), office.now)
    office.session.commit()
    office.register(office.course("BIO", "bio"), "ada")
    office.deliver()

    def listed(page) -> list[str]:
        people = page.text.partition('id="people"')[2].partition("</table>")[0]
        return re.findall(r'<a href="/tools/participants/\d+">([^<]+)</a>', people)

    def other(page, way: str):
        return admin.get(html.unescape(re.search(rf'rel="{way}" href="([^"#]+)', page.text)[1]))

    in_order = sorted(names, key=lambda name: name.replace("Ä", "a").lower())
    for few, people in ((5000, 1000), (3, 0)):
        monkeypatch.setattr(canvas_people, "FEW", few)
        monkeypatch.setattr(canvas_people, "FEW_PEOPLE", people)
        for query in ("search=berg", "search=berg&standing=enrolled"):
            first = admin.get(f"/tools/canvas?sort=name&{query}")
            second = other(first, "next")
            third = other(second, "next")
            assert [*listed(first), *listed(second), *listed(third)] == in_order
            assert listed(other(third, "prev")) == listed(second)
            assert listed(other(other(third, "prev"), "prev")) == listed(first)
    everybody = admin.get("/tools/canvas?sort=name")
    assert listed(everybody)[30:32] == ["Ada", in_order[30]]
    assert "Sorted by what waits, then what is newest or name" in words(everybody)
    assert listed(admin.get("/tools/canvas?sort=name&standing=held")) == []
    of_course = admin.get("/tools/canvas?sort=name&course=ART")
    assert "Sorted by what waits, then what is newest or name, on the roster" in words(of_course)
    assert 'href="/tools/courses/ART">name, on the roster' in of_course.text
