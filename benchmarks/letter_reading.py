"""Finds the drawn labels again, from px alone, and has an OCR program read them.

What is known of a label: the style's colours of text and halo, and the font sizes that the style
has on a picture of this size. Not known: which letters there are and where. A label is a shape in
the text's colour, as high as a capital, that stands in the halo's colour. The OCR program gets the
label's px, in grey and enlarged, and the set of characters that there may be, as a model is told
the labels too.
"""

import io
import math
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from marker_finding import FoundMarker
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageFilter

from lvlm_eval.drawing.layout import SCALES
from lvlm_eval.drawing.sizing import Sizes, sizes_of
from lvlm_eval.drawing.style import Style

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Regions = NDArray[np.int32]

CAPITAL = 0.711
"""Height of the font's capitals and figures, in font sizes."""
OFF_COLOUR = 45.0
"""RGB distance from the mixtures of text and halo up to which a px may be such a mixture."""
TEXT, HALO = 0.75, 0.03
"""From how much text a px counts as text that is hardly mixed, and below how much as pure halo."""
TEXT_SHARE, AROUND_SHARE, HALO_SHARE = 0.3, 0.85, 0.5
"""Least share of a letter's px that are hardly mixed; of the px round it that are halo, whether
pure or mixed with text; and of those that are pure halo."""
THIN_AROUND_SHARE, THIN_HALO_SHARE = 0.6, 0.05
"""The last two where the halo is one px wide, so that most of it is mixed with text or photo."""
SAME_WORD = 0.25
"""Letters that are nearer together than this, in capital heights, are one label."""
OCR_CAPITAL, OCR_MARGIN = 24, 12
"""Px of a capital and of the white round it, as the OCR program gets them."""
WHITELIST = "tessedit_char_whitelist"
MOST_PAIRED = 6
"""So many labels and markers at most are paired: the labels nearest to a marker, and the markers
that were found best."""


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """A label as it was found.

    Attributes:
        box: left, top, right, bottom of the text without its halo, px.
        crop: black on white, enlarged for OCR.
    """

    box: tuple[int, int, int, int]
    crop: Image.Image


@dataclass(frozen=True, slots=True)
class _Letter:
    """One region that looks like a letter: its number and its left, top, right and bottom, px."""

    number: int
    box: tuple[int, int, int, int]


def find_labels(
    picture: Image.Image, style: Style, markers: Sequence[FoundMarker]
) -> list[FoundLabel]:
    """Find all labels of a style.

    Args:
        picture: RGB, as it was sent.
        style: that it may have been drawn in.
        markers: found in the same picture; they are no letters.
    """
    ink, mixed = _ink(picture, style.label_colour, style.label.halo)
    regions = _regions(mixed & (ink >= 0.5))
    best: list[_Letter] = []
    size = sizes_of(style, picture.size, 1.0)
    # A layout shrinks letters and markers together: without markers, letters have their full size.
    scales = SCALES if markers else SCALES[:1]
    for sizes in dict.fromkeys(sizes_of(style, picture.size, scale) for scale in scales):
        letters = _letters(regions, ink, mixed, markers, sizes)
        if len(letters) > len(best):
            best, size = letters, sizes
    return [_label(group, regions, ink, size) for group in _words(best, size)]


def read_labels(crops: Sequence[Image.Image], characters: str) -> list[str]:
    """Have tesseract read every crop as one word.

    Args:
        crops: of ``FoundLabel``.
        characters: that there may be.

    Returns:
        What was read, in the order of the crops; empty where nothing was.
    """
    if not crops:
        return []
    pages = io.BytesIO()
    crops[0].save(pages, "TIFF", save_all=True, append_images=list(crops[1:]))
    done = subprocess.run(
        ["tesseract", "stdin", "stdout", "--psm", "8", "-c", f"{WHITELIST}={characters}"],
        input=pages.getvalue(),
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        capture_output=True,
        check=True,
    )
    texts = done.stdout.decode().split("\f")[: len(crops)]
    if len(texts) != len(crops):
        raise RuntimeError(f"{len(crops)} crops, {len(texts)} texts: {done.stderr.decode()}")
    return ["".join(text.split()) for text in texts]


def pair_up(markers: Sequence[FoundMarker], labels: Sequence[FoundLabel]) -> dict[int, int]:
    """Which label belongs to which marker: the nearest, taking all of them together.

    Returns:
        Index of the marker → index of the label.
    """
    if not markers or not labels:
        return {}
    away = np.array([[_distance(label.box, one.tail) for label in labels] for one in markers])
    kept = np.sort(np.argsort(away.min(axis=0), kind="stable")[:MOST_PAIRED])
    away = away[:MOST_PAIRED, kept]
    few, many = sorted(away.shape)
    turned = away if len(away) == few else away.T
    best = min(permutations(range(many), few), key=lambda way: turned[range(few), way].sum())
    pairs = enumerate(best) if len(away) == few else ((b, a) for a, b in enumerate(best))
    return {marker: int(kept[label]) for marker, label in pairs}


def _distance(box: tuple[int, int, int, int], point: tuple[float, float]) -> float:
    left, top, right, bottom = box
    x, y = point
    return math.hypot(max(left - x, x - right, 0), max(top - y, y - bottom, 0))


def _ink(picture: Image.Image, text: str, halo: str) -> tuple[Floats, Bools]:
    """How much of each px is text, 0 to 1, and whether it can be a mixture of text and halo."""
    start, end = (np.array(ImageColor.getrgb(one)[:3], dtype=np.float32) for one in (halo, text))
    span = end - start
    offsets = [np.asarray(band, dtype=np.float32) for band in picture.split()]
    for band, one in zip(offsets, start, strict=True):
        band -= one
    along = sum(band * one for band, one in zip(offsets, span, strict=True))
    share = np.clip(along / (span @ span), 0, 1)
    off = sum((band - share * one) ** 2 for band, one in zip(offsets, span, strict=True))
    return share, np.asarray(off <= OFF_COLOUR**2)


