"""People who act on one course, also all at the same moment."""

import threading

from sqlalchemy import func, select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.tables.office import Course, Participant, Registration

from ..office_at_work import Office, someone


def at_once(office: Office, actions) -> list[str]:
    """Run each action(session) in a thread of its own, all at the same moment; "done" or the refusal for each."""
    gate, results = threading.Barrier(len(actions)), []

    def run(action):
        with office.app.app_context():
            session = office.app.extensions["sqlalchemy"].session
            gate.wait()
            try:
                action(session)
                session.commit()
                results.append("done")
            except NotPossible as reason:
                session.rollback()
                results.append(str(reason))
            finally:
                session.remove()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def registering(course_id: int, who: str, now):
    return lambda session: registrations.register(session, session.get(Course, course_id), someone(who), now)


def withdrawing(course_id: int, who: str, now):
    return lambda session: registrations.withdraw(session, session.get(Course, course_id), someone(who), now)


def live(session, course: Course) -> int:
    return session.scalar(
        select(func.count())
        .select_from(Registration)
        .where(Registration.course_id == course.id, Registration.status == "registered")
    )


def joining(course_id: int, who: str, now):
    return lambda session: registrations.register(session, session.get(Course, course_id), someone(who), now, wait=True)


def standings(session, course: Course) -> dict[str, str]:
    """key → status of everybody who is not withdrawn, in the order in which they came."""
    session.expire_all()
    rows = session.execute(
        select(Participant.key, Registration.status)
        .join(Registration, Registration.participant_id == Participant.id)
        .where(Registration.course_id == course.id, Registration.status != "withdrawn")
        .order_by(Registration.id)
    )
    return {row.key: row.status for row in rows}


def join(office: Office, course: Course, *who: str) -> None:
    for one in who:
        joining(course.id, one, office.now)(office.session)
        office.session.commit()
