"""Who participants are in Canvas: shown, doubted, asked about, and answered."""

import re

import pytest
from sqlalchemy import update

from ascriptica_plugin.tables.ledger import Match

from ...office_at_work import Office, logged
from ...pages import all_of, words


@pytest.fixture
def matched(office, canvas) -> Office:
    """Kim, known by her SIS ID, is in ART."""
    office.register(office.course("ART", "art"), "kim", sis_user_id="K-100")
    office.deliver()
    office.register(office.course("BIO", "bio"), "kim", sis_user_id="K-100")
    office.deliver()
    return office


def kim_id(office: Office) -> int:
    return office.participant("kim@example.org").id


def who_they_are(admin, number: int) -> str:
    page = admin.get(f"/tools/participants/{number}").text
    section = page.partition('id="canvas-user"')[2].partition("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))


def test_the_participant_s_page_and_the_roster_name_the_canvas_user(office, admin, canvas):
    art = office.course("ART", "art")
    office.register(art, "lou")
    number = office.participant("lou@example.org").id
    assert "Not known yet." in who_they_are(admin, number)
    office.deliver()
    on = f"{office.now:%d %b %Y}"
    line = f"Lou Berg, login lou@example.org, SIS ID: none, Canvas ID {canvas.ids['user.lou']}; found by the login on"
    for page in (who_they_are(admin, number), words(admin.get("/tools/courses/ART"))):
        assert f"{line} {on}" in page
        assert "This is somebody else" in page


def test_a_doubted_match_is_marked_as_doubted_wherever_it_is_named(matched, admin):
    number, doubt = kim_id(matched), "; Canvas said something else lately: it is being looked up"
    pages = (f"/tools/participants/{number}", "/tools/courses/ART", "/tools/canvas/person?q=kim@example.org")
    assert not any(doubt in words(admin.get(page)) for page in pages)
    matched.session.execute(update(Match).values(doubted=True))
    matched.session.commit()
    assert [page for page in pages if doubt not in words(admin.get(page))] == []


def test_the_button_this_is_somebody_else_opens_a_question_that_a_typed_user_answers(matched, admin, canvas):
    number = kim_id(matched)
    page = words(admin.post(f"/tools/participants/{number}/doubt", follow_redirects=True))
    assert "Until then nothing is sent about them." in page
    assert "Which Canvas user is Kim (kim@example.org, SIS ID K-100)?" in page
    matched.deliver()
    assert [seat.cause for seat in matched.seats()] == ["who_is_it", "who_is_it"]
    assert "Which Canvas user is Kim" in words(admin.get("/tools/canvas"))
    answer = {"other": "lou@example.org"}
    page = words(admin.post(f"/tools/participants/{number}/canvas-user", data=answer, follow_redirects=True))
    assert "Thank you. Kim is being enrolled." in page
    matched.later(minutes=1)
    matched.settle()
    assert canvas.who_is_in("art") == {"lou@example.org"}
    assert canvas.who_is_in("bio") == {"lou@example.org"}
    assert "Lou Berg, login lou@example.org" in who_they_are(admin, number)
    assert "chosen by an administrator" in who_they_are(admin, number)
    acts = [entry for entry in logged(matched) if entry[1] in ("doubted", "chose")]
    assert acts == [
        ("boss@example.org", "doubted", "kim@example.org"),
        ("boss@example.org", "chose", "kim@example.org"),
    ]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("nobody@example.org", "Canvas has no user with the ID, login or SIS ID nobody@example.org"),
        ("{two}", "leads to "),
        ("%00", "Canvas has no user"),
    ],
)
def test_a_text_that_leads_to_no_single_user_is_reported_and_changes_nothing(matched, admin, canvas, typed, sentence):
    """A number may be one user's ID and another's login."""
    two = str(canvas.ids["user.kim"])
    root = canvas.ids["account.root"]
    canvas.hand("POST", f"accounts/{root}/users", **{"user[name]": "Two", "pseudonym[unique_id]": two})
    number = kim_id(matched)
    admin.post(f"/tools/participants/{number}/doubt")
    data = {"other": typed.format(two=two)}
    page = words(admin.post(f"/tools/participants/{number}/canvas-user", data=data, follow_redirects=True))
    assert sentence in page
    assert [match.question for match in all_of(matched.app, Match)] == ["who"]


def test_a_canvas_that_is_away_is_reported(matched, admin, canvas):
    number = kim_id(matched)
    admin.post(f"/tools/participants/{number}/doubt")
    canvas.options(down=True)
    page = words(
        admin.post(
            f"/tools/participants/{number}/canvas-user", data={"other": "lou@example.org"}, follow_redirects=True
        )
    )
    assert "could not be reached" in page
    assert [match.question for match in all_of(matched.app, Match)] == ["who"]


