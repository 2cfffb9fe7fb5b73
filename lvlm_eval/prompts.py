"""Prompts: files in, the exact text of a request out.

A prompt is a TOML file with one Jinja2 template a setting, or a Python file with one function.
"""

import dataclasses
import functools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2
import jinja2.meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.resources import Found, data_folder, find
from lvlm_eval.user_files import load_user_file, said


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the choice: its letter and the label drawn at the point that it stands for."""

    letter: str
    label: str


@dataclass(frozen=True, slots=True)
class PromptContext:
    """All that a prompt may speak of.

    Attributes:
        setting: ``vis``, ``vis+desc`` or ``desc``.
        category: the object's category in plain words ("fire truck").
        description: words for the query point, without an article ("tip of the left ear").
        options: in the order of their letters.
        labels: the labels drawn in the target photo, sorted.
        marker: what a marker looks like ("red arrow").
        source_label: the text drawn at the query in the source photo.
    """

    setting: Setting
    category: str
    description: str
    options: tuple[Option, ...]
    labels: tuple[str, ...]
    marker: str
    source_label: str


_CONTEXT_NAMES = tuple(one.name for one in dataclasses.fields(PromptContext))


@dataclass(frozen=True, slots=True)
class PromptText:
    """The finished text of a request."""

    user: str
    system: str | None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A loaded prompt.

    Attributes:
        name: file name without suffix.
        description: what it is for, one line.
        settings: the settings that it has words for.
        labels: ``letters`` or ``numbers`` if its words fit only such markers, else None.
        definition: everything in it that decides the text; goes into a run's identity.
        write: makes the text; raises InputError where the prompt cannot.
        shadows: True if it hides a built-in prompt of the same name.
    """

    name: str
    description: str
    settings: tuple[Setting, ...]
    definition: Mapping[str, Any]
    write: Callable[[PromptContext], PromptText]
    shadows: bool = False
    labels: Literal["letters", "numbers"] | None = None

    def check_fits(self, labels: Sequence[str], renderer: str) -> None:
        """Refuse markers that the words do not fit.

        Args:
            labels: what the renderer draws at the candidates.
            renderer: its name.

        Raises:
            InputError: the prompt speaks of numbers and letters are drawn, or the reverse.
        """
        drawn = "numbers" if all(label.isdecimal() for label in labels) else "letters"
        if self.labels not in (None, drawn):
            raise InputError(
                f"prompt '{self.name}' speaks of {self.labels} and renderer '{renderer}' draws "
                f"{drawn}. Use numbered-dots with the prompt numbers, or another prompt."
            )


