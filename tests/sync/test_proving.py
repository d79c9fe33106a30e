"""The round trip that proves the connection: what it shows, what it can't prove, and that it leaves nothing live."""

import signal

import pytest

from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import proofs
from ascriptica_plugin.sync.proofs import Proof

from ..developer_keys import connect_with_key
from ..office_at_work import Office, connection_of
from ..processes import until, worker


def begin(office: Office, course: str = "art", test_user: str = "") -> None:
    where = connection_of(office).id, office.canvas.ids[f"course.{course}"]
    assert proofs.ask(office.session, *where, office.now, test_user)
    office.session.commit()


def proof_of(office: Office) -> Proof:
    proof = Proof.of(connection_of(office))
    office.session.commit()
    return proof


def said(proof: Proof) -> list[tuple[str, str]]:
    return [(step.name, str(step.said)) for step in proof.steps]


def live(canvas) -> list[tuple]:
    return [row for row in canvas.rows() if row[4] != "deleted"]


@pytest.fixture(params=["token", "developer key"])
def keyed(request, office):
    if request.param == "developer key":
        connect_with_key(office)
    return office


def test_a_proof_shows_each_step_and_leaves_no_live_enrollment(keyed, canvas):
    begin(keyed)
    calls = keyed.deliver()
    proof = proof_of(keyed)
    assert [step.name for step in proof.steps] == list(proofs.STEPS)
    assert all(step.well and step.seconds > 0 for step in proof.steps), said(proof)
    assert proof.is_well
    [(_, course, row, kind, state)] = canvas.rows()
    assert (course, kind, state) == ("art", "Student", "deleted")
    texts = dict(said(proof))
    assert texts["course"] == "Art is there."
    assert texts["person"] == "A search finds Practice Admin."
    assert (texts["enroll"], texts["gone"]) == (f"Enrollment {row} is active.", f"Enrollment {row} is deleted.")
    assert len(calls) == 9
    assert keyed.deliver() == []


def test_a_repeated_proof_uses_the_same_enrollment(office, canvas):
    for _ in range(2):
        begin(office)
        office.deliver()
        assert proof_of(office).is_well
    assert len(canvas.rows()) == 1


def test_only_one_proof_runs_at_a_time(office, canvas):
    begin(office)
    connection_id = connection_of(office).id
    assert not proofs.ask(office.session, connection_id, canvas.ids["course.bio"], office.now)
    office.deliver()
    assert proof_of(office).course == "Art"
    begin(office, "bio")


def owner_teaches(canvas) -> None:
    canvas.by_hand("self", "art", type="TeacherEnrollment")


def owner_was_in(canvas) -> None:
    row = canvas.by_hand("self", "art")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row['id']}", task="conclude")


def concluded(canvas) -> None:
    canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[event]": "conclude"})


def gone(canvas) -> None:
    canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[event]": "delete"})


def may_not(canvas) -> None:
    canvas.options(permissions={"without": ["remove_student_from_course", "manage_students"]})


@pytest.mark.parametrize(
    ("before", "step", "words"),
    [
        (owner_teaches, "free", "Practice Admin has an enrollment there already (teacher, active)"),
        (owner_was_in, "free", "Practice Admin has an enrollment there already (student, completed)"),
        (concluded, "course", "Art is concluded"),
        (gone, "course", "Canvas said"),
        (may_not, "rights", "“Users - Students”, remove"),
    ],
)
def test_a_proof_that_is_not_possible_says_why_and_changes_nothing(office, canvas, before, step, words):
    before(canvas)
    rows = canvas.rows()
    begin(office)
    calls = office.deliver()
    proof = proof_of(office)
    assert proof.steps[-1].name == step
    assert words in proof.steps[-1].said
    assert not proof.steps[-1].well
    assert proof.over_at is not None
    assert canvas.rows() == rows
    assert [call for call in calls if not call.startswith("GET")] == []


def test_a_proof_in_a_blueprint_says_that_it_takes_no_students(office, canvas):
    begin(office, "blue")
    office.deliver()
    assert "those take no students" in proof_of(office).steps[-1].said


def test_an_owner_who_is_a_participant_is_left_alone(office, canvas):
    office.register(office.course("BIO", "bio"), "boss", email=canvas.hand("GET", "users/self")["login_id"])
    office.deliver()
    rows = canvas.rows()
    begin(office)
    office.deliver()
    assert "is a participant here too" in proof_of(office).steps[-1].said
    assert canvas.rows() == rows


TEST_USER = {"name": "Test Student", "login": "test.student", "sis_user_id": "TEST-1"}


@pytest.mark.parametrize("known_by", ["test.student", "TEST.student", "TEST-1"])
def test_a_test_user_can_be_enrolled_instead_of_the_token_s_owner(office, canvas, known_by):
    canvas.seed(
        users={"test": TEST_USER, "other": {"name": "test.student", "login": "test.student2"}},
        courses={"art": {"name": "Art"}},
    )
    begin(office, test_user=known_by)
    office.deliver()
    proof = proof_of(office)
    assert proof.is_well, said(proof)
    assert dict(said(proof))["person"] == "A search finds Test Student."
    assert [(login, course, state) for login, course, _, _, state in canvas.rows()] == [
        ("test.student", "art", "deleted")
    ]


@pytest.mark.parametrize("typed", ["test.studen", "Test Student", "TEST-12"])
def test_an_ambiguous_test_user_is_reported_and_nobody_is_enrolled(office, canvas, typed):
    canvas.seed(users={"test": TEST_USER}, courses={"art": {"name": "Art"}})
    begin(office, test_user=typed)
    office.deliver()
    assert f"with the login ID or SIS ID {typed}, or more than one." in proof_of(office).steps[-1].said
    assert canvas.rows() == []


