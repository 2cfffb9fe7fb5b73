"""What ``lvlm-eval vision`` shows while it goes: the plan, then a bar or a line now and then."""

import time

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from lvlm_eval.report.progress import SECONDS_BETWEEN_LINES
from lvlm_eval.report.standard_error import Bar
from lvlm_eval.vision.encoding import EncodingPlan
from lvlm_eval.vision.memory import amount


class EncodingBar(Bar):
    """An EncodingWatcher that writes to standard error."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task("encoding photos", total=None, rate="")
        self._began = self._said = time.monotonic()
        self._done = self._total = 0

    def planned(self, plan: EncodingPlan) -> None:
        """Write the plan, and set the bar to it."""
        for line in plan_lines(plan):
            self.note(line)
        self._done, self._total = 0, plan.photos + plan.twice
        self._began = self._said = time.monotonic()
        self._bar.update(self._task, total=self._total, completed=0)

    def encoded(self, photos: int, again: bool) -> None:
        """Move the bar on."""
        self._done += photos
        now = time.monotonic()
        rate = self._done / max(now - self._began, 1e-9)
        what = "encoding again" if again else "encoding photos"
        self._bar.update(self._task, completed=self._done, rate=f"{rate:.1f}/s", description=what)
        if not self.console.is_terminal and now - self._said > SECONDS_BETWEEN_LINES:
            self._said = now
            left = max(0, self._total - self._done) / rate
            self.note(
                f"{self._done} of {self._total} photos, {rate:.1f}/s, {left / 60:.0f} min left"
            )


def plan_lines(plan: EncodingPlan) -> list[str]:
    """What encoding will take, in words: photos, bytes, passes."""
    rows, columns, channels = plan.grid
    shape = f"{rows}×{columns} cells × {channels}, {amount(plan.map_bytes)} each"
    before = f", {plan.kept_before} of them encoded by an earlier run" if plan.kept_before else ""
    lines = [f"plan: {plan.photos} photos{before}; feature maps of {shape}"]
    again = f"{plan.twice} photos are encoded a second time" + (
        ", since their maps find no room" if plan.room else ""
    )
    if plan.lasting:
        fresh = (plan.photos - plan.kept_before) * plan.map_bytes
        where = f"{amount(fresh)} go to disk, where {amount(plan.room)} may be used"
    else:
        most = plan.waiting * plan.map_bytes
        where = (
            f"maps that wait at a time: {plan.waiting} ({amount(most)}); "
            f"{amount(plan.room)} of memory may be used"
        )
    lines.append(f"plan: {where}; {again if plan.twice else 'every photo is encoded once'}")
    return lines