def test_an_answer_without_a_question_is_refused(matched, admin, canvas):
    number = kim_id(matched)
    answer = {"canvas_user_id": str(canvas.ids["user.lou"])}
    page = words(admin.post(f"/tools/participants/{number}/canvas-user", data=answer, follow_redirects=True))
    assert "The Canvas user of Kim is already known. Nothing was changed." in page
    assert admin.post("/tools/participants/999/doubt").status_code == 404


@pytest.fixture
def doubles(office, canvas) -> Office:
    """Two participants with one email, who may be one person: the second is asked about."""
    office.register(office.course("ART", "art"), "kim", name="Kim One")
    office.deliver()
    office.register(office.course("BIO", "bio"), "kim", key="other", name="Kim Two")
    office.deliver()
    assert [seat.cause for seat in office.seats()] == [None, "same_user"]
    return office


def test_two_participants_of_one_user_are_named_with_links(doubles, admin):
    page = admin.get("/tools/canvas").text
    one, two = doubles.seats()
    for seat in (one, two):
        assert f'href="/tools/participants/{seat.participant_id}"' in page.partition('class="question"')[2]
    assert "Are Kim Two and Kim One one person? Both lead to this Canvas user." in words(admin.get("/tools/canvas"))
    for button in ("They are one person", "It is Kim Two's", "It is Kim One's"):
        assert button in words(admin.get("/tools/canvas"))


def test_the_answer_that_two_participants_are_one_person_shares_the_user(doubles, admin, canvas):
    _, seat = doubles.seats()
    answer = {"canvas_user_id": str(canvas.ids["user.kim"]), "same_person": "1"}
    admin.post(f"/tools/canvas/{seat.id}/choose", data=answer)
    doubles.settle()
    assert canvas.who_is_in("art") == canvas.who_is_in("bio") == {"kim@example.org"}
    assert doubles.status()["questions"] == 0
    assert "several participants are this user" in who_they_are(admin, seat.participant_id)


def test_giving_the_user_to_one_of_two_participants_asks_about_the_other(doubles, admin, canvas):
    one, two = doubles.seats()
    admin.post(f"/tools/canvas/{two.id}/choose", data={"canvas_user_id": str(canvas.ids["user.kim"])})
    doubles.settle()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert [seat.cause for seat in doubles.seats()] == ["same_user", None]
    # It is not asked for ever: this answer leads on to who they are.
    page = words(admin.post(f"/tools/canvas/{one.id}/choose", data={"answer": "theirs"}, follow_redirects=True))
    assert "Now say who Kim One is in Canvas." in page
    admin.post(f"/tools/canvas/{one.id}/choose", data={"new_login": "kim.one"})
    doubles.settle()
    assert canvas.who_is_in("art") == {"kim.one"}
    assert doubles.status()["questions"] == 0


def test_leaving_the_user_to_the_other_participant_asks_about_this_one(doubles, admin, canvas):
    _, two = doubles.seats()
    page = words(admin.post(f"/tools/canvas/{two.id}/choose", data={"answer": "theirs"}, follow_redirects=True))
    assert "Which Canvas user is Kim Two (kim@example.org)?" in page
    doubles.deliver()
    assert [seat.cause for seat in doubles.seats()] == [None, "who_is_it"]
    admin.post(f"/tools/canvas/{two.id}/choose", data={"other": "lou@example.org"})
    doubles.settle()
    assert canvas.who_is_in("bio") == {"lou@example.org"}
    late = admin.post(f"/tools/canvas/{two.id}/choose", data={"answer": "theirs"}, follow_redirects=True)
    assert "is already known. Nothing was changed." in words(late)


def test_a_corrected_person_who_leads_to_nobody_is_asked_about_by_name(office, admin, canvas):
    office.register(office.course("ART", "art"), "lou")
    office.deliver()
    number = office.participant("lou@example.org").id
    form = {"name": "Lou", "email": "elsewhere@example.org", "sis_user_id": ""}
    admin.post(f"/tools/participants/{number}", data=form)
    office.deliver()
    assert "Is this still Lou (elsewhere@example.org)? 1 candidate: Lou Berg." in words(admin.get("/tools/canvas"))
    page = words(admin.get(f"/tools/participants/{number}/who"))
    assert "Is this still Lou (elsewhere@example.org)? Lou Berg Login lou@example.org" in page
    [seat] = office.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"canvas_user_id": str(canvas.ids["user.lou"])})
    office.settle()
    assert canvas.who_is_in("art") == {"lou@example.org"}
    assert office.status()["questions"] == 0


def test_trying_again_answers_no_question(doubles, admin, canvas):
    _, two = doubles.seats()
    for where, form in (("/tools/courses/BIO/try-again", {}), ("/tools/canvas/try-again", {"seat": str(two.id)})):
        assert "There is nothing to try again." in words(admin.post(where, data=form, follow_redirects=True))
    assert [seat.cause for seat in doubles.seats()] == [None, "same_user"]


