"""From what a user asks for to a Job that can be run: data, questions, settings, folder."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

from lvlm_eval.controls import FACTS, settings_under
from lvlm_eval.datasets import open_dataset
from lvlm_eval.datasets.lvlm_tables import LvlmTables
from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.descriptions import make_describer
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.exclusions import check_known, left_out_note, read_ids
from lvlm_eval.mirroring import MirroredTargets, tells_side
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.pictures import PictureMaker
from lvlm_eval.prompts import Prompt, letter_prompt, load_prompt
from lvlm_eval.questions import DISTRACTOR_POLICIES, QuestionPolicy, QuestionSet, make_questions
from lvlm_eval.records import SETTINGS, Control, Protocol, Question, Setting
from lvlm_eval.renderers import Renderer, load_renderer
from lvlm_eval.requests import DrawnRequests, RequestSource, WrittenRequests
from lvlm_eval.runs.folder import canonical
from lvlm_eval.runs.run import identity_of

DEFAULT_PROMPT = "soco"
DEFAULT_RENDERER = "red-arrow"

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class DrawingChoices:
    """What a user may decide about questions of a SOCOv1 tree; None is the default.

    Attributes:
        prompt: name or path.
        renderer: name or path.
        protocol: ``options`` or ``markers``.
        rotations: 4 or 1.
        distractors: name of the policy.
        min_distance: between candidates, as a fraction of the target's longer side.
        pairs_per_category: questions of each category.
        descriptions: JSON or TOML file of the user's own words.
        seed: of the questions.
        control: what is taken from the questions or changed in them; for tables, too.
        exclude: file with ids of questions to leave out; for tables, too.
    """

    prompt: str | None = None
    renderer: str | None = None
    protocol: str | None = None
    rotations: int | None = None
    distractors: str | None = None
    min_distance: float | None = None
    pairs_per_category: int | None = None
    descriptions: Path | None = None
    seed: int = 0
    control: Control | None = None
    exclude: Path | None = None


_OF_TABLES_TOO = ("seed", "control", "exclude")


def one_of(flag: str, value: str, known: tuple[Choice, ...]) -> Choice:
    """The known value that was written.

    Raises:
        InputError: it is none of them; the message names the nearest.
    """
    for one in known:
        if one == value:
            return one
    raise InputError(f"{flag} '{value}' is not known. {nearest_names(value, known)}")


def parse_settings(text: str) -> tuple[Setting, ...] | None:
    """Read ``vis``, ``vis+desc``, ``desc``, several with commas, or ``all`` (None)."""
    if text == "all":
        return None
    known = (*SETTINGS, "all")
    wanted = [one_of("--setting", one.strip(), known) for one in text.split(",")]
    return None if "all" in wanted else tuple(one for one in SETTINGS if one in wanted)


def open_source(
    data: str, choices: DrawingChoices, wanted: tuple[Setting, ...] | None
) -> RequestSource:
    """Open a dataset and make its questions.

    Args:
        data: ``sample``, a folder of annotated pairs, a SOCO-LVLM table or a folder of them.
        choices: for pairs; a table's rows are sent as they are, so it takes none.
        wanted: the settings to read tables for; None reads all.

    Raises:
        InputError: the data, a name or a number is wrong.
    """
    return OpenedData(data).source(choices, wanted)


class OpenedData:
    """A dataset that the requests of several runs are made from: what they share is read once.

    Args:
        data: see `open_source`.

    Raises:
        InputError: it is no dataset.
    """

    def __init__(self, data: str) -> None:
        self._data = data
        self._dataset = open_dataset(data)
        self._questions: dict[tuple[QuestionPolicy, Path | None, bool], QuestionSet] = {}
        self._written: dict[
            tuple[tuple[Setting, ...], Control | None, frozenset[str]], WrittenRequests
        ] = {}
        self._prompts: dict[str, Prompt] = {}

    @property
    def is_drawn(self) -> bool:
        """Whether its pictures are drawn; those of tables stand in them."""
        return not isinstance(self._dataset, LvlmTables)

    def source(
        self,
        choices: DrawingChoices,
        wanted: tuple[Setting, ...] | None,
        renderer: Renderer | None = None,
        maker: PictureMaker | None = None,
    ) -> RequestSource:
        """The requests of one run.

        Args:
            choices: see `open_source`.
            wanted: see `open_source`.
            renderer: draws instead of the one that the choices name.
            maker: makes the pictures, with that renderer.

        Raises:
            InputError: a name or a number is wrong.
        """
        control = choices.control
        if control is not None:
            _require(wanted or (), FACTS[control].settings, f"control '{control}' is for")
        if isinstance(self._dataset, LvlmTables):
            return self._from_tables(self._dataset, choices, wanted)
        if control == "letter":
            _refuse_of_letter(choices)
        policy = _policy(choices)
        rotations = choices.rotations if choices.rotations is not None else 4
        if rotations not in (1, 4):
            raise InputError(f"--rotations {rotations} is not possible: 4 (circular) or 1.")
        named = choices.prompt or DEFAULT_PROMPT
        prompt = letter_prompt() if control == "letter" else self._prompt(named)
        _require(wanted or (), prompt.settings, f"prompt '{prompt.name}' has templates for")
        renderer = renderer or load_renderer(choices.renderer or DEFAULT_RENDERER)
        prompt.check_fits(renderer.labels, renderer.name)
        source = DrawnRequests(
            dataset=self._dataset,
            drawn_questions=self._questions_of(self._dataset, policy, choices),
            policy=policy,
            prompt=prompt,
            renderer=renderer,
            # Where the letter itself is asked for, option and letter must agree.
            protocol="markers"
            if control == "letter"
            else one_of("--protocol", choices.protocol or "options", get_args(Protocol)),
            rotations=rotations,
            control=control,
            maker=maker,
        )
        if source.wordless:
            _require(
                wanted or (),
                source.settings,
                f"keypoints of '{self._data}' have no names to describe them by. "
                "Give --descriptions, or use",
            )
        return source

    def _prompt(self, name: str) -> Prompt:
        if name not in self._prompts:
            self._prompts[name] = load_prompt(name)
        return self._prompts[name]

    def _questions_of(
        self, dataset: PairDataset, policy: QuestionPolicy, choices: DrawingChoices
    ) -> QuestionSet:
        control, mirrored = choices.control, choices.control == "mirror"
        key = (policy, choices.descriptions, mirrored)
        drawn = self._questions.get(key)
        if drawn is None:
            describer = make_describer(dataset.taxonomy(), choices.descriptions)
            shown = MirroredTargets(dataset) if mirrored else dataset
            drawn = make_questions(shown, policy, describer)
            if mirrored:
                _check_sides(drawn.questions, self._data)
            self._questions[key] = drawn
        excluded = _excluded(choices)
        if choices.exclude is not None:
            check_known(excluded, [one.id for one in drawn.questions], choices.exclude)
        if control is None and not excluded:
            return drawn
        kept = (one for one in drawn.questions if one.id not in excluded)
        notes = drawn.notes
        if excluded:
            notes += (left_out_note(excluded, [one.id for one in drawn.questions]),)
        return replace(
            drawn, questions=tuple(replace(one, control=control) for one in kept), notes=notes
        )

    def _from_tables(
        self, tables: LvlmTables, choices: DrawingChoices, wanted: tuple[Setting, ...] | None
    ) -> WrittenRequests:
        given = [
            f"--{name.replace('_', '-')}"
            for name in DrawingChoices.__dataclass_fields__
            if name not in _OF_TABLES_TOO and getattr(choices, name) is not None
        ]
        if given:
            raise InputError(
                f"{', '.join(given)} cannot be used with '{self._data}': the rows of a table are "
                "sent as they stand, with the images and texts that are in it."
            )
        available = tuple(one for one in SETTINGS if one in tables.tables)
        control = choices.control
        if control is not None and not FACTS[control].of_tables:
            able = ", ".join(name for name, facts in FACTS.items() if facts.of_tables)
            raise InputError(
                f"control '{control}' cannot be made of '{self._data}': a table tells no points. "
                f"Of tables there are {able}."
            )
        _require(wanted or (), available, f"'{self._data}' has tables for")
        read = wanted or settings_under(control, available)
        excluded = _excluded(choices)
        if choices.exclude is not None:
            rows = (row for one in read for row in tables.tables[one].rows())
            check_known(excluded, {row.group for row in rows}, choices.exclude)
        key = (read, control, excluded)
        return self._written.setdefault(key, WrittenRequests(tables, *key))


def _check_sides(questions: Sequence[Question], data: str) -> None:
    """Refuse names that tell no side: mirrored, each would be taken for its counterpart.

    Raises:
        InputError: no candidate's name says left or right.
    """
    names = {candidate.name or "" for one in questions for candidate in one.candidates}
    if not any(map(tells_side, names)):
        raise InputError(
            f"control 'mirror' cannot be made of '{data}': no keypoint's name says left or right "
            f"('{min(names)}', for one), so what is the other side after mirroring is not known."
        )


def _refuse_of_letter(choices: DrawingChoices) -> None:
    """Refuse what the control ``letter`` would make nothing of.

    Raises:
        InputError: a prompt or a protocol was named.
    """
    named = {"--prompt": choices.prompt, "--protocol": choices.protocol}
    given = [flag for flag, value in named.items() if value is not None]
    if given:
        raise InputError(
            f"{', '.join(given)} cannot be used with the control 'letter', which has a prompt of "
            "its own and draws the option's letter. Leave it out."
        )


def _excluded(choices: DrawingChoices) -> frozenset[str]:
    return frozenset() if choices.exclude is None else read_ids(choices.exclude)


def settings_of(
    source: RequestSource, model: BuiltModel, wanted: tuple[Setting, ...] | None
) -> tuple[Setting, ...]:
    """The settings to ask in: what is wanted, or all that data and model can do.

    Raises:
        InputError: a wanted setting is one that the model cannot answer, or none is left.
    """
    able = model.adapter.settings
    if wanted is not None:
        _require(wanted, able, f"model '{model.name}' answers")
        return wanted
    both = tuple(one for one in source.settings if one in able)
    if not both:
        raise InputError(
            f"model '{model.name}' answers {', '.join(able)}; the data has "
            f"{', '.join(source.settings)}."
        )
    return both


def default_folder(source: RequestSource, model: BuiltModel, decoding: str) -> Path:
    """``results/<model>-<data>-<8 hex of the identity>``: the same command finds it again.

    A user's adapter file counts by content here, so that another file of that name, or a changed
    one, starts a run of its own. A model with a short name has it here, after what runs it.
    """
    identity = canonical(identity_of(source, model, decoding)) + model.code
    digest = hashlib.sha256(identity.encode()).hexdigest()
    return (
        Path("results")
        / f"{safe_name(model.label or model.name)}-{safe_name(source.name)}-{digest[:8]}"
    )


def _policy(choices: DrawingChoices) -> QuestionPolicy:
    default = QuestionPolicy()
    pairs = choices.pairs_per_category
    distance = choices.min_distance
    if pairs is not None and pairs < 1:
        raise InputError(f"--pairs-per-category {pairs} is not possible: at least 1.")
    if distance is not None and not 0 <= distance < 1:
        raise InputError(f"--min-distance {distance:g} is not possible: from 0 to below 1.")
    return QuestionPolicy(
        pairs_per_category=default.pairs_per_category if pairs is None else pairs,
        distractors=one_of(
            "--distractors", choices.distractors or default.distractors, DISTRACTOR_POLICIES
        ),
        min_distance=default.min_distance if distance is None else distance,
        seed=choices.seed,
    )


def _require(wanted: tuple[Setting, ...], able: tuple[Setting, ...], who: str) -> None:
    missing = [one for one in wanted if one not in able]
    if missing:
        raise InputError(f"--setting {','.join(missing)}: {who} {', '.join(able)} only.")


def safe_name(name: str) -> str:
    """A model's or dataset's name as part of a folder's: lower case, ``++`` as ``-plus-plus``."""
    plus = name.replace(".py", "").replace("+", "-plus")
    return re.sub(r"[^a-z0-9.]+", "-", plus.lower()).strip("-.") or "unnamed"
