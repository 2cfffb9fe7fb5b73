"""Where the figures come from: for each run what was asked of whom, and how to repeat it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvlm_eval.provenance import is_drawn_anew
from lvlm_eval.reference import source
from lvlm_eval.report.page.commands import repeatable
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.runs import Effort, LvlmRun, VisionRun
from lvlm_eval.report.page.tables.table import Column, Row, Table, words

Facts = tuple[tuple[str, str], ...]

ARXIV = "2605.31597"


@dataclass(frozen=True, slots=True)
class Record:
    """All that is told of one run.

    Attributes:
        label: the run's.
        kind: what it is.
        facts: name and text, in order.
        commands: as they can be pasted into bash; the first made the run, later ones went on.
        texts: title and text of what is too long for a line: prompt templates and the like.
        notes: what went wrong beside the figures.
    """

    label: str
    kind: str
    facts: Facts
    commands: tuple[str, ...]
    texts: Facts = ()
    notes: tuple[str, ...] = ()


def records(read: Input) -> tuple[Record, ...]:
    """One record a run, those of LVLMs first."""
    return (*map(_lvlm, read.lvlm), *map(_vision, read.vision))


def provenance(read: Input) -> Content:
    """The same as a table, one row a run; empty without runs."""
    found = records(read)
    names = list(dict.fromkeys(name for one in found for name, _ in one.facts))
    table = Table(
        "provenance",
        "Provenance",
        "What was asked of which model, and the command that repeats it.",
        (
            Column("run", "Run", numeric=False),
            *(Column(_key(name), name, numeric=False) for name in names),
            Column("commands", "Commands", numeric=False),
        ),
        tuple(
            Row(
                (
                    words(one.label),
                    *(words(dict(one.facts).get(name, "")) for name in names),
                    words(" ; ".join(one.commands)),
                ),
                own=True,
            )
            for one in found
        ),
    )
    return Content((table,) if found else ())


# As arXiv lists them.
_AUTHORS = (
    r"D{\"u}nkel, Olaf",
    "Sunagad, Basavaraj",
    "Wang, Haoran",
    "Hoffmann, David T.",
    "Theobalt, Christian",
    "Kortylewski, Adam",
)


def citation() -> str:
    """A BibTeX entry of the benchmark, for engines old and new (no sign beyond ASCII)."""
    title = source().partition(", arXiv")[0]
    return "\n".join(
        [
            "@misc{soco2026,",
            f"  author        = {{{' and '.join(_AUTHORS)}}},",
            f"  title         = {{{{{title}}}}},",
            "  year          = {2026},",
            f"  eprint        = {{{ARXIV}}},",
            "  archivePrefix = {arXiv},",
            f"  url           = {{https://arxiv.org/abs/{ARXIV}}},",
            "  note          = {ECCV 2026}",
            "}",
        ]
    )


def _lvlm(run: LvlmRun) -> Record:
    identity = run.identity
    model, prompt = _mapping(identity.get("model")), _mapping(identity.get("prompt"))
    renderer, drawn = _mapping(identity.get("renderer")), _mapping(identity.get("questions"))
    facts = [
        ("Model", str(model.get("name", ""))),
        ("Model settings", _plainly(model.get("settings"))),
        ("Called itself", ", ".join(run.effort.served)),
        ("Data", run.scored.data),
        ("Dataset fingerprint", _plainly(identity.get("dataset"))),
        ("Questions", f"{run.questions:,}"),
        ("Rows", _statuses(run.statuses)),
        ("Prompt", str(prompt.get("name", "")) or "the table's own text"),
        ("Renderer", str(renderer.get("name", "")) or "the table's own images"),
        ("Protocol", str(identity.get("protocol", ""))),
        ("Rotations", _plainly(identity.get("rotations"))),
        ("Distractors", _plainly(drawn.get("distractors"))),
        ("Pairs of a category", _plainly(drawn.get("pairs_per_category"))),
        ("Seed of the questions", _plainly(drawn.get("seed"))),
        ("Control", run.control),
        ("Decoding", _plainly(identity.get("decode"))),
        ("Drawn", "anew" if is_drawn_anew(identity) else "as released"),
        *_effort(run.effort),
        ("Other arguments", _each_listed(call.get("incidental") for call in run.calls)),
        ("Versions", _versions(run.calls)),
    ]
    texts = [
        (f"Prompt {prompt.get('name', '')}: {name}", str(text))
        for name, text in _mapping(prompt.get("templates")).items()
    ]
    texts += [
        (f"Prompt: {name}", str(prompt[name]))
        for name in ("system", "option", "answer")
        if prompt.get(name)
    ]
    if renderer:
        texts.append((f"Renderer {renderer.get('name', '')}", _pretty(renderer)))
    texts.append(("Identity of the run, in full", _pretty(identity)))
    return Record(
        run.label,
        "LVLM",
        tuple((name, text) for name, text in facts if text),
        _commands(call.get("command") for call in run.calls),
        tuple(texts),
        (*run.scored.metrics.warnings, *run.scored.notes),
    )


def _vision(run: VisionRun) -> Record:
    config, manifest = _mapping(run.document.get("config")), run.manifest
    data = _mapping(config.get("data"))
    facts = [
        ("Backbone", str(config.get("backbone", ""))),
        ("Backbone settings", _plainly(config.get("identity"))),
        ("Data", str(config.get("dataset", ""))),
        ("Dataset fingerprint", _plainly(data.get("fingerprint"))),
        ("Pairs", _plainly(data.get("pairs"))),
        ("Photos", _plainly(data.get("photos"))),
        ("Left out", _plainly({n: data.get(n) for n in _SKIPS if data.get(n)})),
        ("Tasks", _plainly(config.get("tasks"))),
        ("Image side", f"{_plainly(config.get('side'))} px"),
        ("Patch", f"{_plainly(config.get('patch'))} px"),
        ("Thresholds", _plainly(config.get("thresholds"))),
        ("Seed", _plainly(config.get("seed"))),
        ("Deviations", _plainly(config.get("deviations"))),
        ("Figures from", _time(str(manifest.get("at", "")))),
        ("Versions", _listed(_mapping(config.get("versions")))),
    ]
    return Record(
        run.label,
        "Vision backbone",
        tuple((name, text) for name, text in facts if text),
        _commands([manifest.get("command")]),
        (("Configuration, in full", _pretty(config)),),
    )


_SKIPS = ("skipped_pairs", "skipped_photos", "photos_of_another_size")


def _effort(effort: Effort) -> Facts:
    spending = effort.spending
    cost = "no price is known; token counts are above"
    if effort.prompt_tokens is None:
        cost = "the answers came without token counts"
    if spending is not None:
        unknown = f"; {spending.unpriced:,} answers came without token counts"
        cost = f"{spending}{unknown if spending.unpriced else ''}"
    tokens = (
        ""
        if effort.prompt_tokens is None
        else f"{effort.prompt_tokens:,} of prompts, {effort.completion_tokens or 0:,} of answers"
    )
    seconds = "" if effort.seconds is None else f"{effort.seconds:,.1f} s, of all requests together"
    return (
        ("Tokens", tokens),
        ("Cost", cost),
        ("First answer", _time(effort.first)),
        ("Last answer", _time(effort.last)),
        ("Time of requests", seconds),
    )


def _commands(found: Iterable[Any]) -> tuple[str, ...]:
    """Each command once, in order."""
    return tuple(dict.fromkeys(repeatable(str(one)) for one in found if one))


def _statuses(statuses: Mapping[str, int]) -> str:
    total = sum(statuses.values())
    return f"{total:,}: " + ", ".join(f"{number:,} {name}" for name, number in statuses.items())


def _time(moment: str) -> str:
    """``2026-05-01 12:30:00 UTC`` of an ISO time; anything else as it stands."""
    if len(moment) >= 19 and moment[10] == "T" and moment.endswith("+00:00"):
        return f"{moment[:10]} {moment[11:19]} UTC"
    return moment


def _versions(calls: Sequence[Mapping[str, Any]]) -> str:
    """The versions of all calls, each once."""
    found = [
        f"{name} {_plainly(value)}"
        for call in calls
        for name, value in (
            ("lvlm-eval", call.get("version")),
            ("python", call.get("python")),
        )
        if value not in (None, "")
    ]
    return ", ".join(dict.fromkeys(found))


def _each_listed(found: Iterable[Any]) -> str:
    """Arguments that decide no answer, of all calls, each once."""
    return ", ".join(dict.fromkeys(_plainly(one) for one in found if one))


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plainly(one)}" for name, one in values.items())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plainly(value: Any) -> str:
    """A value of a manifest in words; empty for nothing."""
    if value is None or value in ("", {}, []):
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plainly(one) or '–'}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plainly(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _key(name: str) -> str:
    return name.lower().replace(" ", "_")
