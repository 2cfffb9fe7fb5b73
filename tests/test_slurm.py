"""``lvlm-eval slurm``: its checks, its script, and the script at work with files as SLURM."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import ENVIRONMENT, KEY, command, lvlm_eval
from hypothesis import given
from hypothesis import strategies as st
from making import write_tree

from lvlm_eval.cli import run_command_line
from lvlm_eval.errors import InputError
from lvlm_eval.slurm import Batch, Resources, shard_script
from lvlm_eval.slurm.batch import SETTLED, parse_sbatch_options, seconds_of

SLOW = Path(__file__).parent / "slow_model.py"
RUN = ("run", "--model", "random", "--data", "sample")


def directives(script: str) -> dict[str, str | None]:
    """Options of the #SBATCH lines, read as a shell would read them."""
    lines = re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE)
    words = [one for line in lines for one in shlex.split(line)]
    return {
        name.removeprefix("--"): value if sign else None
        for name, sign, value in (word.partition("=") for word in words)
    }


def array_of(script: str, name: str) -> list[str]:
    """What an array of the script holds, as bash says."""
    (line,) = re.findall(rf"^{name}=\(.*?\)$", script, re.MULTILINE | re.DOTALL)
    told = subprocess.run(
        ["bash", "-c", f"{line}\nprintf '%s\\0' \"${{{name}[@]}}\""],
        capture_output=True,
        check=True,
    )
    return told.stdout.decode().split("\0")[:-1]


def test_the_script_is_printed_and_says_what_was_asked_for(tmp_path: Path) -> None:
    done = lvlm_eval(
        "slurm", "--shards", 8, "--at-once", 3, "--partition", "a b", "--account", "me",
        "--time", "4:00:00", "--gpus", "a100:2", "--cpus", 6, "--mem", "64G",
        "--sbatch-arg", "qos=low", "--sbatch-arg", "--exclusive", "--setup", "module load x",
        "--", *RUN, "--out", "my results/100% it's", "--prompt", "reason",
        cwd=tmp_path,
    )  # fmt: skip
    folder = tmp_path / "my results/100% it's"
    assert directives(done.stdout) == {
        "job-name": "lvlm-eval", "array": "1-8%3", "nodes": "1", "ntasks": "1",
        "partition": "a b", "account": "me", "time": "4:00:00", "gres": "gpu:a100:2",
        "cpus-per-task": "6", "mem": "64G", "qos": "low", "exclusive": None,
        "chdir": str(tmp_path), "output": f"{tmp_path}/my results/100%% it's/slurm/%A_%a.log",
        "open-mode": "append", "requeue": None, "signal": "USR1@120",
    }  # fmt: skip
    own = [*RUN, "--out", "my results/100% it's", "--prompt", "reason"]
    assert array_of(done.stdout, "run") == ["lvlm-eval", *own]
    assert "--cpus-per-task=6" in array_of(done.stdout, "step_options")
    assert "\nmodule load x\n" in done.stdout
    assert not folder.exists()  # printing leaves nothing behind
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=4),
    st.text(st.characters(codec="utf-8", exclude_characters="\0/\\"), min_size=1).filter(
        lambda name: name.isprintable() and name not in (".", "..")
    ),
)
def test_every_word_and_folder_comes_out_of_bash_as_it_went_in(words: list[str], name: str) -> None:
    folder = Path("/results") / name
    batch = Batch(("run", *words), 2, folder, Path("/here it is"), ("python",), Resources())
    script = shard_script(batch)
    head = script.partition("say()")[0] + '\nprintf \'%s\\0\' "$folder" "${run[@]}"'
    told = subprocess.run(["bash", "-c", head], capture_output=True, check=True)
    assert told.stdout.decode().split("\0")[:-1] == [str(folder), "python", "run", *words]
    logs = directives(script.partition("\nfolder=")[0])["output"]
    assert logs is not None
    assert logs.replace("%%", "%") == f"{folder}/slurm/%A_%a.log"


