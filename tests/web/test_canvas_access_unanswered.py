"""What pages say about somebody's access while Canvas may still carry out a request that it did not answer."""

import re

from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.requests import Request

OURS = r"Canvas did not answer a request of ours and may still carry it out until \d\d:\d\d\. Then we check\."
OFFICE = r"Canvas did not answer a request and may still carry it out: we check at \d\d:\d\d"


def lose_the_answer(canvas, method: str) -> None:
    canvas.faults({"match": f"{method} /courses/", "times": 1, "fault": "reset", "when": "after"})


def test_the_pages_say_why_nothing_moves_while_an_earlier_request_may_still_be_carried_out(reader, canvas):
    reader.register()
    reader.office.course("BIO", "bio")
    lose_the_answer(canvas, "POST")
    reader.register("BIO")
    reader.office.later(seconds=20)
    reader.office.deliver()
    [out] = reader.office.session.query(Request)
    assert out.answered
    assert reader.participant("BIO")[:2] == ("settled", "You are in the Canvas course.")
    reader.withdraw()
    mark, text, _ = reader.participant()
    assert mark == "waiting"
    assert re.fullmatch(f"Ending your access to the Canvas course … {OURS}", text)
    mark, text = reader.office_reads()
    assert mark == "waiting"
    assert re.fullmatch(OFFICE, text)
    assert text.endswith(f"{out.until_at:%H:%M}")
    reader.office.later(minutes=3)
    reader.office.deliver()
    assert reader.participant()[1] == "Your access to the Canvas course has ended."


def test_a_request_that_was_just_sent_is_not_shown_as_a_reason_to_wait(reader, canvas):
    """A person who withdraws while their enrollment is under way waits for its answer, for a moment."""
    lose_the_answer(canvas, "POST")
    reader.register()
    reader.open(reader.kim, "/courses/ART/withdraw", x="1")
    assert "did not answer" not in reader.participant()[1]
    session = reader.office.session
    [out] = session.query(Request)
    out.until_at -= 2 * pauses.ANSWERED
    session.commit()
    assert re.search(OURS, reader.participant()[1])


def test_a_request_that_canvas_can_t_carry_out_any_more_is_not_shown_as_a_reason_to_wait(reader, canvas):
    reader.register()
    lose_the_answer(canvas, "DELETE")
    reader.withdraw()
    session = reader.office.session
    [out] = session.query(Request)
    out.until_at = out.first_sent_at
    session.commit()
    assert "did not answer" not in reader.participant()[1]
