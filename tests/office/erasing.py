"""Somebody asks to be erased, and the tests look for what is left."""

from sqlalchemy import select

from ascriptica_plugin.ledger import activity
from ascriptica_plugin.office import traces
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.office import Participant

from ..office_at_work import Office, connection_of


def number_of(office: Office, email: str = "kim@example.org") -> int:
    return office.session.scalars(select(Participant.id).where(Participant.email == email)).one()


def erase(admin, number: int, name: str = "Kim", **form):
    return admin.post(f"/tools/participants/{number}/erase", data={"end_access": "y", "name": name} | form)


def leave_for_another_canvas(office: Office) -> Connection:
    """Returns the connection that the office had until now."""
    home = connection_of(office)
    here = {column.name: getattr(home, column.name) for column in Connection.__table__.columns}
    other = Connection(**here | {"id": None, "canvas_url": "https://other.example/api/v1"})
    load_settings(office.session).connection = other
    office.session.commit()
    return home


def everything_in_the_database(office: Office) -> str:
    """Every value of every table, as text in small letters."""
    office.session.commit()
    rows = [row for table in Base.metadata.sorted_tables for row in office.session.execute(select(table))]
    office.session.commit()
    return traces.fold("\n".join(_as_text(value) for row in rows for value in row))


def _as_text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else repr(value)


def note(office: Office, who: str, words: str = "", participant_id: int | None = None) -> None:
    activity.note(office.session, office.now, who, "did", words, participant_id=participant_id)
    office.session.commit()
