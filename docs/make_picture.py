"""Makes the README's picture: one question of the sample as a model sees it.

Run from the top of the repository: ``python docs/make_picture.py QUESTION docs/question.jpg``
"""

import sys
from pathlib import Path

from PIL import Image

from lvlm_eval.runs import DrawingChoices, open_source

HEIGHT = 340
GAP = 12


def main(wanted: str, out: Path) -> None:
    """Set the marked source photo beside the marked target photo."""
    source = open_source("sample", DrawingChoices(), ("vis",))
    question = next(one for one in source.questions if one.id == wanted)
    images = source.request(source.asks(question, "vis")[0]).images
    scaled = [
        image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)
        for image in images
    ]
    sheet = Image.new("RGB", (sum(one.width for one in scaled) + GAP, HEIGHT), "white")
    left = 0
    for one in scaled:
        sheet.paste(one, (left, 0))
        left += one.width + GAP
    sheet.save(out, quality=90)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
