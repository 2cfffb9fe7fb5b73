"""What the page says of a run: an LVLM's answers, or a backbone's figures."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lvlm_eval.prices import Price, Spending
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Prediction
from lvlm_eval.report.vision_table import unlike_published
from lvlm_eval.scoring import Scored, scored_run


@dataclass(frozen=True, slots=True)
class Effort:
    """What the answers of a run took.

    Attributes:
        first: when the first answer was recorded, UTC, ISO 8601; empty if no answer tells.
        last: when the last one was.
        seconds: sum over all requests, many of which may have run at once; None if none tells.
        prompt_tokens: as servers counted them; None if none did.
        completion_tokens: likewise.
        served: what the model called itself, each name once.
        spending: what the answers cost; None without a price.
    """

    first: str
    last: str
    seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    served: tuple[str, ...]
    spending: Spending | None = None


@dataclass(frozen=True, slots=True)
class LvlmRun:
    """A run of ``lvlm-eval run``, without its answers.

    Attributes:
        id: unique in the page, ``l`` and a number; toggles and figures go by it.
        label: the model's name, with more where several runs share it.
        place: folder or archive.
        scored: its figures, scored from the recorded answers.
        identity: everything that decided the answers.
        calls: what is recorded of each call, the first that made the run first.
        questions: how many.
        asked: the same for runs over questions of the same names.
        statuses: status, or ``missing`` → planned rows.
        effort: what it took.
    """

    id: str
    label: str
    place: Path
    scored: Scored
    identity: Mapping[str, Any]
    calls: Sequence[Mapping[str, Any]]
    questions: int
    asked: str
    statuses: Mapping[str, int]
    effort: Effort

    @property
    def control(self) -> str:
        """The control that it was asked under; empty without one."""
        return str(self.identity.get("control") or "")

    @property
    def complete(self) -> bool:
        """No row failed or is missing."""
        return all(one["official"].complete for one in self.scored.metrics.settings.values())


@dataclass(frozen=True, slots=True)
class VisionRun:
    """The figures of ``lvlm-eval vision --out``.

    Attributes:
        id: unique in the page, ``v`` and a number.
        label: the backbone's name, with more where several runs share it.
        place: folder.
        document: its ``metrics.json``.
        manifest: its ``manifest.json``.
        not_comparable_because: why it does not compare with the published rows; empty if it does.
    """

    id: str
    label: str
    place: Path
    document: Mapping[str, Any]
    manifest: Mapping[str, Any]
    not_comparable_because: str


def lvlm_run(run: RecordedRun, place: Path, prices: Mapping[str, Price]) -> LvlmRun:
    """Score a run, and take from it what the page says.

    Args:
        run: as it is recorded.
        place: what the user calls it.
        prices: what ``--model`` says → price.
    """
    scored = replace(scored_run(run), place=place)
    statuses = Counter(
        "missing" if one is None else one.status for one in map(run.prediction, run.planned)
    )
    call = run.manifest.recorded["calls"][-1]
    price = prices.get(str(call.get("model", "")))
    return LvlmRun(
        id="",
        label=scored.model,
        place=place,
        scored=scored,
        identity=run.identity,
        calls=tuple(run.manifest.recorded["calls"]),
        questions=len(run.questions),
        asked=hashlib.sha256(json.dumps(sorted(run.questions)).encode()).hexdigest(),
        statuses=dict(sorted(statuses.items())),
        effort=_effort(run.recorded.by_id.values(), price),
    )


def vision_run(place: Path, document: Mapping[str, Any], manifest: Mapping[str, Any]) -> VisionRun:
    """Take a backbone's figures.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: the document has another form.
    """
    config = document["config"]
    label = str(config.get("title") or config["backbone"])
    return VisionRun("", label, place, document, manifest, unlike_published(document))


def with_labels(
    lvlm: Iterable[LvlmRun], vision: Iterable[VisionRun]
) -> tuple[tuple[LvlmRun, ...], tuple[VisionRun, ...]]:
    """Give each run its id, and those of one name labels that tell them apart."""
    first, second = tuple(lvlm), tuple(vision)
    names = _told_apart([(one.label, one.place) for one in first])
    others = _told_apart([(one.label, one.place) for one in second])
    return (
        tuple(
            replace(one, id=f"l{place}", label=name)
            for place, (one, name) in enumerate(zip(first, names, strict=True))
        ),
        tuple(
            replace(one, id=f"v{place}", label=name)
            for place, (one, name) in enumerate(zip(second, others, strict=True))
        ),
    )


def _told_apart(runs: Sequence[tuple[str, Path]]) -> list[str]:
    often = Counter(name for name, _ in runs)
    folders = Counter((name, place.name) for name, place in runs)
    found: list[str] = []
    for number, (name, place) in enumerate(runs, 1):
        if often[name] == 1:
            found.append(name)
        elif place.name and folders[name, place.name] == 1:
            found.append(f"{name} ({place.name})")
        else:
            found.append(f"{name} (run {number})")
    return found


def _effort(answers: Iterable[Prediction], price: Price | None) -> Effort:
    listed = list(answers)
    times = sorted(one.at for one in listed if one.at)
    seconds = [one.seconds for one in listed if one.seconds is not None]
    return Effort(
        first=times[0] if times else "",
        last=times[-1] if times else "",
        seconds=sum(seconds) if seconds else None,
        prompt_tokens=_tokens(listed, "prompt_tokens"),
        completion_tokens=_tokens(listed, "completion_tokens"),
        served=tuple(sorted({one.served_model for one in listed if one.served_model})),
        spending=None if price is None else Spending.of_earlier(price, listed),
    )


def _tokens(answers: Iterable[Prediction], name: str) -> int | None:
    counts = [
        number
        for one in answers
        if one.usage
        and isinstance(number := one.usage.get(name), int)
        and not isinstance(number, bool)
    ]
    return sum(counts) if counts else None
