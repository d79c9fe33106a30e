"""A round trip that proves the connection: enrolls the token's owner, or a test user, in a Canvas course as a student,
and removes them.

What a proof may leave in Canvas is written down before it is sent, in the connection's `proof`. If a proof is cut off,
the process that resumes it only cleans up. Canvas may carry out a request until `pauses.LATE` after it was sent, so a
proof whose request to enroll was not answered does not end before that.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, NotFound
from ..canvas.shapes import Enrollment, User
from ..ledger.causes import permission
from ..ledger.rows import LIVE
from ..shared import pauses
from ..shared.formats import listed
from ..shared.said import Said
from ..tables.canvas import Connection
from ..tables.columns import begin_writing
from ..tables.ledger import Match
from .looking_up import missing_in
from .proofs import STEPS, Proof, Step
from .tasks import Call, Walk


def proof_walk(session: Session, connection_id: int, root_id: int, now: Callable[[], datetime]) -> Walk:
    """The walk that makes a round trip, or cleans up after one that was cut off."""
    proof = Proof.of(session.get_one(Connection, connection_id))
    if proof is None or proof.over_at is not None:
        return
    trip = _Trip(session, connection_id, root_id, now, proof)
    yield from trip.clean_up() if proof.until else trip.go()


def put_off(session: Session, connection_id: int, now: datetime) -> None:
    """Store that a proof failed on our side."""
    connection = session.get_one(Connection, connection_id, populate_existing=True)
    proof = Proof.of(connection)
    if proof is None or proof.over_at is not None:
        return
    if proof.until is None:
        proof.steps.append(Step(STEPS[0], now, 0, Said("our_side_once"), False))
        proof.over_at = now
    else:
        proof.again_at = now + pauses.LOOK_AGAIN
    connection.proof = proof.to_json()


class _Timed:
    """A call that measures itself."""

    def __init__(self, call: Call):
        self.call, self.seconds = call, 0.0

    def __call__(self, canvas: CanvasClient) -> Any:
        began = time.monotonic()
        try:
            return self.call(canvas)
        finally:
            self.seconds = time.monotonic() - began


class _Trip:
    def __init__(self, session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], proof: Proof):
        self.session, self.connection_id, self.root_id, self.now = session, connection_id, root_id, now
        self.proof = proof

    def go(self) -> Walk:
        """Make every step, as far as that is safe."""
        proof = self.proof
        proof.steps.clear()
        ready = yield from self._look()
        if not ready:
            self._keep(over_at=self.now())
            return
        # The call may have to wait its turn first, if Canvas is busy.
        self._keep(until=self.now() + 2 * pauses.LATE)
        row, failed = yield from self._ask("enroll", self._enroll)
        if failed is not None:
            if failed.leaves_doubt:
                self._keep(again_at=self.now() + pauses.LOOK_AGAIN)
            else:
                self._keep(until=None, over_at=self.now())
            return
        is_ours = (row.user_id, row.course_id) == (proof.user_id, proof.canvas_course_id)
        self._say("proof_enrolled", is_ours and row.state in LIVE, id=row.id, state=row.state)
        self._keep(canvas_enrollment_id=row.id)
        yield from self._read("read", "proof_read", LIVE)
        gone, failed = yield from self._ask("remove", self._removing(row.id))
        if failed is not None:
            self._keep(again_at=self.now() + pauses.LOOK_AGAIN)
            return
        self._say("proof_removed", gone.state == "deleted", id=gone.id, state=gone.state)
        yield from self._read("gone", "proof_gone", ("deleted",))
        self._keep(until=None, over_at=self.now())

    def _look(self) -> Walk:
        """The steps that change nothing. Returns whether the next one may be made."""
        proof, at = self.proof, self.proof.canvas_course_id
        course, failed = yield from self._ask("course", lambda canvas: canvas.course(at))
        if failed is not None:
            return False
        proof.course = course.name
        if course.takes_no_students or course.concluded:
            return self._say(
                "no_students" if course.takes_no_students else "proof_concluded", False, course=course.name
            )
        self._say("proof_course", True, course=course.name)
        missing, failed = yield from self._ask("rights", lambda canvas: missing_in(canvas, at))
        if failed is not None:
            return False
        if missing:
            names = listed([permission(name) for name in missing])
            return self._say("proof_may_not", False, permissions=names)
        self._say("proof_may", True)
        found, failed = yield from self._ask("person", self._test_user if proof.test_user else self._owner)
        if failed is not None:
            return False
        who, is_found = found
        if who is None:
            return self._say("proof_no_test_user", False, name=proof.test_user)
        # An owner who can't be found can still be enrolled by number.
        self._say("proof_found" if is_found else "proof_not_found", is_found, name=who.name)
        proof.user_id = who.id
        rows, failed = yield from self._ask("free", self._theirs)
        if failed is not None:
            return False
        if rows:
            role = rows[0].type.removesuffix("Enrollment").lower()
            return self._say("proof_in_already", False, name=who.name, role=role, state=rows[0].state)
        same_user = (Match.connection_id == self.connection_id, Match.canvas_user_id == who.id)
        if self.session.scalar(select(Match.participant_id).where(*same_user).limit(1)) is not None:
            return self._say("proof_participant", False, name=who.name)
        return self._say("proof_free", True, name=who.name)

    def _owner(self, canvas: CanvasClient) -> tuple[User, bool]:
        """The token's owner, and whether a search finds them, as it must be able to find people."""
        owner = canvas.myself()
        listed = canvas.search_users(self.root_id, owner.login_id or owner.name)
        return owner, any(user.id == owner.id for user in listed)

    def _test_user(self, canvas: CanvasClient) -> tuple[User | None, bool]:
        """The user whom a search finds by exactly that login ID or SIS ID; None if it finds none, or several."""
        wanted = self.proof.test_user.casefold()
        listed = canvas.search_users(self.root_id, self.proof.test_user)
        known_by = [
            user for user in listed if wanted in {(one or "").casefold() for one in (user.login_id, user.sis_user_id)}
        ]
        return (known_by[0], True) if len(known_by) == 1 else (None, False)

    def _enroll(self, canvas: CanvasClient) -> Enrollment:
        return canvas.enroll(self.proof.canvas_course_id, self.proof.user_id or 0)

    def _theirs(self, canvas: CanvasClient) -> list[Enrollment]:
        """The person's enrollments in the course: those they have now, or had and may come back to."""
        return canvas.enrollments_in(self.proof.canvas_course_id, self.proof.user_id or 0)

    def _read(self, name: str, code: str, states: tuple[str, ...]) -> Walk:
        number = self.proof.canvas_enrollment_id or 0
        row, failed = yield from self._ask(name, lambda canvas: canvas.enrollment(self.root_id, number))
        if failed is None:
            self._say(code, row.state in states, id=row.id, state=row.state)

    def _removing(self, canvas_enrollment_id: int) -> Call:
        return lambda canvas: canvas.unenroll(self.proof.canvas_course_id, canvas_enrollment_id)

    def clean_up(self) -> Walk:
        """Remove what an earlier worker enrolled, or what Canvas enrolled after we stopped listening. There was no
        enrollment before the proof, so a student's enrollment that is there now is ours."""
        proof = self.proof
        proof.steps = [step for step in proof.steps if step.name != "clean"]
        self._keep(again_at=self.now() + pauses.LOOK_AGAIN)
        rows, failed = yield from self._ask("clean", self._theirs)
        if failed is not None:
            if isinstance(failed, NotFound):
                # The course is gone, and so is everything in it.
                self._keep(until=None, over_at=self.now())
            return
        for row in rows:
            if row.type == "StudentEnrollment" and row.state in LIVE:
                _, failed = yield from self._ask("clean", self._removing(row.id))
                if failed is not None and not isinstance(failed, NotFound):
                    return
        self._say("proof_cleaned", False)
        if proof.canvas_enrollment_id is None and proof.until is not None and self.now() < proof.until:
            self._keep(again_at=proof.until)
        else:
            self._keep(until=None, over_at=self.now())

    def _ask(self, name: str, call: Call) -> Walk:
        """Make a call, and note its error. Returns its answer, and the error or None."""
        timed, at = _Timed(call), self.now()
        try:
            answer = yield timed
        except CanvasError as error:
            self._note(Step(name, at, timed.seconds, error.said, False))
            return None, error
        self.latest = name, at, timed.seconds
        return answer, None

    def _say(self, code: str, well: bool, **about: Any) -> bool:
        """Note what came of the latest call. Returns whether it went well."""
        self._note(Step(*self.latest, Said(code, **about), well))
        return well

    def _note(self, step: Step) -> None:
        self.proof.steps.append(step)
        self._keep()

    def _keep(self, **values: Any) -> None:
        """Store the proof with these values."""
        for name, value in values.items():
            setattr(self.proof, name, value)
        begin_writing(self.session)
        self.session.get_one(Connection, self.connection_id).proof = self.proof.to_json()
