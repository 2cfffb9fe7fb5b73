"""A run as an array job of SLURM: one shard a task, stopped cleanly and started again."""

from lvlm_eval.slurm.batch import Batch, Resources
from lvlm_eval.slurm.script import score_script, shard_script
from lvlm_eval.slurm.submitting import Submitted, require_sbatch, submit

__all__ = [
    "Batch",
    "Resources",
    "Submitted",
    "require_sbatch",
    "score_script",
    "shard_script",
    "submit",
]
