"""One run: people come, faults take turns, everything heals, and the verdict is read."""

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from ascriptica_plugin.shared import pauses

from . import pages
from .answers import answer_everything
from .kinds import CANVAS, OURS
from .kinds.kind import Kind, NotShown
from .stage import Stage
from .verdict import Verdict, judge


@dataclass
class Report:
    """What happened: how often each kind of fault was shown, and what came of it all."""

    shown: Counter[str] = field(default_factory=Counter)
    not_shown: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    changes: int = 0
    calls: int = 0
    answers: dict[int | None, int] = field(default_factory=dict)
    healed_after: float = 0
    answered: int = 0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def is_right(self) -> bool:
        return not self.verdict.wrong and not self.broken

    @property
    def in_short(self) -> str:
        """For a table of several runs."""
        faults = f"{self.shown.total()} faults of {len(self.shown)} kinds"
        ends = f"{self.verdict.people_in_canvas} enrollments, {self.answered} questions answered"
        how = f"right after {self.healed_after:.0f} s" if self.is_right else f"{len(self.verdict.wrong)} wrong"
        return f"{self.changes} changes, {faults}, {ends}, {how}."

    def __str__(self) -> str:
        lines = [f"{count:5}  {name}" for name, count in sorted(self.shown.items())]
        lines += [f"{count:5}  {name} (found nothing to happen to)" for name, count in self.not_shown.items()]
        lines.append(
            f"{self.calls} calls to Canvas. {self.changes} changes; answers of the pages: {dict(self.answers)}"
        )
        lines += [f"BROKEN   {line}" for line in self.broken]
        lines.append(f"The office answered {self.answered} questions.")
        lines.append(f"Right {self.healed_after:.1f} s after the last fault." if self.is_right else "NOT RIGHT")
        return "\n".join([*lines, str(self.verdict)])


def run(
    stage: Stage,
    seconds: float,
    kinds: list[str],
    is_done: Callable[[Report], bool],
    calm_seconds: float = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Report:
    """Show the kinds of fault, each for about so many seconds and with a calm after it, over and over until it is done;
    then heal and judge."""
    report = Report()
    threads = []
    for lane, held in ((CANVAS, stage.weather), (OURS, nullcontext())):
        its = {name: kind for name, kind in lane.items() if name in kinds}
        how = (random.Random(stage.rng.random()), held, seconds, is_done, report, calm_seconds, say)
        if its:
            threads.append(threading.Thread(target=_lane, args=(stage, its, *how)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.close()
    report.changes, report.answers, report.calls = stage.office.changes, stage.office.answers, stage.calls()
    stage.heal()
    report.verdict = _once_quiet(stage, report, _by_registrations)
    if report.is_right:
        _let_the_office_look(stage, report)
    return report


def _let_the_office_look(stage: Stage, report: Report) -> None:
    """Everything is read again, and every question answered: what the pages say is so, and Canvas is as the office has
    it, before the answers and after them."""
    rng = random.Random(stage.rng.random())
    stage.command("recheck", "--everything")
    report.verdict = _once_quiet(stage, report, _by_pages)
    for _ in range(8):
        if not report.is_right or not (given := answer_everything(stage, rng)):
            break
        report.answered += given
        report.verdict = _once_quiet(stage, report, _by_pages)
    else:
        report.verdict.wrong.append("The office is asked again and again.")


def _by_registrations(stage: Stage) -> Verdict:
    lines = pages.said(stage)
    return judge(stage, pages.asked(lines), pages.as_in(lines))


def _by_pages(stage: Stage) -> Verdict:
    lines = pages.said(stage)
    verdict = judge(stage, pages.asked(lines))
    # The commands and many pages take their time, so they come once the rest is right.
    if not verdict.wrong:
        verdict.wrong += pages.untrue(stage, lines)
    return verdict


def _lane(
    stage: Stage, lane: dict[str, Kind], rng: random.Random, held, seconds: float, is_done, report, calm_seconds, say
) -> None:
    names, seen = [], set()
    while seen != set(lane) or not is_done(report):
        names = names or rng.sample(sorted(lane), len(lane))
        seen.add(name := names.pop())
        try:
            with held:
                lane[name](stage, rng, seconds * rng.uniform(0.7, 1.3))
            report.shown[name] += 1
        except NotShown:
            report.not_shown[name] += 1
        except Exception:
            report.broken.append(f"{name}: {traceback.format_exc()}")
            stage.heal()
        time.sleep(max(calm_seconds, 0.05))
        report.changes = stage.office.changes
        say(f"{time.strftime('%H:%M:%S')}  {stage.office.changes:6} changes  {name}")


def _once_quiet(stage: Stage, report: Report, look: Callable[[Stage], Verdict]) -> Verdict:
    """The verdict once it is right and Canvas gets no more calls, or nothing has become better for a while: some wait
    until a request that was never answered can't be carried out any more."""
    # What `recheck` sends has the pauses of real life.
    patience = 90 + pauses.LATE.total_seconds()
    began = better_at = quiet_since = time.monotonic()
    right_at, calls, fewest = None, stage.calls(), None
    while time.monotonic() - better_at < patience:
        verdict, now = look(stage), stage.calls()
        if fewest is None or len(verdict.wrong) < fewest:
            fewest, better_at = len(verdict.wrong), time.monotonic()
        right_at = (right_at or time.monotonic()) if not verdict.wrong else None
        if now != calls:
            calls, quiet_since = now, time.monotonic()
        if right_at and time.monotonic() - quiet_since > 4 / stage.speed + 0.5:
            report.healed_after = max(report.healed_after, right_at - began)
            return verdict
        if verdict.wrong:
            stage.office.try_again(stage.office.desk)
        time.sleep(0.25)
    return look(stage)
