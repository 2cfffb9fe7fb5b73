"""What there is to choose from, as tables for ``lvlm-eval list``."""

from collections.abc import Callable, Iterable

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lvlm_eval.errors import InputError
from lvlm_eval.models import model_entries
from lvlm_eval.models.named import PAPER, NamedModel, builtin_models, named_models
from lvlm_eval.prompts import load_prompt
from lvlm_eval.renderers import load_renderer
from lvlm_eval.report.backbone_listing import backbone_table, kind_rows
from lvlm_eval.resources import Kind, available

Rows = Iterable[tuple[str, str]]


def _models() -> Rows:
    for entry in model_entries():
        needs = f" (needs: pip install 'lvlm-eval[{entry.extra}]')" if entry.extra else ""
        yield entry.name, entry.what + needs
    yield "my_model.py", "an adapter of your own: a file with a class that has answer(requests)"
    yield "my_model.py:Name", "the same, where the file has several classes"


def _files(kind: Kind, describe: Callable[[str], str]) -> Rows:
    for found in available(kind):
        try:
            words = describe(found.name)
        except InputError as error:
            words = f"BROKEN: {error}"
        local = " (a file of yours, hides the built-in one)" if found.shadows else ""
        yield found.name, words + local


def _datasets() -> Rows:
    yield "sample", "bundled: rendered objects with keypoints, for trying things out"
    yield "<folder>", "a dataset in SOCOv1 layout (Images/, PairAnnotations/)"
    yield "<file.tsv>", "a SOCO-LVLM table; its setting is told by its name (img, imgtxt, txt)"
    yield "<folder of tables>", "several SOCO-LVLM tables, one a setting"
    yield "<SPair-71k>", "a folder with PairAnnotation/, ImageAnnotation/<category>/, JPEGImages/"
    yield "<ap-10k>", "AP-10K pairs: the same, with ImageAnnotation/<family>/<species>/"
    yield "<PF-dataset>", "PF-WILLOW: a folder with test_pairs_pf.csv or test_pairs.csv"
    yield "<PF-dataset-PASCAL>", "PF-PASCAL: a folder with test_pairs_pf_pascal.csv"


LISTS: dict[str, Callable[[], Rows]] = {
    "models": _models,
    "prompts": lambda: _files("prompts", lambda name: load_prompt(name).description),
    "renderers": lambda: _files("renderers", lambda name: load_renderer(name).description),
    "datasets": _datasets,
    "backbones": kind_rows,
}


def list_of(what: str) -> Group:
    """One of LISTS: name and what it is, one a row; then models or backbones with short names."""
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, words in LISTS[what]():
        # Names of users' files may hold brackets, which are no markup here.
        table.add_row(name.replace("[", r"\["), words.replace("[", r"\["))
    named = {"models": _named, "backbones": backbone_table}.get(what)
    return Group(table, named()) if named else Group(table)


def _named() -> Group:
    try:
        models, trouble = named_models(), ""
    except InputError as error:
        models, trouble = builtin_models(), f"BROKEN: {error}"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("short name", no_wrap=True, style="bold")
    table.add_column("run by", no_wrap=True)
    table.add_column("what it is; what --model-arg preset=paper changes", overflow="fold")
    for one in models.values():
        local = " (yours, hides the built-in one)" if one.hides else ""
        words = Text(f"{one.table.weights}{local}\n").append(_preset(one), style="dim")
        table.add_row(one.name, one.table.backend, words)
    return Group(table, Text(trouble)) if trouble else Group(table)


def _preset(model: NamedModel) -> str:
    """What the preset changes, in short."""
    paper = model.table.paper
    if paper is None:
        return "no preset"
    changes = ", ".join(f"{key}={value}" for key, value in paper.items())
    return f"{PAPER}: {changes or 'nothing'}"
