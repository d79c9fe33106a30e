"""What happens in Canvas without us: teachers, administrators, merges, moves, deletions, and backups."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import select

from ascriptica_plugin.canvas.errors import CanvasError
from ascriptica_plugin.tables.requests import Request

from .model_canvas import Row
from .model_office import GAP, IN_CANVAS, ONE, PLACE, WHO, OfficeSteps


class HandSteps(OfficeSteps):
    """Beside the office."""

    @rule(which=ONE, place=PLACE, state=st.sampled_from(["active", "active", "invited"]), gap=GAP)
    def add_by_hand(self, which: int, place: tuple[int, int | None] | None, state: str, gap: int) -> None:
        self._hand(gap)
        users = self.canvas.people()
        if place and users:
            try:
                row = self.canvas.enroll(place[0], users[which % len(users)].id, place[1], state, "hand")
            except CanvasError:
                return
            self._meets_a_request(row)

    @rule(which=ONE, how=st.sampled_from(["delete", "delete", "conclude", "deactivate", "reject"]), gap=GAP)
    def end_by_hand(self, which: int, how: str, gap: int) -> None:
        self._hand(gap)
        if found := self.canvas.live_rows():
            row = found[which % len(found)]
            if how != "reject":
                self.canvas.end(row.course_id, row.id, how, "hand")
            elif row.state == "invited":
                row.state, row.ended_by = "rejected", "hand"

    @rule(which=ONE, gap=GAP)
    def move_by_hand(self, which: int, gap: int) -> None:
        self._hand(gap)
        if found := self.canvas.live_rows():
            there = self.canvas.move_by_hand(found[which % len(found)])
            if there is not None:
                self._meets_a_request(there)
                there.moved = there.moved and not there.unsure

    def _hand(self, gap: int) -> None:
        self.is_plain = False
        self.canvas.pass_time(gap)

    def _meets_a_request(self, row: Row) -> None:
        """Whatever a hand lets in while something of ours about the person is out may be anybody's."""
        out = self.session.scalars(select(Request)).all()
        named = [self.canvas.by_address(one.address) for one in out if one.address]
        users = {user.id for user in named if user is not None} | {one.canvas_user_id for one in out}
        row.unsure = row.unsure or row.user_id in users
        self.session.commit()

    @rule(which=ONE, gap=GAP)
    def merge(self, which: int, gap: int) -> None:
        self._hand(gap)
        users = self.canvas.people()
        pairs = [
            (one.id, other.id) for one in users for other in users if one is not other and one.human == other.human
        ]
        if pairs:
            self.canvas.merge(*pairs[which % len(pairs)])

    @rule(which=ONE, gap=GAP)
    def delete_user(self, which: int, gap: int) -> None:
        self._hand(gap)
        if users := self.canvas.people():
            self.canvas.delete_user(users[which % len(users)].id)

    @rule(who=WHO, kind=IN_CANVAS, gap=GAP)
    def add_user(self, who: str, kind: str, gap: int) -> None:
        self._hand(gap)
        try:
            self._add_user(who, kind)
        except CanvasError:
            return

    @rule(section=st.sampled_from([12, 12, 11, 21]), course=st.sampled_from([1, 2]), gap=GAP)
    def crosslist(self, section: int, course: int, gap: int) -> None:
        self._hand(gap)
        self.canvas.crosslist(section, course)

    @rule(course=st.sampled_from([1, 2]), is_there=st.booleans(), gap=GAP)
    def delete_course(self, course: int, is_there: bool, gap: int) -> None:
        """Delete a Canvas course, or bring it back."""
        self._hand(gap)
        self.canvas.world.courses[course] = is_there

    @rule(gap=GAP)
    def take_backup(self, gap: int) -> None:
        self._hand(gap)
        self.canvas.take_backup()

    @precondition(lambda self: self.canvas.backup is not None)
    @rule(gap=GAP)
    def restore_backup(self, gap: int) -> None:
        self._hand(gap)
        self.canvas.restore_backup()
