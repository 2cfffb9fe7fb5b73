"""Writes the scripts that sbatch takes."""

import shlex
from collections.abc import Iterable

from lvlm_eval import __version__
from lvlm_eval.slurm.batch import Batch

JOB_NAME = "lvlm-eval"

MOST_IN_VAIN = 5
"""So many starts in a row may give no answer: a time limit shorter than loading takes would else
cost as many as --restarts allows."""

_FOR_SCORING = ("partition", "account", "time", "qos", "reservation", "clusters")
"""Options that the small job at the end shares with the tasks: where it may run, not on what."""

_SHARD = r"""
set +eu # whatever was set above
say() { printf 'slurm: %s\n' "$*"; }

if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
  say 'this script is for sbatch: it is one task of an array job' >&2
  exit 2
fi
if ! command -v "${run[0]}" >/dev/null; then
  say "${run[0]} is not on this node's PATH; what makes it so belongs into --setup"
  exit 127
fi
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
log=$folder/slurm/$task.log
answers() {
  find "$folder" -maxdepth 1 -name 'predictions*.jsonl' -size +0 -printf '%f %s\n' | sort
}
answers_before=$(answers)
log_before=$(stat -c %s "$log" 2>/dev/null || echo 0)
say "shard $SLURM_ARRAY_TASK_ID/$shards on $(hostname), restart ${SLURM_RESTART_COUNT:-0}"

# SLURM sends its signals to the step, so that lvlm-eval gets them straight from it: USR1 ahead of
# the time limit, TERM when the job is pre-empted with a time of grace. If this shell gets TERM as
# well, SLURM is ending the job. A USR1 for this shell alone is passed on.
step= ending= stop=
trap 'ending=yes' TERM
trap 'stop=yes; [ -z "$step" ] || kill -USR1 "$step" 2>/dev/null' USR1

# A shell between starts the step, and tells its process id and in the end its status: bash's wait
# can lose a status when a trapped signal comes at the same moment.
exec 3>&1
exec 4< <(
  srun "${step_options[@]}" "${run[@]}" --shard "$SLURM_ARRAY_TASK_ID/$shards" >&3 3>&- &
  trap '' TERM USR1
  echo "$!"
  wait "$!"
  echo "$?"
)
read -r -u 4 step
[ -z "$stop" ] || kill -USR1 "$step"
status=
while read -r -u 4 status; [ "$?" -gt 128 ]; do :; done # as long as only signals end the reading

# 4: lvlm-eval stopped cleanly. 138 and 143: USR1 or TERM ended it at once, before it could listen
# or because it came twice; what was answered is on disk all the same.
case $status in
  4 | 138 | 143) ;;
  0)
    say 'done'
    exit 0
    ;;
  3)
    say 'some requests failed; they are asked again when the run is submitted again'
    exit 3
    ;;
  *)
    say "lvlm-eval ended with status ${status:=1}; that is not tried again"
    exit "$status"
    ;;
esac
if [ -n "$ending" ]; then
  # It starts the task again if it was pre-empted or queued again, and not if it was cancelled.
  say 'SLURM ended this task'
  exit "$status"
fi
if [ "$status" = 4 ] && ! tail -c "+$((log_before + 1))" "$log" | grep -aq 'stopped by SIG'; then
  # A spent budget, a full disk or a dead server would stop the next start as well.
  say 'no signal stopped lvlm-eval, so it is not started again; the reason stands above'
  exit "$status"
fi
if [ "${SLURM_RESTART_COUNT:-0}" -ge "$restarts" ]; then
  say "started again $restarts times, which is the bound (--restarts)"
  exit "$status"
fi
how='with new answers'
if [ "$(answers)" = "$answers_before" ]; then
  how='with no new answer'
  in_vain=$(grep -a '^slurm: stopped' "$log" | tail -n "$((most_in_vain - 1))" | grep -c "$how")
  if [ "$((in_vain + 1))" -ge "$most_in_vain" ]; then
    say "$most_in_vain starts in a row gave no answer; is --time too short to load the model?"
    exit "$status"
  fi
fi
say "stopped $how; $task goes back into the queue"
scontrol requeue "$task" || exit "$status"
"""


def shard_script(batch: Batch) -> str:
    """The script of the array job: each task answers one shard.

    A task that a signal stopped puts itself back into the queue; one that failed stays failed.
    """
    given = {name for name, _ in batch.resources.options()}
    tasks = f"1-{batch.shards}" + (f"%{batch.at_once}" if batch.at_once else "")
    options: list[tuple[str, str | None]] = [
        *([] if "job-name" in given else [("job-name", JOB_NAME)]),
        ("array", tasks),
        ("nodes", "1"),
        ("ntasks", "1"),
        *batch.resources.options(),
        ("chdir", str(batch.place)),
        ("output", log_pattern(batch, "%A_%a")),
        ("open-mode", "append"),
        ("requeue", None),
        ("signal", f"USR1@{batch.stop_before}"),
    ]
    step = ["--nodes=1", "--ntasks=1", "--mpi=none"]
    if batch.resources.cpus is not None:
        # A step has not taken this from its job since SLURM 22.05.
        step.append(f"--cpus-per-task={batch.resources.cpus}")
    return "\n".join(
        [
            "#!/bin/bash",
            f"# A run in {batch.shards} shards, each a task of one array job; written by lvlm-eval "
            f"{__version__}.",
            "# SLURM makes no folders, and without this one there is no log:",
            f"#   mkdir -p {shlex.quote(str(batch.logs))}",
            *_directives(options),
            "",
            *_setup(batch),
            f"folder={shlex.quote(str(batch.folder))}",
            f"shards={batch.shards}",
            f"restarts={batch.restarts}",
            f"most_in_vain={MOST_IN_VAIN}",
            f"step_options=({shlex.join(step)})",
            f"run=({shlex.join([*batch.program, *batch.words])})",
            _SHARD,
        ]
    )


def score_script(batch: Batch) -> str:
    """The script of the job that scores the run when all tasks have ended."""
    options: list[tuple[str, str | None]] = [
        ("job-name", f"{JOB_NAME}-score"),
        ("nodes", "1"),
        ("ntasks", "1"),
        *((name, value) for name, value in batch.resources.options() if name in _FOR_SCORING),
        ("chdir", str(batch.place)),
        ("output", log_pattern(batch, "score-%j")),
    ]
    return "\n".join(
        [
            "#!/bin/bash",
            *_directives(options),
            "",
            *_setup(batch),
            f"exec {shlex.join([*batch.program, 'score', str(batch.folder)])}",
            "",
        ]
    )


def log_pattern(batch: Batch, name: str) -> str:
    """A file in the folder of logs, as sbatch writes names: a per cent sign of a folder is two."""
    return f"{batch.logs}/".replace("%", "%%") + f"{name}.log"


def _directives(options: Iterable[tuple[str, str | None]]) -> list[str]:
    return [
        f"#SBATCH --{name}" + ("" if value is None else f"={shlex.quote(value)}")
        for name, value in options
    ]


def _setup(batch: Batch) -> list[str]:
    return ["# The environment, as it was given.", batch.setup, ""] if batch.setup else []
