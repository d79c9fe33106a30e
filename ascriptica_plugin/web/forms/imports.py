"""The form that takes a file to import."""

from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import BooleanField, SelectField
from wtforms.fields import SelectChoice

from ...office.imports.file import ENDINGS
from ...office.imports.header import COLUMNS
from ...shared.language import Marked, mark
from .form import Form

KINDS: Marked[dict[str, str]] = {
    "courses": "Courses",
    "participants": "Participants",
    "registrations": "Registrations",
}


class ImportForm(Form):
    """A CSV file to import or to try out."""

    kind = SelectField(mark("What is in the file"), choices=[SelectChoice(kind, KINDS[kind]) for kind in COLUMNS])
    file = FileField(
        mark("CSV file"),
        validators=[
            FileRequired(mark("Choose a file.")),
            FileAllowed(ENDINGS, mark("Choose a CSV file. Its name ends with .csv.")),
        ],
    )
    dry_run = BooleanField(mark("Only try it out: show what would happen to each row, and change nothing"))
    notify = BooleanField(
        mark("Mail the people whom the file registers or withdraws"),
        description=mark(
            "Without it, they get no mail about these registrations, now or later. People who move up from "
            "the waitlist are mailed all the same."
        ),
    )
    rename = BooleanField(
        mark("Rename people: people who have another name here get the name in the file"),
        description=mark("Without it, such rows are listed and left out."),
    )
