"""The table of the files that the office uploads."""

from datetime import datetime

from sqlalchemy import JSON, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base


class Import(Base):
    """An uploaded file that is being imported, and the results of its rows so far; a dry run changes nothing else.

    `file` is kept until the last row is `done`, or a while longer if it was only tried out or has refused rows.
    `outcomes` are kept as long: for each line that was tried out, what would become of it and what it would change, in
    words. `refused` has pairs of line and reason, `remarks` pairs of line and what was left out of a row that was
    taken. `taken_until_at` is the lease of the worker that imports it. `broken`: an unexpected error ended it before
    its last row.

    `to_confirm`: nothing happens before somebody has confirmed what its `columns` are. These are our columns in the
    order of the file's, None for one that is ignored; there is no list if the file has our names. `ignored` has the
    names of the ignored ones. `rename`: the file's names replace those of people who are here. `notify`: people whom it
    registers or withdraws are mailed. `removes` are the courses from which it would remove too many people: code,
    title, how many, of how many; nothing happens before somebody has decided about them. If it is only tried out, they
    are all courses from which it removes people. `may_remove`: the people are removed. `new_people`
    is how many participants its registrations made. `act_id` is its entry in the activity log. Its reasons are in the
    `language` of the page that uploaded it.
    """

    __tablename__ = "ascriptica_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str]
    dry_run: Mapped[bool] = mapped_column(default=False)
    who: Mapped[str] = mapped_column(String(320))
    language: Mapped[str | None] = mapped_column(String(20))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    broken: Mapped[bool] = mapped_column(default=False)
    taken_until_at: Mapped[datetime | None]

    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    made: Mapped[int] = mapped_column(default=0)
    new_people: Mapped[int] = mapped_column(default=0, server_default="0")
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[list] = mapped_column(JSON)
    remarks: Mapped[list | None] = mapped_column(JSON)
    columns: Mapped[list | None] = mapped_column(JSON)
    ignored: Mapped[list | None] = mapped_column(JSON)
    to_confirm: Mapped[bool] = mapped_column(default=False, server_default=false())
    rename: Mapped[bool] = mapped_column(default=False, server_default=false())
    notify: Mapped[bool] = mapped_column(default=False, server_default=false())
    removes: Mapped[list | None] = mapped_column(JSON(none_as_null=True))
    may_remove: Mapped[bool] = mapped_column(default=False, server_default=false())
    act_id: Mapped[int | None]
    outcomes: Mapped[list | None] = mapped_column(JSON)
    file: Mapped[bytes | None] = mapped_column(LargeBinary)
