"""How many calls to Canvas each case costs, ours beside a canvasapi script's.

python -m tests.benchmarks.calls        # a few seconds
"""

import warnings
from collections.abc import Callable

import canvasapi

from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office
from .ground import an_office, databases, practice_canvas, report


class Script:
    """What a reader of canvasapi's manual would write."""

    def __init__(self, office: Office):
        canvas = office.canvas
        self.client = canvasapi.Canvas(canvas.url, canvas.token)
        self.course_id, self.root_id = canvas.ids["course.art"], canvas.ids["account.root"]

    def enroll(self, user: canvasapi.user.User) -> None:
        course = self.client.get_course(self.course_id)
        course.enroll_user(user, "StudentEnrollment", enrollment={"enrollment_state": "active"})

    def known(self) -> None:
        self.enroll(self.client.get_user("S-1", "sis_user_id"))

    def withdraw(self) -> None:
        course = self.client.get_course(self.course_id)
        user = self.client.get_user("S-1", "sis_user_id")
        for enrollment in course.get_enrollments(user_id=user.id):
            enrollment.deactivate("delete")

    def first_contact(self) -> None:
        account = self.client.get_account(self.root_id)
        [user] = [user for user in account.get_users(search_term="p2@example.org") if user.login_id == "p2@example.org"]
        self.enroll(user)

    def new(self) -> None:
        account = self.client.get_account(self.root_id)
        assert not list(account.get_users(search_term="new@example.org"))
        self.enroll(account.create_user({"unique_id": "new@example.org"}, user={"name": "New"}))


def main() -> None:
    warnings.filterwarnings("ignore", module="canvasapi")
    with databases() as urls, practice_canvas(users=2) as canvas, an_office(urls["SQLite"], canvas) as office:
        script = Script(office)
        course = office.session.query(Course).one()
        known = {"who": "p1", "sis_user_id": "S-1"}

        def ours(change: Callable[..., object], **who: str) -> Callable[[], object]:
            return lambda: (change(course, **who), office.session.commit())

        cases = {
            "known person": (ours(office.register, **known), script.known),
            "withdrawal": (ours(office.withdraw, **known), script.withdraw),
            "first contact, exists": (ours(office.register, who="p2"), script.first_contact),
            "new person": (ours(office.register, who="someone"), script.new),
        }
        report(f"{'calls':24}ours   script")
        for name, (change, scripted) in cases.items():
            change()
            mine = len(office.deliver())
            if name == "withdrawal":
                script.known()
                canvas.calls()
            scripted()
            report(f"{name:24}{mine:4}   {len(canvas.calls()):6}")


if __name__ == "__main__":
    main()