def test_without_out_the_same_words_find_the_same_folder(tmp_path: Path) -> None:
    def folder(*words: str) -> str:
        done = lvlm_eval("slurm", "--shards", 2, "--json", "--", *words, cwd=tmp_path)
        document = json.loads(done.stdout)
        assert array_of(document["text"], "run")[-2] == "--out"
        return str(document["folder"])

    first = folder(*RUN)
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/results/random-sample-[0-9a-f]{{8}}", first)
    assert folder("lvlm-eval", *RUN) == folder(*RUN, "--json") == first
    assert folder(*RUN, "--seed", "1") != first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--", "score", "x"), "'score' stands where the command is expected"),
        (("--", "lvlm-eval"), "nothing stands where the command is expected"),
        (("--", *RUN, "--shard", "1/2"), "--shard 1/2 cannot be given"),
        (("--", *RUN, "--gpus", "0,1"), "Give --gpus before the --"),
        (("--", *RUN, "--modle", "x"), "no such option: --modle"),
        (("--", *RUN[:3], "--data", "nowhere"), "no dataset at 'nowhere'"),
        (("--", "run", "--model", "random+"), "unknown model 'random+'. Did you mean 'random"),
        (("--", "run", "--model", "gone.py"), "model file 'gone.py' does not exist"),
        (("--", *RUN, "--setting", "viz"), "--setting 'viz' is not known. Did you mean 'vis'"),
        (("--", *RUN, "--prompt", "reazon"), "reason"),
        (("--", *RUN, "--prices", "p.toml"), "--prices 'p.toml' is not there"),
        (("--", *RUN, "--out", "/"), "--out '/' is no name of a folder"),
        (("--", *RUN, "--out", "back\\slash"), "sbatch takes no backslash"),
        (("--time", "soon", "--", *RUN), "--time 'soon' is not possible"),
        (("--time", "3", "--", *RUN), "--time 3 leaves no time to work"),
        (("--gpus", "0", "--", *RUN), "--gpus '0' is not possible"),
        (("--sbatch-arg", "array=1-9", "--", *RUN), "--shards and --at-once decide the tasks"),
        (("--sbatch-arg", "p=x", "--", *RUN), "the long name of an option"),
        (("--partition", "a\nb", "--", *RUN), "--partition is not possible"),
    ],
)
def test_what_would_fail_on_the_cluster_is_found_before(
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["lvlm-eval", "slurm", "--shards", "2", *words])
    assert run_command_line() == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_key_in_the_command_is_warned_of(tmp_path: Path) -> None:
    words = (*RUN, "--model-arg", f"api_key={KEY}", "--out", "out")
    done = lvlm_eval("slurm", "--shards", 2, "--script", "job.sh", "--", *words, cwd=tmp_path)
    assert "a key or password stands in the command" in done.stderr
    assert KEY not in done.stderr + done.stdout
    assert (tmp_path / "job.sh").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("flag", "said"),
    [("--max-requests", "bounds each start of each task"), ("--max-cost", "each task by itself")],
)
def test_a_budget_is_said_to_be_of_each_task(tmp_path: Path, flag: str, said: str) -> None:
    (tmp_path / "prices.toml").write_text("[random]\ninput = 1\noutput = 1\n")
    words = (*RUN, "--prices", "prices.toml", flag, 7)
    done = lvlm_eval("slurm", "--shards", 2, "--", *words, cwd=tmp_path)
    assert f"{flag} 7" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("90", 5400), ("1:30", 90), ("2:00:01", 7201), ("1-0", 86400), ("1-2:3", 93780),
        ("0-0:0:7", 7), ("UNLIMITED", None),
    ],
)  # fmt: skip
def test_time_limits_are_read_as_slurm_reads_them(time: str, seconds: int | None) -> None:
    assert seconds_of(time) == seconds


@pytest.mark.parametrize("name", SETTLED)
def test_what_the_job_settles_cannot_be_given(name: str) -> None:
    with pytest.raises(InputError, match=name):
        parse_sbatch_options([f"--{name}=1"])


