"""The form about a course's results."""

from wtforms import BooleanField, Field, FloatField, SelectField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from ...shared.language import mark, t
from .form import Form


class ScoreField(FloatField):
    """A percentage, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata([value.strip().removesuffix("%").strip() for value in valuelist if value.strip()])
        except ValueError:
            raise ValueError(t("Enter a number of percent, such as 60.")) from None


class ResultsForm(Form):
    """Which results of a course are fetched, who sees them, and who has passed."""

    completed = BooleanField(
        mark("Who has completed it"), description=mark("All requirements of the Canvas course's modules.")
    )
    score = BooleanField(mark("Scores"), description=mark("The final score, or what a teacher set instead of it."))
    shown = BooleanField(mark("Participants see their own result"))
    passes_by = SelectField(
        mark("Somebody passes"),
        choices=[
            SelectChoice("", mark("When the office says so")),
            SelectChoice("completed", mark("By completing all requirements")),
            SelectChoice("score", mark("With a score of at least …")),
        ],
    )
    passes_from = ScoreField(mark("Percent to pass"), description=mark("Only for passing with a score."))

    def validate_passes_by(self, field: Field) -> None:
        needed = {"completed": self.completed, "score": self.score}.get(field.data)
        if needed is not None and not needed.data:
            raise ValidationError(t("To pass people this way, also tick “{field}”.", field=needed.label.text))

    def validate_passes_from(self, field: Field) -> None:
        if self.passes_by.data == "score" and field.data is None and not field.process_errors:
            raise ValidationError(t("Enter the score that passes, in percent."))
        if field.data is not None and not 0 <= field.data <= 1000:
            raise ValidationError(t("Enter a number of percent, such as 60."))