class _PromptFile(BaseModel):
    """The fields of a prompt's TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str
    system: str | None = None
    labels: Literal["letters", "numbers"] | None = None
    option: str = "{{ letter }}. Point {{ label }}"
    answer: str = ""
    templates: dict[Setting, str]


# A prompt is tried on this before a run starts, so that a mistake in it costs nothing.
_TRIAL = {
    setting: PromptContext(
        setting=setting,
        category="car",
        description="center point of the front left wheel",
        options=tuple(map(Option, "ABCD", ("p1", "p2", "p3", "p4"))),
        labels=("p1", "p2", "p3", "p4"),
        marker="red arrow",
        source_label="q1",
    )
    for setting in SETTINGS
}


def load_prompt(name: str) -> Prompt:
    """Find and check a prompt.

    Args:
        name: a path, the name of a file in ``./prompts``, or a built-in name.

    Raises:
        InputError: it does not exist, a field is unknown or missing, or a template uses a name
            that is not in PromptContext.
    """
    found = find("prompts", name)
    prompt = _from_python(found) if found.path.suffix == ".py" else _from_toml(found)
    for setting in prompt.settings:
        _check_text(found, _TRIAL[setting], prompt.write(_TRIAL[setting]).user)
    return prompt


def letter_prompt() -> Prompt:
    """The prompt of the control ``letter``, which shows no query and asks for a label."""
    name = "which-letter"
    return _from_toml(Found(name, data_folder() / f"{name}.toml"))


def _check_text(found: Found, context: PromptContext, text: str) -> None:
    """Refuse a text that lacks what a question cannot do without."""
    needed = {"the label of a point": list(context.labels)}
    if context.setting != "desc":
        needed["the query's label, source_label"] = [context.source_label]
    if context.setting != "vis":
        needed["the description"] = [context.description]
    for what, words in needed.items():
        if not all(word in text for word in words):
            raise InputError(f"prompt '{found.path}', {context.setting}: the text lacks {what}.")


def _is_unicode(text: str) -> bool:
    """Whether there is no half of a character in a text, which no request can hold."""
    return text.isascii() or text == text.encode("utf-8", "replace").decode()


def _with_article(noun: str) -> str:
    """The filter ``a`` of templates: "a fire truck", "an elephant", by the first letter."""
    return f"an {noun}" if noun[:1].lower() in tuple("aeiou") else f"a {noun}"


def _from_toml(found: Found) -> Prompt:
    try:
        content = tomllib.loads(found.path.read_text(encoding="utf-8-sig"))
        fields = _PromptFile.model_validate(content)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"prompt '{found.path}': {_first_problem(error)}") from error
    return _of_fields(found, fields)


def prompt_of_definition(definition: Mapping[str, Any], name: str = "") -> Prompt:
    """The prompt of a ``.toml`` file as a run's identity holds it.

    Args:
        definition: `Prompt.definition`; a ``name`` in it is passed over.
        name: of the prompt.

    Raises:
        InputError: it is none, or that of a Python file, which is never run from a record.
    """
    found = Found(name, Path(name or "recorded"))
    try:
        content = {key: one for key, one in definition.items() if key != "name"}
        fields = _PromptFile.model_validate({"description": "", **content})
    except (ValueError, RecursionError) as error:
        raise InputError(f"recorded prompt '{name}': {_first_problem(error)}") from error
    return _of_fields(found, fields)


def _of_fields(found: Found, fields: _PromptFile) -> Prompt:
    environment = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["a"] = _with_article

    def complain(field: str, error: Exception, hint: str = "") -> InputError:
        return InputError(f"prompt '{found.path}', {field}: {error}{hint}")

    def compiled(field: str, text: str) -> Callable[[Mapping[str, Any]], str]:
        try:
            template = environment.from_string(text)
            used = sorted(jinja2.meta.find_undeclared_variables(environment.parse(text)))
        except Exception as error:  # deep nesting breaks the compilers behind it in many ways
            raise complain(field, error) from error

        # What names the letters, or is the same for all, is written once and not for each request.
        @functools.lru_cache(maxsize=16)
        def written_with(items: tuple[tuple[str, Any], ...]) -> str:
            return template.render(items).strip()

        def fill(values: Mapping[str, Any]) -> str:
            try:
                written = written_with(tuple((n, values[n]) for n in used if n in values))
            except jinja2.UndefinedError as error:
                may_use = f". A template may use: {', '.join(sorted(values))}."
                raise complain(field, error, may_use) from error
            except Exception as error:  # a template can divide by zero like any program
                raise complain(field, error) from error
            if not _is_unicode(written):
                raise InputError(f"prompt '{found.path}', {field}: gave text that is no Unicode.")
            return written

        return fill

    option = compiled("option", fields.option)
    answer = compiled("answer", fields.answer)
    system = None if fields.system is None else compiled("system", fields.system)
    templates = {
        setting: compiled(f"templates.{setting}", text)
        for setting, text in fields.templates.items()
    }

    @functools.lru_cache(maxsize=4096)
    def option_line(one: Option, category: str) -> str:
        return option({"letter": one.letter, "label": one.label, "category": category})

    def write(context: PromptContext) -> PromptText:
        if context.setting not in templates:
            raise InputError(f"prompt '{found.name}' has no template for '{context.setting}'.")
        values: dict[str, Any] = {name: getattr(context, name) for name in _CONTEXT_NAMES}
        values["options"] = "\n".join(option_line(one, context.category) for one in context.options)
        values["letters"] = tuple(one.letter for one in context.options)
        values["answer"] = answer(values)
        return PromptText(
            user=templates[context.setting](values),
            system=None if system is None else system(values),
        )

    return Prompt(
        name=found.name,
        description=fields.description,
        settings=tuple(setting for setting in SETTINGS if setting in fields.templates),
        definition=fields.model_dump(exclude={"description"}),
        write=write,
        shadows=found.shadows,
        labels=fields.labels,
    )


def _from_python(found: Found) -> Prompt:
    """A file with one function ``write(context: PromptContext) -> str``."""
    loaded = load_user_file(found.path)
    names = vars(loaded.module)
    function = names.get("write")
    if not callable(function):
        raise InputError(f"prompt '{found.path}' has no function write(context) -> str.")
    system = names.get("SYSTEM")

    def write(context: PromptContext) -> PromptText:
        try:
            text = function(context)
        except (Exception, SystemExit) as error:
            raise InputError(f"prompt '{found.path}': write() raised {said(error)}") from error
        if not isinstance(text, str):
            raise InputError(
                f"prompt '{found.path}': write() gave {type(text).__name__}, expected str."
            )
        if not _is_unicode(text):
            raise InputError(f"prompt '{found.path}': write() gave text that is no Unicode.")
        return PromptText(text, system)

    return Prompt(
        name=found.name,
        description=str(names.get("DESCRIPTION") or "(no DESCRIPTION in the file)"),
        settings=SETTINGS,
        definition={"python": loaded.source},
        write=write,
        shadows=found.shadows,
    )


def _first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    # A mistyped field is also a missing one: the former tells more.
    problem = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    if problem["type"] == "extra_forbidden":
        return f"unknown field '{place}'. {nearest_names(place, _PromptFile.model_fields)}"
    if problem["loc"][:1] == ("templates",) and problem["loc"][-1:] == ("[key]",):
        return f"unknown setting in '{place}'. Known: {', '.join(SETTINGS)}."
    return f"{place}: {problem['msg']}"
