"""One run: people come, faults take turns, everything heals, and the verdict is read."""

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ascriptica_plugin import retry

from .kinds import CANVAS, OURS, Kind, NotShown
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
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def is_right(self) -> bool:
        return not self.verdict.wrong and not self.broken

    def __str__(self) -> str:
        lines = [f"{count:5}  {name}" for name, count in sorted(self.shown.items())]
        lines += [f"{count:5}  {name} (found nothing to happen to)" for name, count in self.not_shown.items()]
        lines.append(
            f"{self.calls} calls to Canvas. {self.changes} changes; answers of the pages: {dict(self.answers)}"
        )
        lines += [f"BROKEN   {line}" for line in self.broken]
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
    lanes = [{name: kind for name, kind in lane.items() if name in kinds} for lane in (CANVAS, OURS)]
    threads = [
        threading.Thread(
            target=_lane,
            args=(stage, lane, random.Random(stage.rng.random()), seconds, is_done, report, calm_seconds, say),
        )
        for lane in lanes
        if lane
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.close()
    report.changes, report.answers, report.calls = stage.changes, stage.answers, stage.calls()
    stage.heal()
    report.verdict = _once_quiet(stage, report)
    return report


def _lane(
    stage: Stage, lane: dict[str, Kind], rng: random.Random, seconds: float, is_done, report, calm_seconds, say
) -> None:
    names, seen = [], set()
    while seen != set(lane) or not is_done(report):
        names = names or rng.sample(sorted(lane), len(lane))
        seen.add(name := names.pop())
        try:
            lane[name](stage, rng, seconds * rng.uniform(0.7, 1.3))
            report.shown[name] += 1
        except NotShown:
            report.not_shown[name] += 1
        except Exception:
            report.broken.append(f"{name}: {traceback.format_exc()}")
            stage.heal()
        time.sleep(calm_seconds)
        report.changes = stage.changes
        say(f"{time.strftime('%H:%M:%S')}  {stage.changes:6} changes  {name}")


def _once_quiet(stage: Stage, report: Report) -> Verdict:
    """The verdict once it is right and Canvas gets no more calls, or nothing has become better for a while: some wait
    until a request that was never answered can't be carried out any more."""
    patience = 60 + retry.LATE.total_seconds() / stage.speed
    began = better_at = quiet_since = time.monotonic()
    right_at, calls, fewest = None, stage.calls(), None
    while time.monotonic() - better_at < patience:
        verdict, now = judge(stage), stage.calls()
        if fewest is None or len(verdict.wrong) < fewest:
            fewest, better_at = len(verdict.wrong), time.monotonic()
        right_at = (right_at or time.monotonic()) if not verdict.wrong else None
        if now != calls:
            calls, quiet_since = now, time.monotonic()
        if right_at and time.monotonic() - quiet_since > 4 / stage.speed + 0.5:
            report.healed_after = right_at - began
            return verdict
        if verdict.wrong:
            stage.try_again(stage.desk)
        time.sleep(0.25)
    return judge(stage)
