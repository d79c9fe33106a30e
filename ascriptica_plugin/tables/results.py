"""The tables about results: what the office wants to know of a course from Canvas, and what came back."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, Double, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, SaidColumn


class CourseResults(Base):
    """Which of a course's results are fetched from Canvas, and what counts as passed. No row: none, and by hand only.

    `shown`: participants see their own. `passes_by`: completed (all requirements) or score (`passes_from` percent at
    least); None: by hand only. `owed_at`: somebody asked for the results, `due_at`: not before then. `fetched_at` is
    when the last fetch began. `problems` are codes of what could not be fetched, `problem` is why the last try failed.
    """

    __tablename__ = "ascriptica_course_results"
    __table_args__ = (
        CheckConstraint("passes_by IN ('completed', 'score')", name="passes_by_known"),
        CheckConstraint("passes_by <> 'score' OR passes_from IS NOT NULL", name="passes_from_given"),
    )

    course_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_course.id"), primary_key=True)
    completed: Mapped[bool] = mapped_column(default=False, server_default=false())
    score: Mapped[bool] = mapped_column(default=False, server_default=false())
    shown: Mapped[bool] = mapped_column(default=False, server_default=false())
    passes_by: Mapped[str | None] = mapped_column(String(20))
    passes_from: Mapped[float | None] = mapped_column(Double)
    owed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    problems: Mapped[list] = mapped_column(JSON, default=list, server_default="[]")
    problem: Mapped[str | None] = mapped_column(SaidColumn)


class Result(Base):
    """What Canvas said of one registration's results, and whether the person has passed, which we decide.

    `progress_at` and `scores_at` are when Canvas said it, `canvas_course_id` where. `completed_at` is Canvas's: None
    until all requirements are met, and again if a teacher has added one since; `first_completed_at` keeps the first
    one. Scores are in percent; `override_score` is what a teacher set instead of `final_score`. `passed`: None means
    not decided; `passed_how`: completed, score or hand.
    """

    __tablename__ = "ascriptica_result"
    __table_args__ = (CheckConstraint("passed_how IN ('completed', 'score', 'hand')", name="passed_how_known"),)

    registration_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_registration.id"), primary_key=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_connection.id"))
    canvas_course_id: Mapped[int | None] = mapped_column(BigInteger)
    progress_at: Mapped[datetime | None]
    requirements: Mapped[int | None]
    requirements_met: Mapped[int | None]
    completed_at: Mapped[datetime | None]
    first_completed_at: Mapped[datetime | None]
    scores_at: Mapped[datetime | None]
    current_score: Mapped[float | None] = mapped_column(Double)
    final_score: Mapped[float | None] = mapped_column(Double)
    override_score: Mapped[float | None] = mapped_column(Double)
    passed: Mapped[bool | None]
    passed_how: Mapped[str | None] = mapped_column(String(20))
    passed_at: Mapped[datetime | None]