def test_a_test_user_who_is_a_participant_is_left_alone(office, canvas):
    canvas.seed(users={"test": TEST_USER}, courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}})
    office.register(office.course("BIO", "bio"), "test", sis_user_id="TEST-1")
    office.deliver()
    rows = canvas.rows()
    begin(office, test_user="test.student")
    office.deliver()
    assert "Test Student is a participant here too" in proof_of(office).steps[-1].said
    assert canvas.rows() == rows


def test_a_lost_answer_about_a_test_user_leaves_no_live_enrollment(office, canvas):
    canvas.seed(users={"test": TEST_USER}, courses={"art": {"name": "Art"}})
    begin(office, test_user="TEST-1")
    canvas.faults({"match": ENROLL, "fault": "reset", "when": "after"})
    office.deliver()
    assert live(canvas) != []
    office.later(seconds=pauses.LOOK_AGAIN.total_seconds() + 1)
    office.deliver()
    assert live(canvas) == []
    office.later(minutes=5)
    office.deliver()
    assert proof_of(office).over_at is not None


def test_an_owner_missing_from_the_search_is_reported_and_the_rest_is_proven(office, canvas):
    canvas.options(permissions={"without": ["view_user_logins"]})
    begin(office)
    office.deliver()
    proof = proof_of(office)
    assert [step.name for step in proof.steps] == list(proofs.STEPS)
    assert live(canvas) == []


ENROLL, REMOVE = "POST /courses/*/enrollments", "DELETE /courses/*"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("match", [ENROLL, REMOVE])
@pytest.mark.parametrize("fault", [{"fault": "reset"}, {"fault": "html", "status": 503}])
def test_a_proof_whose_answer_is_lost_leaves_no_live_enrollment(office, canvas, match, when, fault):
    begin(office)
    canvas.faults({"match": match, "when": when, **fault})
    office.deliver()
    proof = proof_of(office)
    assert (proof.over_at, proof.steps[-1].well) == (None, False)
    office.later(seconds=pauses.LOOK_AGAIN.total_seconds() + 1)
    office.deliver()
    assert live(canvas) == []
    office.later(minutes=5)
    office.deliver()
    proof = proof_of(office)
    assert proof.over_at is not None
    assert said(proof)[-1] == ("clean", "Nothing of the proof is left in the course.")
    assert not proof.is_well


def test_a_proof_s_enrollment_that_canvas_makes_late_is_ended(office, canvas):
    begin(office)
    canvas.faults({"match": ENROLL, "fault": "reset", "when": "late"})
    office.deliver()
    office.later(seconds=61)
    office.deliver()
    assert proof_of(office).over_at is None
    until(lambda: live(canvas))
    office.later(minutes=5)
    office.deliver()
    assert live(canvas) == []
    assert proof_of(office).over_at is not None


def test_a_proof_whose_enrollment_canvas_refuses_says_so_and_ends(office, canvas):
    begin(office)
    canvas.faults({"match": ENROLL, "fault": "status", "status": 400})
    office.deliver()
    proof = proof_of(office)
    assert (proof.steps[-1].name, proof.steps[-1].well) == ("enroll", False)
    assert (proof.until, proof.over_at is None) == (None, False)


def test_a_proof_cut_off_by_an_outage_is_cleaned_up_when_canvas_is_back(office, canvas):
    begin(office)
    probe = {"match": "GET /users/self", "fault": "reset", "skip": 1}
    canvas.faults({"match": REMOVE, "fault": "reset", "when": "before"}, probe)
    office.deliver()
    assert connection_of(office).hold_cause == "canvas_down"
    assert live(canvas) != []
    office.later(minutes=6)
    office.deliver()
    office.deliver()
    assert live(canvas) == []
    assert proof_of(office).over_at is not None


def test_another_owner_s_token_cleans_up_the_proof_of_the_one_before(office, canvas):
    begin(office)
    canvas.faults({"match": REMOVE, "fault": "html", "status": 503, "when": "before"})
    office.deliver()
    assert live(canvas) != []
    connect_with_key(office)
    office.later(minutes=2)
    office.deliver()
    assert live(canvas) == []


# -- real processes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut_at", ["POST /courses/", "GET /accounts/", "DELETE /courses/"])
def test_the_next_worker_removes_the_enrollment_of_a_proof_cut_off_by_a_kill(office, canvas, database_url, cut_at):
    processes = [worker(database_url) for _ in range(2)]
    begin(office)
    canvas.options(latency_seconds=0.5)
    try:
        processes[0].start()

        def is_there() -> bool:
            calls = [f"{call['method']} {call['path']}" for call in canvas.read("calls")["calls"]]
            wanted = f"{cut_at}{canvas.ids['account.root']}/enrollments/" if "accounts" in cut_at else cut_at
            return any(call.startswith(wanted) and "/enrollments" in call for call in calls)

        until(is_there)
        processes[0].end(signal.SIGKILL)
        canvas.options(latency_seconds=0)
        until(lambda: canvas.read("calls")["calls"][-1]["status"])
        assert proof_of(office).until is not None
        processes[1].start()
        until(lambda: "clean" in [step.name for step in proof_of(office).steps])
        assert live(canvas) == []
        assert [row[4] for row in canvas.rows()] == ["deleted"]
    finally:
        for process in processes:
            if process.child is not None:
                process.end(signal.SIGKILL)
    office.later(minutes=5)
    office.deliver()
    assert proof_of(office).over_at is not None
    assert live(canvas) == []
