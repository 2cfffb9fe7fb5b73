"""The backbones with a short name, as a table for ``lvlm-eval list backbones``."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lvlm_eval.errors import InputError
from lvlm_eval.reference import main_vision_rows
from lvlm_eval.vision.backbones.kinds import KINDS
from lvlm_eval.vision.backbones.named import NamedBackbone, builtin_backbones, named_backbones

_FOOTER = """\
positions hub: resized as in the code of the published runs; library: as the library does.
verified, with small random weights: blocks = features equal those that a hook takes from the \
library's own model, with and without final norm; positions = equal to an independent computation.
unverified: weights = the published ones were never loaded here, so no published figure is \
reproduced."""

_NORMALISATIONS = {
    "imagenet": "ImageNet",
    "clip": "CLIP",
    "half": "pixels -1 to 1",
    "raw": "pixels 0 to 1",
}


def kind_rows() -> list[tuple[str, str]]:
    """What ``--backbone`` takes beside short names: how it is written, and what it is."""
    rows = []
    for kind in KINDS.values():
        needs = f" (needs: pip install 'lvlm-eval[{kind.extra}]')" if kind.extra else ""
        rows.append((kind.name, kind.what + needs))
    rows.append(
        ("my_backbone.py", "one of your own: a file with a class that has patch and encode(photos)")
    )
    rows.append(("my_backbone.py:Name", "the same, where the file has several classes"))
    return rows


def backbone_table() -> Group:
    """The backbones with a short name: which weights, how features are taken, what is checked."""
    try:
        backbones, trouble = named_backbones(), ""
    except InputError as error:
        backbones, trouble = builtin_backbones(), f"BROKEN: {error}"
    main = main_vision_rows()
    first = [one for one in backbones.values() if one.table.published in main]
    others = [one for one in backbones.values() if one.table.published not in main]
    tables = (_table("the rows of the paper's main table", first), _table("others", others))
    footer = Text(_FOOTER, style="dim")
    return Group(*tables, footer, Text(trouble)) if trouble else Group(*tables, footer)


def _table(title: str, backbones: Sequence[NamedBackbone]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("short name", no_wrap=True, style="bold")
    table.add_column(title, overflow="fold")
    for one in backbones:
        table.add_row(one.name, _described(one))
    return table


def _described(backbone: NamedBackbone) -> Text:
    table = backbone.table
    words = Text(table.use)
    if table.published and table.published != backbone.name:
        words.append(f" ({table.published})", style="italic")
    if backbone.hides:
        words.append(" (yours, hides the built-in one)", style="bold")
    words.append(f"\n{_taken(backbone)}\n")
    if table.verified:
        words.append(f"verified: {table.verified}", style="green")
    if table.unverified:
        words.append(" · " if table.verified else "")
        words.append(f"unverified: {table.unverified}", style="yellow")
    words.rstrip()
    return words


def _taken(backbone: NamedBackbone) -> str:
    shown = backbone.table.shown
    parts = [f"patch {shown('patch')}"] if shown("patch") else []
    layer, norm = shown("layer"), shown("final_norm")
    if layer is not None:
        number = f"block {layer}" if isinstance(layer, int) else str(layer)
        parts.append("last block" if layer == -1 else number)
    if norm is not None:
        parts.append({True: "final norm", False: "no final norm"}.get(norm, str(norm)))
    normalisation = shown("normalisation")
    if normalisation is not None:
        parts.append(_NORMALISATIONS.get(normalisation, normalisation))
    if shown("pos_embed") is not None:
        parts.append(f"positions {shown('pos_embed')}")
    return ", ".join(parts)
