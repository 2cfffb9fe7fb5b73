"""Makes one tiny checkpoint."""

from dataclasses import asdict
from pathlib import Path

import torch
import transformers

from lvlm_eval.errors import InputError
from lvlm_eval.models.tiny.backbones import write_dinov2
from lvlm_eval.models.tiny.families import BY_NAME, Family, positions_for
from lvlm_eval.models.tiny.names import BACKBONES, Sizes, check_families
from lvlm_eval.models.tiny.tokenizer import (
    END,
    END_OF_TEXT,
    START,
    THINK,
    THOUGHT,
    save_tokenizer,
    trained_tokenizer,
    write_json,
)
from lvlm_eval.models.tiny.weights import make_readable, name_as_published, randomize

MARK = "tiny_checkpoint.json"
"""The file that tells a folder of ours from any other."""

ENDING, CLOSING = 1.9, 2.3
"""How much wider the logits of an answer's end and of the reasoning's end spread than others: both
come within some dozen tokens, now and then at once, unless the model begins to repeat itself."""


def make_checkpoint(folder: Path, family: str, sizes: Sizes | None = None) -> int:
    """Write a checkpoint; one made here before is overwritten.

    Args:
        folder: new, empty, or of a tiny checkpoint.
        family: one of `names.EVERY`.
        sizes: the usual ones if not given.

    Returns:
        The bytes of its files.

    Raises:
        InputError: the family is unknown, or the folder holds something else or cannot be written.
    """
    check_families([family])
    sizes = sizes or Sizes()
    try:
        _check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # First, so that what was interrupted can be made again.
        write_json(folder / MARK, _mark(family, sizes))
        if family in BACKBONES:
            write_dinov2(folder, sizes)
        else:
            _write(folder, BY_NAME[family], sizes)
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot write to '{folder}': {error.strerror or error}.") from error


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"'{folder}' is a file; name another folder.")
    elif any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(
            f"'{folder}' holds something other than a tiny checkpoint; name another folder."
        )


def _mark(family: str, sizes: Sizes) -> dict[str, object]:
    return {
        "what": "random weights, made by python -m lvlm_eval.models.tiny",
        "family": family,
        **asdict(sizes),
    }


def _write(folder: Path, family: Family, sizes: Sizes) -> None:
    tokenizer = trained_tokenizer(family.added)
    ids = {token.content: place for place, token in tokenizer.get_added_tokens_decoder().items()}
    config, files = family.configure(ids, sizes)
    model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    randomize(model, sizes.seed)
    make_readable(model, tokenizer, {END: ENDING} | ({THOUGHT: CLOSING} if family.thinks else {}))
    model.generation_config = transformers.GenerationConfig(
        do_sample=False,
        eos_token_id=[ids[END], ids[END_OF_TEXT]],
        pad_token_id=ids[END_OF_TEXT],
        bos_token_id=ids[END_OF_TEXT],
    )
    model.save_pretrained(folder)
    if family.renamed:
        name_as_published(folder)
    save_tokenizer(tokenizer, folder, positions_for(sizes), family.tokens)
    for name, content in files.items():
        write_json(folder / name, content)
    (folder / "chat_template.jinja").write_text(_template(family), encoding="utf-8")


def _template(family: Family) -> str:
    """The family's chat template, in short: the messages' marks and the places of images."""
    system = (
        "{% if messages[0]['role'] != 'system' %}"
        f"{START}system\n{family.system}{END}\n"
        "{% endif %}"
    )
    messages = (
        "{% for message in messages %}"
        f"{START}{{{{ message['role'] }}}}\n"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
        "{% for part in message['content'] %}"
        "{% if part['type'] == 'image' or 'image' in part or 'image_url' in part %}"
        f"{family.image}"
        "{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
        "{% endfor %}{% endif %}"
        f"{END}\n"
        "{% endfor %}"
    )
    opened = f"{THINK}\n" if family.thinks else ""
    answer = f"{{% if add_generation_prompt %}}{START}assistant\n{opened}{{% endif %}}"
    return (system if family.system else "") + messages + answer
