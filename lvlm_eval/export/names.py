"""The columns, file names and folder names that the public toolkit looks for."""

import re
from collections.abc import Mapping

from lvlm_eval.records import Setting

COLUMNS = (
    *("question", "image", "image_path", "answer", "index", "g_index", "qid", "category"),
    *("A", "B", "C", "D"),
)
"""Of a SOCO-LVLM table, in the released order."""

ENDINGS: Mapping[Setting, str] = {"vis": "img", "vis+desc": "imgtxt", "desc": "txt"}
"""What the file names of each setting have behind ``soco_lvlm_``."""

_LONGEST_MODEL = 100


def table_name(setting: Setting) -> str:
    """Such as ``soco_lvlm_imgtxt.tsv``."""
    return f"soco_lvlm_{ENDINGS[setting]}.tsv"


def workbook_name(model: str, setting: Setting) -> str:
    """Such as ``openai_gpt-4o_soco_lvlm_img_c.xlsx``.

    Args:
        model: as ``model_name`` gives it.
        setting: how the query was told.
    """
    return f"{model}_soco_lvlm_{ENDINGS[setting]}_c.xlsx"


def model_name(name: str) -> str:
    """A model's name as part of a file name that is safe on every system.

    The toolkit leaves out folders that begin with ``bak_``, so none does.

    Args:
        name: such as ``openai:Qwen/Qwen2.5-VL-7B-Instruct``.
    """
    safe = re.sub(r"[^A-Za-z0-9.+_-]+", "_", name).strip("._-")[:_LONGEST_MODEL].rstrip("._-")
    return f"model_{safe}" if not safe or safe.startswith("bak_") else safe
