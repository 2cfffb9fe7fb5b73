"""The flags of ``run`` that spread it over GPUs and machines, and what goes with what."""

from typing import Annotated

import typer

from lvlm_eval.cli.gpu_words import parse_gpus
from lvlm_eval.errors import InputError
from lvlm_eval.runs.engines.ray_cluster import RayWishes, check_installed
from lvlm_eval.runs.jobs import one_of

ENGINES = ("here", "ray")

EngineFlag = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Who asks the model: here (this process) or ray (workers of a Ray cluster).",
    ),
]
WorkersFlag = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Workers of --engine ray; as many as there is room for if left out.",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(metavar="G", min=0, help="GPUs that each worker of --engine ray gets."),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Ray cluster of --engine ray, or auto; without it Ray is started on this machine.",
    ),
]
Gpus = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="GPUs of this machine, such as 0,1,2,3: one process asks on each; 0+1,2+3: one on "
        "each two.",
    ),
]


def ray_wishes(
    engine: str,
    workers: int | None,
    gpus_per_worker: float | None,
    address: str | None,
    max_cost: float | None,
) -> RayWishes | None:
    """What is asked of Ray; None if it is not to be used.

    Raises:
        InputError: a flag does not go with another, or Ray is not installed.
    """
    if one_of("--engine", engine, ENGINES) != "ray":
        flags = {
            "--workers": workers,
            "--gpus-per-worker": gpus_per_worker,
            "--address": address,
        }
        for flag, value in flags.items():
            if value is not None:
                raise InputError(f"{flag} is for --engine ray: give that, too, or leave it out.")
        return None
    if max_cost is not None:
        raise InputError(
            "--max-cost cannot be kept by --engine ray, whose workers spend without knowing of one "
            "another. Bound the call with --max-requests."
        )
    check_installed()
    return RayWishes(workers, gpus_per_worker or 0.0, address)


def gpus_alone(
    gpus: str | None,
    shard: str | None,
    engine: str,
    max_cost: float | None,
    max_requests: int | None,
) -> tuple[str, ...]:
    """CUDA_VISIBLE_DEVICES of each process; none if the run is not spread over GPUs.

    Raises:
        InputError: it is no list of GPUs, or another flag does not go with it.
    """
    if gpus is None:
        return ()
    others = {
        "--shard": shard,
        "--engine": None if engine == "here" else engine,
        "--max-cost": max_cost,
        "--max-requests": max_requests,
    }
    for flag, value in others.items():
        if value is not None:
            raise InputError(
                f"--gpus cannot be used with {flag}: its processes are shards of the run, each "
                f"on its own. Leave one of the two out."
            )
    return parse_gpus(gpus)
