"""Tiny checkpoints: they load and answer like real ones, and are the same each time."""

import io
import json
from pathlib import Path

import pytest
from making import encoded_image
from PIL import Image

from lvlm_eval.models.tiny import __main__ as command
from lvlm_eval.models.tiny.names import FAMILIES, PIXEL_BUDGET_FAMILIES, Sizes

QUESTION = (
    "Which point is it?\nA. Point A\nB. Point B\nC. Point C\nD. Point D\nAnswer with one letter."
)


def picture(colour: object, size: tuple[int, int] = (80, 60)) -> Image.Image:
    return Image.open(io.BytesIO(encoded_image(size, colour))).convert("RGB")


BLUE, RED = picture((90, 120, 150)), picture((200, 60, 40), (60, 90))


def processor_of(folder: Path):
    """Most processors handle videos too, which needs torchvision."""
    pytest.importorskip("torchvision")
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(folder)


def model_of(folder: Path):
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder)


def inputs_of(processor, *images: Image.Image):
    content = [{"type": "image", "image": image} for image in images]
    content.append({"type": "text", "text": QUESTION})
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def made(folder: Path, family: str, **sizes: int) -> Path:
    from lvlm_eval.models.tiny.checkpoint import make_checkpoint

    assert make_checkpoint(folder, family, Sizes(**sizes)) > len(weights_of(folder))
    return folder


def test_answers_about_one_and_two_images_in_readable_text(any_checkpoint):
    processor, model = processor_of(any_checkpoint), model_of(any_checkpoint)
    lengths = set()
    for images in ((BLUE,), (BLUE, RED)):
        inputs = inputs_of(processor, *images)
        length = inputs["input_ids"].shape[1]
        lengths.add(length)
        tokens = model.generate(**inputs, max_new_tokens=24)[0, length:]
        text = processor.decode(tokens, skip_special_tokens=True)
        assert text.isascii() and text.isprintable()
        assert 1 <= len(tokens) <= 24
    assert len(lengths) == 2


def test_the_answer_hangs_on_the_image(any_checkpoint):
    import torch

    processor, model = processor_of(any_checkpoint), model_of(any_checkpoint)
    with torch.no_grad():
        blue = model(**inputs_of(processor, BLUE)).logits[0, -1]
        light = model(**inputs_of(processor, picture("white"))).logits[0, -1]
    assert (blue - light).abs().max() > 0.05


def test_weights_are_float32_and_their_files_small(any_checkpoint):
    import torch

    assert {one.dtype for one in model_of(any_checkpoint).parameters()} == {torch.float32}
    assert sum(path.stat().st_size for path in any_checkpoint.iterdir()) < 5e6


def test_each_letter_is_one_token_and_any_text_comes_back(any_checkpoint):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(any_checkpoint)
    for letter in "ABCD":
        assert len(tokenizer.encode(letter)) == 1
        assert len(tokenizer.encode(f" {letter}")) == 1
    for text in (QUESTION, "REF, a red arrow: Größe 点 \N{GRINNING FACE}"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_thinking_is_opened_by_the_template_only_where_it_should(any_checkpoint):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(any_checkpoint)
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    opened = prompt.endswith("<|im_start|>assistant\n<think>\n")
    assert opened == (any_checkpoint.name == "qwen3-vl-thinking")
    assert "<think>" not in tokenizer.apply_chat_template(messages, tokenize=False)
    assert len(tokenizer.encode("</think>")) == 1
    assert tokenizer.decode(tokenizer.encode("</think>"), skip_special_tokens=True) == "</think>"


def test_the_same_seed_gives_the_same_bytes(checkpoint, tmp_path):
    usual = weights_of(checkpoint("qwen3-vl"))
    assert weights_of(made(tmp_path / "again", "qwen3-vl")) == usual
    assert weights_of(made(tmp_path / "other", "qwen3-vl", seed=1)) != usual


def test_a_tiny_checkpoint_is_overwritten(checkpoint, tmp_path):
    made(tmp_path, "llava", layers=3)
    assert weights_of(tmp_path) != weights_of(checkpoint("llava"))
    assert weights_of(made(tmp_path, "llava")) == weights_of(checkpoint("llava"))


@pytest.mark.parametrize("family", PIXEL_BUDGET_FAMILIES)
def test_max_pixels_lets_the_model_see_more(family, checkpoint, tmp_path):
    large = picture("gray", (640, 480))
    small, roomy = (
        inputs_of(processor_of(folder), large)["input_ids"].shape[1]
        for folder in (
            checkpoint(family),
            made(tmp_path, family, max_pixels=640 * 480, hidden=64),
        )
    )
    assert small < 120
    assert 2 * small < roomy < 700


def test_a_dinov2_looks_at_photos_and_is_the_same_each_time(checkpoint, tmp_path):
    import numpy as np

    from lvlm_eval.vision.backbones.registry import build_backbone

    photos = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)

    def features(folder: Path):
        return build_backbone(f"hf:{folder}", {}).backbone.encode(photos)

    usual = features(checkpoint("dinov2"))
    assert usual.shape == (2, 2, 2, 64)
    assert (usual[0] - usual[1]).abs().max() > 0.1
    assert (features(made(tmp_path / "again", "dinov2")) == usual).all()
    assert (features(made(tmp_path / "other", "dinov2", seed=1)) != usual).any()


@pytest.mark.usefixtures("checkpoint")
def test_every_family_can_be_made():
    from lvlm_eval.models.tiny.families import BY_NAME

    assert tuple(BY_NAME) == FAMILIES


@pytest.mark.usefixtures("checkpoint")
def test_the_command_says_where_each_is_and_how_large(tmp_path, capsys):
    assert command.main([str(tmp_path), "--family", "llava", "internvl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        f"{family}: {tmp_path / family}" for family in ("llava", "internvl")
    ]
    assert all(line.endswith(" MB)") for line in lines)
    assert json.loads((tmp_path / "llava" / "tiny_checkpoint.json").read_text())["seed"] == 0


@pytest.mark.usefixtures("checkpoint")
@pytest.mark.parametrize("kind", ["folder", "file", "under a file"])
def test_what_is_no_tiny_checkpoint_is_left_alone(kind, tmp_path, capsys):
    target = tmp_path / "llava"
    if kind == "folder":
        target.mkdir()
        kept = target / "config.json"
    else:
        kept = target
    kept.write_text("mine")
    out = target if kind == "under a file" else tmp_path
    assert command.main([str(out), "--family", "llava"]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.count("\n") == 1
    assert "llava" in captured.err
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--family", "qwen3"], "unknown family 'qwen3'. Did you mean 'qwen3-vl'"),
        (["--family", "llava", "zzz"], "unknown family 'zzz'. Known: dinov2, internvl, llava,"),
        (["--layers", "1"], "layers is 1, expected a whole number from 2."),
        (["--hidden", "100"], "hidden is 100, expected a multiple of 64."),
        (["--seed", "-1"], "seed is -1, expected a whole number from 0."),
        (["--max-pixels", "10"], "max_pixels is 10, expected a whole number from 4096."),
        (["--max-pixels", "9999", "--family", "llava"], "--max-pixels has no effect on llava;"),
    ],
)
def test_wrong_use_ends_in_one_line(arguments, said, tmp_path, capsys):
    assert command.main([str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_with_what_installs_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "error: tiny checkpoints need the package 'torch': pip install 'lvlm-eval[hf]'\n"
    )
