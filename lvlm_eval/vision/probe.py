"""SOC linear: one linear map with bias, shared by all cells, trained on the train split.

What is published (arXiv 2605.31597): it starts from the identity and is trained with Adam at 1e-3
for 4 epochs in batches of 32 pairs at a temperature of 0.07. The loss is not; here it is the
cross-entropy of the cell that holds the right keypoint, over all cells of the target, the logits
being cosines divided by the temperature, averaged over the keypoints of a batch.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lvlm_eval.errors import InputError
from lvlm_eval.vision.arrays import is_torch, like, to_numpy
from lvlm_eval.vision.backbones.backbone import Maps
from lvlm_eval.vision.correspondences import Correspondences
from lvlm_eval.vision.encoder import Encoder
from lvlm_eval.vision.encoding import EncodingWatcher
from lvlm_eval.vision.grid import cells_of, places_of
from lvlm_eval.vision.memory import GB
from lvlm_eval.vision.order import in_order
from lvlm_eval.vision.sampling import sampled


@dataclass(frozen=True, slots=True)
class Training:
    """How the probe is trained; the defaults are the published ones.

    Attributes:
        epochs: times that every pair is seen.
        batch: pairs a step.
        rate: of Adam.
        temperature: that cosines are divided by.
        seed: of the order of pairs.
    """

    epochs: int = 4
    batch: int = 32
    rate: float = 1e-3
    temperature: float = 0.07
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """A trained linear map.

    Attributes:
        weight: (C, C).
        bias: (C,).
        losses: mean loss of each epoch.
    """

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    losses: tuple[float, ...]

    def __call__(self, map_: Maps) -> Maps:
        """Apply it to every cell of a map (H, W, C)."""
        return map_ @ like(self.weight.T, map_) + like(self.bias, map_)


def train_probe(
    work: Correspondences, encoder: Encoder, training: Training, watcher: EncodingWatcher
) -> Probe:
    """Train on the rows that have a right point.

    Args:
        work: of the train split.
        encoder: makes the maps, of which all targets' are kept meanwhile.
        training: how.
        watcher: told of the photos.

    Raises:
        InputError: torch is missing, no keypoint is there to train on, or there is no room for the
            maps.
    """
    try:
        import torch
    except ImportError:
        raise InputError(
            "the task 'linear' is trained with torch: pip install 'lvlm-eval[hf]'"
        ) from None
    rows = np.flatnonzero(~np.isnan(work.rows.right[:, 0]))
    queries = _encode(work, encoder, {int(one) for one in work.rows.target[rows]}, watcher)
    rows = rows[~np.isnan(queries[work.rows.query[rows], 0])]
    rows = rows[~np.isin(work.rows.target[rows], list(encoder.done.broken))]
    if not len(rows):
        raise InputError("the train split has no pair with a common keypoint, so no probe is made.")
    rows_of = places_of(work.rows.pair[rows])
    pairs = np.array(sorted(rows_of))
    height, width, channels = encoder.done.grid
    some = encoder.take(int(work.rows.target[rows[0]]))
    device = some.device if is_torch(some) else torch.device("cpu")
    weight = torch.eye(channels, device=device, requires_grad=True)
    bias = torch.zeros(channels, device=device, requires_grad=True)
    optimiser = torch.optim.Adam([weight, bias], lr=training.rate)
    cells = cells_of(work.rows.right[rows], (height, width))
    generator = np.random.default_rng(training.seed)
    losses = []
    for _ in range(training.epochs):
        order = generator.permutation(pairs)
        of_epoch = []
        for start in range(0, len(order), training.batch):
            batch = order[start : start + training.batch]
            own = np.concatenate([rows_of[pair] for pair in batch])
            total = torch.zeros((), device=device)
            optimiser.zero_grad()
            # One target after the other, so that a step takes the memory of one map.
            for target, places in places_of(work.rows.target[rows[own]]).items():
                here = own[places]
                map_ = _tensor(encoder.take(target), device).reshape(-1, channels)
                query = _tensor(queries[work.rows.query[rows[here]]], device)
                logits = _unit(query @ weight.T + bias) @ _unit(map_ @ weight.T + bias).T
                right = _tensor(cells[here], device)
                loss = torch.nn.functional.cross_entropy(
                    logits / training.temperature, right, reduction="sum"
                ) / len(own)
                loss.backward()
                total += loss.detach()
            optimiser.step()
            of_epoch.append(float(total))
        losses.append(float(np.mean(of_epoch)))
    for target in np.unique(work.rows.target[rows]).tolist():
        encoder.drop(target)
    return Probe(to_numpy(weight), to_numpy(bias), tuple(losses))


def training_record(training: Training, probe: Probe) -> dict[str, Any]:
    """How a probe was trained, JSON-able."""
    return {**asdict(training), "losses": list(probe.losses)}


def _encode(
    work: Correspondences, encoder: Encoder, targets: set[int], watcher: EncodingWatcher
) -> npt.NDArray[np.float32]:
    """Features of all queries; the maps of the targets are kept."""
    queries_of = places_of(work.query_photo)
    queries: npt.NDArray[np.float32] | None = None
    for number, map_ in encoder.maps(in_order(work)):
        watcher.encoded(1, again=False)
        if map_ is None:
            continue
        if queries is None:
            queries = np.full((len(work.query_photo), map_.shape[-1]), np.nan, dtype=np.float32)
        if number in queries_of:
            own = queries_of[number]
            queries[own] = sampled(map_, work.query_point[own])
        if number in targets and not encoder.keep(number):
            size = int(np.prod(map_.shape)) * (2 if encoder.store.half else 4)
            raise InputError(
                f"the task 'linear' needs the maps of all {len(targets)} targets of the train "
                f"split at a time ({len(targets) * size / GB:.1f} GB), for which there is no "
                "room. Give a larger --cache-gb, or --cache disk."
            )
    if queries is None:
        raise InputError("no photo of the train split can be decoded, so no probe is made.")
    return queries


def _tensor(values: Any, device: Any) -> Any:
    import torch

    return values if is_torch(values) else torch.from_numpy(np.array(values)).to(device)


def _unit(features: Any) -> Any:
    return features / features.norm(dim=-1, keepdim=True).clamp_min(1e-12)
