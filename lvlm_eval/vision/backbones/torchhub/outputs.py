"""Features of patches in what models of research repositories return."""

from collections.abc import Mapping
from typing import Any

import torch

from lvlm_eval.errors import InputError

KEYS = ("x_norm_patchtokens", "patch_tokens", "patchtokens", "backbone", "features")
"""Where dictionaries hold them: those of DINOv2 and DUNE, of others, of C-RADIO with adaptors."""

MOST_BEFORE = 32
"""Tokens that may stand before those of patches: of the class, and registers."""


def patch_features(what: str, output: Any, rows: int, columns: int) -> torch.Tensor:
    """Find the features of patches in an output.

    Known are: tokens, (photos, N, C), of which the last are those of patches; maps, (photos, C,
    rows, columns) or (photos, rows, columns, C); a dictionary with one of `KEYS`; C-RADIO's pair of
    a summary, (photos, C), and tokens; and a list of one of these.

    Args:
        what: the model, for the message.
        output: of it.
        rows: of the photo's grid.
        columns: of the photo's grid.

    Returns:
        (photos, rows, columns, C).

    Raises:
        InputError: it is of another form; the message says of which.
    """
    if isinstance(output, Mapping):
        for key in KEYS:
            if key in output:
                return patch_features(what, output[key], rows, columns)
    elif isinstance(output, tuple | list):
        if len(output) == 1:
            return patch_features(what, output[0], rows, columns)
        if len(output) == 2 and _is(output[0], 2) and isinstance(output[1], torch.Tensor):
            return patch_features(what, output[1], rows, columns)
    elif _is(output, 3):
        before = output.shape[1] - rows * columns
        if 0 <= before <= MOST_BEFORE:
            of_patches = output[:, before:]
            return of_patches.reshape(len(output), rows, columns, output.shape[2])
    elif _is(output, 4):
        if tuple(output.shape[2:]) == (rows, columns):
            maps: torch.Tensor = output.permute(0, 2, 3, 1)
            return maps
        if tuple(output.shape[1:3]) == (rows, columns):
            channels_last: torch.Tensor = output
            return channels_last
    raise InputError(
        f"{what} gives {_said(output)}, in which no features of {rows} × {columns} patches are "
        "known. Give layer=-1 to take those of its last block, or a file of your own: "
        "--backbone my_backbone.py"
    )


def _is(value: Any, dimensions: int) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == dimensions


def _said(output: Any) -> str:
    if isinstance(output, torch.Tensor):
        one_each = " (one vector a photo)" if output.ndim == 2 else ""
        return f"a tensor of shape {tuple(output.shape)}{one_each}"
    if isinstance(output, Mapping):
        return f"a dictionary with {', '.join(map(str, output)) or 'nothing'}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of {', '.join(map(_said, output)) or 'nothing'}"
    return f"a {type(output).__name__}"
