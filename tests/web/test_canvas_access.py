"""Canvas access in words, as a participant reads it."""

from ..pages import words


def test_participants_see_when_the_office_has_to_act(office, kim, canvas):
    course = office.course("ART", "art")
    canvas.admin.delete(f"{canvas.api}/courses/{canvas.ids['course.art']}", data={"event": "delete"}, timeout=10)
    kim.post("/courses/ART/register")
    office.deliver()
    assert "Your place is safe. The office has to sort something out" in words(kim.get("/courses/ART"))
    assert course.places_taken == 1


def test_participants_see_when_canvas_is_away(office, kim, canvas):
    office.course("ART", "art")
    canvas.options(down=True)
    kim.post("/courses/ART/register")
    office.deliver()
    assert "Canvas is not answering at the moment" in words(kim.get("/courses/ART"))


def test_an_unpublished_course_is_told(office, kim, canvas):
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": "claim"}, timeout=10)
    course = office.course("ART", "art")
    course.association.published = False
    office.session.commit()
    kim.post("/courses/ART/register")
    office.deliver()
    assert "you can enter as soon as the teacher publishes it" in words(kim.get("/courses/ART"))