def _regions(mask: Bools) -> Regions:
    """Number the connected regions from 1; px that touch at a corner are connected."""
    parents = [0]

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    numbers = np.zeros(mask.shape, dtype=np.int32)
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    above: list[tuple[int, int, int]] = []
    before = -1
    for row in np.unique(rows).tolist():
        first, last = np.searchsorted(rows, (row, row + 1))
        if row != before + 1:
            above = []
        before = row
        runs: list[tuple[int, int, int]] = []
        for start, end in zip(starts[first:last].tolist(), ends[first:last].tolist(), strict=True):
            above = [run for run in above if run[1] >= start]
            touching = [number for left, _, number in above if left <= end]
            if not touching:
                touching = [len(parents)]
                parents.append(touching[0])
            for number in touching:
                parents[root(number)] = root(touching[0])
            numbers[row, start:end] = touching[0]
            runs.append((start, end, touching[0]))
        above = runs
    roots = np.array([root(number) for number in range(len(parents))], dtype=np.int32)
    return np.asarray(roots[numbers])


def _letters(
    regions: Regions,
    ink: Floats,
    mixed: Bools,
    markers: Sequence[FoundMarker],
    sizes: Sizes,
) -> list[_Letter]:
    """The regions that are as high as a capital, in a halo, and no part of a marker."""
    capital = CAPITAL * sizes.font
    letters = []
    for number, box in _boxes(regions):
        left, top, right, bottom = box
        if abs(bottom - top - capital) > max(1.5, 0.15 * capital) or right - left > 1.3 * capital:
            continue
        if any(_on_marker(regions, number, box, one) for one in markers):
            continue
        reach, thin = max(1, sizes.halo - 1), sizes.halo == 1
        rows = slice(max(0, top - reach), bottom + reach)
        columns = slice(max(0, left - reach), right + reach)
        own = regions[rows, columns] == number
        around = _grown(own, reach) & ~own
        shown, halo = ink[rows, columns], mixed[rows, columns] & (ink[rows, columns] < 0.5)
        if (
            (shown[own] > TEXT).mean() >= TEXT_SHARE
            and halo[around].mean() >= (THIN_AROUND_SHARE if thin else AROUND_SHARE)
            and (shown[around] < HALO).mean() >= (THIN_HALO_SHARE if thin else HALO_SHARE)
        ):
            letters.append(_Letter(number, box))
    return letters


def _boxes(regions: Regions) -> list[tuple[int, tuple[int, int, int, int]]]:
    """Each region's number with its left, top, right and bottom."""
    rows, columns = np.nonzero(regions)
    numbers = regions[rows, columns]
    order = np.argsort(numbers, kind="stable")
    names, starts = np.unique(numbers[order], return_index=True)
    if not len(names):
        return []
    x, y = columns[order], rows[order]
    sides = [
        np.minimum.reduceat(x, starts),
        np.minimum.reduceat(y, starts),
        np.maximum.reduceat(x, starts) + 1,
        np.maximum.reduceat(y, starts) + 1,
    ]
    left, top, right, bottom = (side.tolist() for side in sides)
    return list(zip(names.tolist(), zip(left, top, right, bottom, strict=True), strict=True))


def _on_marker(
    regions: Regions, number: int, box: tuple[int, int, int, int], marker: FoundMarker
) -> bool:
    """Whether a region is a marker rather than a letter."""
    (x, y), (end_x, end_y) = marker.point, marker.tail
    if not marker.sizes.length:
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        return math.dist(middle, marker.point) < 0.8 * marker.sizes.radius
    shares = np.linspace(0, 1, 40)
    rows = np.clip((y + shares * (end_y - y)).astype(int), 0, regions.shape[0] - 1)
    columns = np.clip((x + shares * (end_x - x)).astype(int), 0, regions.shape[1] - 1)
    return bool((regions[rows, columns] == number).mean() > 0.5)


def _grown(mask: Bools, by: int) -> Bools:
    """Each px with its neighbours up to so many px away."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * by + 1))) > 0


def _words(letters: Sequence[_Letter], sizes: Sizes) -> list[list[_Letter]]:
    """Letters that stand close side by side, from left to right."""
    words: list[list[_Letter]] = []
    for letter in sorted(letters, key=lambda one: one.box[0]):
        for word in words:
            gap = letter.box[0] - word[-1].box[2]
            level = abs(letter.box[3] - word[-1].box[3])
            if gap < SAME_WORD * CAPITAL * sizes.font and level <= max(1, 0.05 * sizes.font):
                word.append(letter)
                break
        else:
            words.append([letter])
    return words


def _label(word: Sequence[_Letter], regions: Regions, ink: Floats, sizes: Sizes) -> FoundLabel:
    boxes = np.array([letter.box for letter in word])
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    rows, columns = slice(max(0, top - 2), bottom + 2), slice(max(0, left - 2), right + 2)
    own = np.isin(regions[rows, columns], [letter.number for letter in word])
    grey = np.where(_grown(own, 1), 255 - 255 * ink[rows, columns], 255).round().astype(np.uint8)
    factor = OCR_CAPITAL / (CAPITAL * sizes.font)
    size = (round(grey.shape[1] * factor), round(grey.shape[0] * factor))
    crop = Image.new("L", (size[0] + 2 * OCR_MARGIN, size[1] + 2 * OCR_MARGIN), 255)
    enlarged = Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC)
    crop.paste(enlarged, (OCR_MARGIN, OCR_MARGIN))
    return FoundLabel((int(left), int(top), int(right), int(bottom)), crop)
