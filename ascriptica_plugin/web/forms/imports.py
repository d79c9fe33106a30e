"""The form that takes a file to import."""

from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import BooleanField, SelectField
from wtforms.fields import SelectChoice

from ...office.imports.file import ENDINGS
from ...office.imports.header import COLUMNS
from .form import Form


class ImportForm(Form):
    """A CSV file to import or to try out."""

    kind = SelectField("What is in the file", choices=[SelectChoice(kind, kind.capitalize()) for kind in COLUMNS])
    file = FileField(
        "CSV file",
        validators=[
            FileRequired("Choose a file."),
            FileAllowed(ENDINGS, "Choose a CSV file. Its name ends with .csv."),
        ],
    )
    dry_run = BooleanField("Only try it out: show what would happen to each row, and change nothing")
    notify = BooleanField(
        "Mail the people whom the file registers or withdraws",
        description="Without it, they get no mail about these registrations, now or later. People who move up from "
        "the waitlist are mailed all the same.",
    )
    rename = BooleanField(
        "Rename people: whoever is here under another name gets the file's",
        description="Without it, such rows are listed and left out.",
    )