class Desk:
    """A folder with a slow model, and with programs that play SLURM's and note their calls."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.out = place / "all results"
        self.data = write_tree(place / "tree", images=3)  # six questions, 72 rows
        self.asked, self.pace = place / "asked", place / "pace"
        self.pace.write_text("0.1")
        self.asked.touch()
        self.program("srun", 'echo "$$" >STEP\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"')
        self.program("scontrol", 'printf "%s " "$@" >>CALLS; exit "${SCONTROL:-0}"')
        self.program("sbatch", 'printf "%s\\n" "$@" >>SUBMITTED; cat >>STDIN; echo "17;north"')
        self.environment = {**ENVIRONMENT, "PATH": f"{place}/bin:{os.environ['PATH']}"}

    def program(self, name: str, text: str) -> None:
        for word in ("STEP", "CALLS", "SUBMITTED", "STDIN"):
            text = re.sub(rf"\b{word}\b", shlex.quote(str(self.place / word)), text)
        path = self.place / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def words(self, *more: object) -> list[str]:
        arguments = ("--model-arg", f"pace={self.pace}", "--model-arg", f"asked={self.asked}")
        words = ("run", "--model", SLOW, "--data", self.data, *arguments, "--out", self.out)
        return list(map(str, (*words, *more)))

    def script(self, *flags: object, words: list[str] | None = None) -> Path:
        lvlm_eval(
            "slurm", "--shards", 3, "--script", "job.sh", *flags, "--", *(words or self.words()),
            cwd=self.place,
        )  # fmt: skip
        return self.place / "job.sh"

    @property
    def log(self) -> Path:
        return self.out / "slurm" / "77_2.log"

    @contextmanager
    def started(self, script: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Task 2 of job 77, as SLURM starts it."""
        own = {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "2", **more}
        (self.place / "STEP").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["bash", script], cwd=self.place, env={**self.environment, **own},
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield process
            process.wait(60)
        finally:
            process.kill()
            process.wait()

    def after_answers(self, count: int) -> int:
        """Wait until so many more answers are on disk; gives the id of the step's process."""
        before = len(self.answers())
        end = time.monotonic() + 60
        while len(self.answers()) < before + count:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        return int((self.place / "STEP").read_text())

    def after_asking(self, count: int) -> None:
        """Wait until the model has got so many more requests."""
        before = self.asked.read_text().count("\n")
        end = time.monotonic() + 60
        while self.asked.read_text().count("\n") < before + count:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def answers(self) -> list[str]:
        files = self.out.glob("predictions*.jsonl")
        lines = [line for path in files for line in path.read_text().splitlines(keepends=True)]
        return [json.loads(line)["id"] for line in lines if line.endswith("\n")]

    def calls(self) -> str:
        path = self.place / "CALLS"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    place = tmp_path / "it's a desk"
    place.mkdir()
    return Desk(place)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("whom", "number"),
    [("shell", signal.SIGUSR1), ("step", signal.SIGUSR1), ("step", signal.SIGTERM)],
)
def test_a_signal_stops_a_task_cleanly_and_the_next_start_ends_it(
    desk: Desk, whom: str, number: signal.Signals
) -> None:
    script = desk.script()
    with desk.started(script) as process:
        step = desk.after_answers(3)
        sent = time.monotonic()
        os.kill(process.pid if whom == "shell" else step, number)
        assert process.wait(10) == 0, desk.log.read_text()
        assert time.monotonic() - sent < 10
    assert desk.calls() == "requeue 77_2 "
    assert f"stopped by {number.name}" in desk.log.read_text()
    before = desk.answers()
    assert 3 <= len(before) < 24
    desk.pace.write_text("0")
    asked = len(desk.asked.read_text().splitlines())
    with desk.started(script, SLURM_RESTART_COUNT="1") as process:
        assert process.wait(60) == 0, desk.log.read_text()
    assert desk.calls() == "requeue 77_2 "  # not again
    counts = Counter(desk.answers())
    assert len(counts) == 24  # a third of the rows
    assert set(counts.values()) == {1}
    again = set(desk.asked.read_text().splitlines()[asked:])
    assert not again & set(before)
    assert [path.name for path in desk.out.glob("predictions*")] == ["predictions-2-of-3.jsonl"]


def test_what_slurm_ends_itself_is_left_to_it(desk: Desk) -> None:
    """Of a cancelled or pre-empted job the shell gets TERM, too: a cancelled one stays so."""
    with desk.started(desk.script()) as process:
        step = desk.after_answers(2)
        os.kill(process.pid, signal.SIGTERM)
        os.kill(step, signal.SIGTERM)
        assert process.wait(10) == 4
    assert desk.calls() == ""
    assert "SLURM ended this task" in desk.log.read_text()


@pytest.mark.slow
def test_a_status_survives_a_signal_at_the_same_moment(desk: Desk) -> None:
    """SLURM ends shell and step together; bash's own wait loses a status in ten then."""
    script = desk.script()
    # The shell of the script stands two above what plays srun.
    desk.program("srun", 'kill -TERM "$(ps -o ppid= -p "$PPID")"; exit 4')
    statuses = []
    for _ in range(60):
        with desk.started(script) as process:
            statuses.append(process.wait(60))
    assert set(statuses) == {4}
    assert desk.log.read_text().count("SLURM ended this task") == 60


@pytest.mark.slow
def test_a_task_is_not_started_again_for_ever(desk: Desk) -> None:
    with desk.started(desk.script("--restarts", 5), SLURM_RESTART_COUNT="5") as process:
        os.kill(desk.after_answers(2), signal.SIGUSR1)
        assert process.wait(10) == 4
    assert desk.calls() == ""
    assert "started again 5 times, which is the bound" in desk.log.read_text()


@pytest.mark.slow
def test_starts_that_give_no_answer_come_to_an_end(desk: Desk) -> None:
    """A time limit that is shorter than loading the model would else cost a hundred starts."""
    script = desk.script()
    desk.pace.write_text("60")
    ends = []
    for count in range(5):
        with desk.started(script, SLURM_RESTART_COUNT=str(count)) as process:
            desk.after_asking(1)
            os.kill(process.pid, signal.SIGUSR1)
            ends.append(process.wait(10))
    assert ends == [0, 0, 0, 0, 4], desk.log.read_text()
    assert desk.calls() == "requeue 77_2 " * 4
    assert "5 starts in a row gave no answer" in desk.log.read_text()


