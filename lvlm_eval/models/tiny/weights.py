"""Random weights that nevertheless make a model answer readable text."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from tokenizers import Tokenizer

WEIGHTS = "model.safetensors"


def randomize(model: torch.nn.Module, seed: int) -> None:
    """Draw all weights anew, so that they depend on the seed alone.

    The spread falls with the number of inputs, so that signals keep their size from layer to layer
    and the logits differ enough for no near tie. With that alone the answer would hang on the last
    token only, so what a token is counts for less, and what it attends to for more.
    """
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            noise = torch.randn(weights.shape, generator=draws)
            if weights.ndim >= 2:
                inputs = 1 if "embed" in name else weights[0].numel()
                weights.copy_(noise * _emphasis(name) * inputs**-0.5)
            elif "norm" in name and name.endswith("weight"):
                weights.copy_((1 + 0.1 * noise) * _emphasis(name))
            else:
                weights.copy_(0.05 * noise)


def _emphasis(name: str) -> float:
    """The factor by which weights of the language model differ from the usual spread."""
    if "embed_tokens" in name:
        return 0.3
    # Where queries are normalized, as in Qwen3, only the factor after that has an effect.
    attends = ("q_proj", "q_norm", "o_proj")
    return 2.0 if "language_model" in name and any(part in name for part in attends) else 1.0


def make_readable(
    model: torch.nn.Module, tokenizer: Tokenizer, chances: Mapping[str, float]
) -> None:
    """Let the model write printable ASCII only, and end.

    The logit of every other token becomes 0, far below the highest: no half of a character comes
    out, no line end, and no token that stands for an image.

    Args:
        model: with random weights.
        tokenizer: its own.
        chances: added tokens that may come nevertheless, and the factor by which the spread of
            their logits exceeds that of an ordinary token.
    """
    size = tokenizer.get_vocab_size()
    factors = {tokenizer.token_to_id(token): factor for token, factor in chances.items()}
    added = set(tokenizer.get_added_tokens_decoder())
    with torch.no_grad():
        rows = model.get_output_embeddings().weight
        for token in range(rows.shape[0]):
            if token in factors:
                rows[token] *= factors[token]
                continue
            text = tokenizer.decode([token]) if token < size and token not in added else ""
            if not (text and text.isascii() and text.isprintable()):
                rows[token] = 0


def name_as_published(folder: Path) -> None:
    """Give the vision tower's weights the names that published LLaVA checkpoints have.

    transformers reads both kinds and writes the shorter, but vLLM reads only the published one.
    """
    short, published = "vision_tower.", "vision_tower.vision_model."
    # Read as a whole: what is mapped from a file must not be there when that file is written anew.
    stored = load((folder / WEIGHTS).read_bytes())
    weights = {
        name.replace(short, published, 1)
        if name.startswith(short) and not name.startswith(published)
        else name: values
        for name, values in stored.items()
    }
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
