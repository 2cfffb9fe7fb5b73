"""A small tokenizer of the kind that the Qwen models have, and its files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
"""Padding, and what stands before and after each message."""

THINK, THOUGHT = "<think>", "</think>"

LEARNED_TOKENS = 1024
"""At most so many beside the added ones; enough for most words of the texts below."""

# As in Qwen2: contractions, a word with the sign before it, single digits, other signs, blanks.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# What the tokenizer learns its words from: the language of this package's prompts.
_TEXTS = (
    "You see two photos, each showing a car. You see a photo of an aeroplane. image 1, image 2",
    "In the first photo, one point of the object is marked with a red arrow and the text REF.",
    "In the second photo, four points are marked, each with a red arrow and its own label: "
    "A, B, C, D. Four points carry the numbers 1, 2, 3, 4.",
    "Which point in the second photo marks the same place on its object as REF does in the first?",
    "Which marked point of the chair in image 2 corresponds to REF in image 1? Which numbered "
    "point marks the tip of the left wing? (Sides are the object's own.)",
    "Left, right, front and rear are meant from the object's own point of view (its driver's, its "
    "user's, or the animal's own), not as they appear in the photo. A part that occurs several "
    "times, such as a wheel or a leg, counts as another place each time.",
    "Question:\nOptions:\nA. Point A\nB. Point B\nC. Point C\nD. Point D\n\n",
    "Answer with one letter only: A, B, C or D. Answer with one letter.",
    "Please select the correct answer from the options above. Choose the option whose point is "
    "right. Answer with the option's letter only, not with the number of the point.",
    "Think step by step: name the part that is asked for, decide from the object's pose where its "
    "front and its left side are, then say what each marked point lies on.",
    "End with one line of exactly this form, with the letter of the option that you choose in "
    "place of X:\nFinal answer: X\nAnswer: A\nAnswer: B\nAnswer: C\nAnswer: D",
    "green arrow, blue arrow, purple arrow, yellow arrow, red circle, red cross, red square, dot",
    "center point of the front left wheel, top right corner of the windshield, middle of the "
    "handle, tip of the spout, bottom end of the rear right leg, base of the tail, left eye",
    "bicycle, bird, boat, bottle, bus, cat, cow, dog, elephant, giraffe, horse, motorbike, person, "
    "plant, sheep, sofa, train, monitor",
    "You are a helpful assistant. system user assistant 0 1 2 3 4 5 6 7 8 9 yes no same different",
)


def trained_tokenizer(special: Sequence[str]) -> Tokenizer:
    """A byte-level tokenizer, so that every text comes back from its tokens; always the same one.

    Args:
        special: the family's own tokens, which are left out of decoded texts. The ids of all added
            tokens follow those of the learned ones.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LEARNED_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    tokenizer.add_special_tokens(
        [
            AddedToken(one, special=True, normalized=False)
            for one in (END_OF_TEXT, START, END, *special)
        ]
    )
    # Not special, as in Qwen3: what is decoded still shows where the reasoning ends.
    tokenizer.add_tokens(
        [AddedToken(one, special=False, normalized=False) for one in (THINK, THOUGHT)]
    )
    return tokenizer


def save_tokenizer(
    tokenizer: Tokenizer, folder: Path, positions: int, named: Mapping[str, str] | Sequence[str]
) -> None:
    """Write the files that AutoTokenizer and vLLM look for.

    Args:
        tokenizer: from `trained_tokenizer`.
        folder: of the checkpoint; must exist.
        positions: bound on the tokens of prompt and answer.
        named: the family's own tokens, with the attribute that its processor reads each from if
            there is one.
    """
    tokenizer.save(str(folder / "tokenizer.json"))
    learned: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    write_json(folder / "vocab.json", learned["vocab"])
    merges = "".join(f"{left} {right}\n" for left, right in learned["merges"])
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}", encoding="utf-8")
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": positions,
        "padding_side": "left",
        "add_prefix_space": False,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": False,
        "errors": "replace",
        "bos_token": None,
        "unk_token": None,
        "eos_token": END,
        "pad_token": END_OF_TEXT,
        "extra_special_tokens": dict(named) if isinstance(named, Mapping) else list(named),
    }
    write_json(folder / "tokenizer_config.json", settings)


def write_json(path: Path, content: object) -> None:
    """Write one of a checkpoint's files."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