def test_where_queueing_again_fails_the_task_fails(desk: Desk) -> None:
    with desk.started(desk.script(), SCONTROL="1") as process:
        os.kill(desk.after_answers(2), signal.SIGUSR1)
        assert process.wait(10) == 4
    assert desk.calls() == "requeue 77_2 "


@pytest.mark.slow
def test_what_no_signal_stopped_would_stop_again(desk: Desk) -> None:
    """A model that fails every time ends with status 4 as well; another start does not help."""
    broken = desk.place / "broken.py"
    broken.write_text(
        "class Broken:\n    chunk = 1\n\n"
        "    def answer(self, requests):\n        raise OSError('gone')\n"
    )
    # The log of an earlier start, which a signal stopped, must not be mistaken for this one's.
    words = ["run", "--model", str(broken), "--data", str(desk.data), "--out", str(desk.out)]
    script = desk.script(words=words)
    desk.log.write_text("lvlm-eval: stopped by SIGUSR1.\n")
    with desk.started(script) as process:
        assert process.wait(60) == 4, desk.log.read_text()
    assert desk.calls() == ""
    assert "no signal stopped lvlm-eval, so it is not started again" in desk.log.read_text()


@pytest.mark.slow
def test_a_failure_stays_a_failure(desk: Desk) -> None:
    script = desk.script()
    text = script.read_text()
    script.write_text(text.replace("/tree'", "/gone'"))
    with desk.started(script) as process:
        assert process.wait(60) == 2
    assert desk.calls() == ""
    assert "ended with status 2; that is not tried again" in desk.log.read_text()


def test_a_setup_that_gives_no_program_is_said(desk: Desk) -> None:
    with desk.started(desk.script("--setup", "PATH=/nowhere:/usr/bin:/bin; set -eu")) as process:
        assert process.wait(60) == 127
    assert "lvlm-eval is not on this node's PATH" in desk.log.read_text()


def test_the_script_is_no_program_for_a_shell(desk: Desk) -> None:
    done = subprocess.run(["bash", desk.script()], capture_output=True, text=True)
    assert done.returncode == 2
    assert "this script is for sbatch" in done.stderr


def submit(desk: Desk, *flags: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command("slurm", "--shards", 3, "--submit", *flags, "--", *desk.words()),
        cwd=desk.place, env=desk.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


def test_submitting_tells_the_job_and_how_to_go_on(desk: Desk) -> None:
    document: dict[str, Any] = json.loads(submit(desk, "--json", "--partition", "p q").stdout)
    script = desk.out / "slurm" / "job.sh"
    assert (document["job"], document["score_job"]) == ("17", "17")
    assert document["script"] == str(script)
    assert document["commands"]["score"] == f"lvlm-eval score {shlex.quote(str(desk.out))}"
    submitted = (desk.place / "SUBMITTED").read_text().splitlines()
    assert submitted == ["--parsable", str(script), "--parsable", "--dependency=afterany:17"]
    scoring = (desk.place / "STDIN").read_text()
    assert directives(scoring)["partition"] == "p q"
    assert shlex.split(scoring.splitlines()[-1])[-2:] == ["score", str(desk.out)]
    told = submit(desk, "--no-score").stdout
    assert "job 17: 3 tasks, one a shard\n" in told
    assert "squeue --job 17" in told


def test_a_refusal_of_sbatch_is_one_line(desk: Desk) -> None:
    desk.program("sbatch", "echo 'error: invalid partition' >&2; echo >&2; exit 1")
    line = submit(desk, status=2).stderr.splitlines()[-1]
    assert line == "lvlm-eval: sbatch refused the job: error: invalid partition"


@pytest.mark.parametrize(
    ("flags", "said"), [(("--script", "tree"), "--script"), (("--script", "x/y"), "--script")]
)
def test_a_script_that_cannot_be_written_is_one_line(
    desk: Desk, flags: tuple[str, ...], said: str
) -> None:
    (desk.place / "x").touch()
    line = submit(desk, *flags, status=2).stderr.splitlines()[-1]
    assert line.startswith("lvlm-eval: the script ")
    assert line.endswith(f"Give another {said}.")


def test_without_sbatch_nothing_is_written(desk: Desk) -> None:
    (desk.place / "bin" / "sbatch").unlink()
    desk.environment["PATH"] = f"{desk.place}/bin"
    assert "sbatch is not on PATH" in submit(desk, status=2).stderr
    assert not desk.out.exists()