@pytest.mark.parametrize(("answer", "states"), [("put_back", {"active"}), ("leave", {"deleted"})])
def test_a_change_by_hand_is_put_back_or_left_as_answered(matched, admin, canvas, answer, states):
    row = next(row for login, course, row, _, _ in canvas.rows() if course == "art")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row}", task="delete")
    matched.recheck("art")
    matched.deliver()
    seat = matched.seats()[0]
    assert "Kim was removed from the Canvas course, in Canvas itself: put back, or leave it?" in words(
        admin.get("/tools/canvas")
    )
    admin.post(f"/tools/canvas/{seat.id}/hand", data={"answer": answer})
    matched.settle()
    assert set(canvas.roster("art").values()) == states
    late = admin.post(f"/tools/canvas/{seat.id}/hand", data={"answer": "put_back"}, follow_redirects=True)
    assert "That is answered already." in words(late)
    assert logged(matched)[-1][1] in ("enrolled in Canvas", "left as in Canvas")


def test_candidates_are_shown_with_their_activity_in_canvas(office, admin, canvas):
    canvas.seed(
        users={
            "one": {"name": "Kim One", "login": "one", "email": "kim@example.org"},
            "two": {"name": "Kim Two", "login": "two", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}},
        enrollments={
            "first": {"user": "one", "course": "bio", "last_activity_at": "2026-03-02T10:00:00Z"},
            "other": {"user": "one", "course": "art", "state": "deleted"},
        },
    )
    office.connect()
    office.register(office.course("ART", "art"), "kim")
    office.course("BIO", "bio")
    office.deliver()
    number = office.participant("kim@example.org").id
    where = f"/tools/participants/{number}/who"
    assert f'href="{where}"' in admin.get("/tools/canvas").text
    canvas.calls()
    page = words(admin.get(where))
    assert len(canvas.calls()) == 2
    assert "Who is Kim in Canvas?" in page
    assert "Kim One Login one kim@example.org SIS ID: none" in page
    assert "Last active 02 Mar 2026, 10:00. In bio." in page
    assert "Kim Two Login two" in page
    assert "Never active in a course. In no course." in page
    assert "None of them" in page
    canvas.options(down=True)
    page = words(admin.get(where))
    assert "What they do in Canvas can't be shown now." in page
    assert "Kim Two Login two" in page
    canvas.options(down=False)
    form = {"canvas_user_id": canvas.ids["user.two"]}
    admin.post(f"/tools/participants/{number}/canvas-user", data=form)
    assert admin.get(where).location == f"/tools/participants/{number}#canvas-user"
    office.deliver()
    assert canvas.who_is_in("art") == {"two"}


def test_the_user_whom_we_knew_is_offered_when_the_new_one_is_somebody_else_s(office, admin, canvas):
    """A slip in an email led to another participant's user; who was in before stays in, and nothing is sent."""
    office.register(office.course("ART", "art"), "ezra")
    office.register(office.course("BIO", "bio"), "lou")
    office.deliver()
    ezra = office.participant("ezra@example.org")
    number, form = ezra.id, {"name": "Ezra", "email": "lou@example.org", "sis_user_id": ""}
    said = words(admin.post(f"/tools/participants/{number}", data=form, follow_redirects=True))
    assert "Ezra is saved. We are now checking who that is in Canvas. If it isn't clear, this page asks you." in said
    office.deliver()
    assert "Another participant leads to the same Canvas user 1 person" in words(admin.get("/tools/"))
    page = admin.post(f"/tools/participants/{number}/canvas-user", data={"answer": "theirs"}, follow_redirects=True)
    assert "Now say who Ezra is in Canvas." in words(page)
    page = admin.get(f"/tools/participants/{number}/who")
    [candidate] = re.findall(r'name="canvas_user_id" value="(\d+)"', page.text)
    assert "Login ezra@example.org" in words(page)
    answer = {"canvas_user_id": candidate}
    page = admin.post(f"/tools/participants/{number}/canvas-user", data=answer, follow_redirects=True)
    assert "Thank you. That is noted for Ezra." in words(page)
    calls = office.deliver()
    assert not [call for call in calls if call.startswith("POST")]
    assert canvas.who_is_in("art") == {"ezra@example.org"}
    assert [seat.cause for seat in office.seats()] == [None, None]


def test_a_name_alone_leads_to_nobody_else_in_canvas(office, admin):
    office.register(office.course("ART", "art"), "lou")
    office.deliver()
    form = {"name": "Lou Lee", "email": "lou@example.org", "sis_user_id": ""}
    number = office.participant("lou@example.org").id
    said = words(admin.post(f"/tools/participants/{number}", data=form, follow_redirects=True))
    assert "Lou Lee is saved." in said
    assert "who that is in Canvas" not in said
