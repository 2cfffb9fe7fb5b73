"""Every mistake once, through the real command line: one clear line, and what to do next."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import complaint_of, lvlm_eval
from making import base64_image, pair_json, table_rows, write_pair, write_table, write_tree
from serving import Reply, Seen, serving

RUN = ("run", "--model", "random")


def half_a_table(folder: Path) -> None:
    content = write_table(folder / "soco_lvlm_img.tsv").read_bytes()
    (folder / "soco_lvlm_img.tsv").write_bytes(content[: len(content) * 2 // 3])


def table_without(column: str) -> Callable[[Path], object]:
    columns = [name for name in table_rows()[0] if name != column]
    return lambda folder: write_table(folder / "soco_lvlm_img.tsv", columns=columns)


def one_row(**cells: str) -> Callable[[Path], object]:
    row = {**table_rows()[0], **cells}
    return lambda folder: write_table(folder / "soco_lvlm_img.tsv", [row])


def broken_pair(text: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        root = write_tree(folder / "tree", ("car",), images=1)
        (next((root / "PairAnnotations/intra/car").iterdir())).write_text(text)

    return make


def pair_with(**changed: object) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        root = write_tree(folder / "tree", ("car",), images=1)
        place = next((root / "PairAnnotations/intra/car").iterdir())
        write_pair(place, pair_json("car", (1, 1), **changed))  # type: ignore[arg-type]  # any JSON

    return make


def file(name: str, content: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        write_tree(folder / "tree", ("car",), images=2)
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(content)

    return make


PROMPT = """description = "mine"
[templates]
vis = "{{ source_label }} {{ labels | join(' ') }} %s"
"""
RENDERER = """description = "mine"
[marker]
shape = "%s"
colour = "%s"
size = 0.1
"""
TREE, TABLE = ("--data", "tree"), ("--data", "soco_lvlm_img.tsv")


@pytest.mark.parametrize(
    ("make", "words", "complaints"),
    [
        # the data
        (lambda f: (f / "photos").mkdir(), ("--data", "photos"), ["photos", "expected a folder"]),
        (lambda f: write_tree(f / "tree"), ("--data", "trea"), ["Did you mean 'tree'?"]),
        (lambda f: write_tree(f / "tree"), ("--data", "tree/Images"), ["Give its root: "]),
        (lambda f: (f / "x.txt").touch(), ("--data", "x.txt"), ["x.txt: is no dataset"]),
        (lambda f: (f / "a.tsv").touch(), ("--data", "a.tsv"), ["a.tsv: is empty"]),
        (half_a_table, TABLE, ["row 6", "cut off"]),
        (table_without("answer"), TABLE, ["no column answer; columns found: 'index, g_index"]),
        (table_without("question"), TABLE, ["no column question"]),
        (one_row(g_index=""), TABLE, ["row 1: g_index: is empty"]),
        (broken_pair('{"src_image": '), TREE, ["00001-car_1-car_1.json", "not readable as JSON"]),
        (broken_pair("[]"), TREE, ["holds a list; a pair annotation is a JSON object"]),
        (pair_with(trg_image=None), TREE, ["trg_image: absent"]),
        (pair_with(trg_bndbox=[9, 9, 1, 1]), TREE, ["trg_bndbox: [9, 9, 1, 1] has swapped sides"]),
        (pair_with(src_keypoints=[{"name": "a", "pos": [1]}]), TREE, ["src_keypoints[0].pos: [1]"]),
        # prompts and renderers
        (
            file("prompts/mine.toml", PROMPT % "{{ categry }}"),
            (*TREE, "--prompt", "mine"),
            ["templates.vis", "'categry' is undefined", "A template may use: answer, category"],
        ),
        (
            file("mine.toml", PROMPT % "{% if %}"),
            (*TREE, "--prompt", "mine.toml"),
            ["mine.toml", "templates.vis"],
        ),
        (
            file("mine.toml", "descripton = 'a'\n"),
            (*TREE, "--prompt", "mine.toml"),
            ["unknown field 'descripton'. Did you mean 'description'"],
        ),
        (
            file("mine.toml", RENDERER % ("arow", "red")),
            (*TREE, "--renderer", "mine.toml"),
            ["shape = 'arow' is unknown. Did you mean 'arrow'?"],
        ),
        (
            file("mine.toml", RENDERER % ("arrow", "rad")),
            (*TREE, "--renderer", "mine.toml"),
            ["colour = 'rad'", "Did you mean 'red'"],
        ),
        (
            file("mine.toml", "[marker\n"),
            (*TREE, "--renderer", "mine.toml"),
            ["mine.toml: this is not TOML"],
        ),
        # models
        (file("m.py", "class A: pass\n"), ("--model", "m.py"), ["one class with a method answer"]),
        (file("m.py", "import nothing_such\n"), ("--model", "m.py"), ["ModuleNotFoundError"]),
        (file("m.py", "def (\n"), ("--model", "m.py"), ["m.py: cannot be loaded: SyntaxError"]),
        (file("p.toml", "[m\n"), ("--prices", "p.toml"), ["price table 'p.toml' is not TOML"]),
        (file("x", ""), ("--prices", "no.toml"), ["price table 'no.toml' cannot be read"]),
        # words of the command
        (file("x", ""), ("--setting", "vis+dsc"), ["Did you mean 'vis+desc' or"]),
        (file("x", ""), ("--limt", "3"), ["no such option: --limt", "--limit"]),
        (file("x", ""), ("--limit", "many"), ["'--limit'", "valid integer"]),
        (file("x", ""), ("--limit", "0"), ["'--limit'"]),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong(
    tmp_path: Path, make: Callable[[Path], object], words: tuple[str, ...], complaints: list[str]
) -> None:
    make(tmp_path)
    line = complaint_of(*RUN, *words, cwd=tmp_path, status=2)
    for complaint in complaints:
        assert complaint in line
    assert len(line) < 500
    assert not (tmp_path / "results").exists()


def test_broken_images_of_a_table_are_errors_of_their_rows(tmp_path: Path) -> None:
    rows = table_rows()
    rows[1]["image"] = repr(["#" * 100, base64_image()])
    rows[2]["image"] = repr([base64_image()[:400], base64_image()])
    rows[5]["image"] = "77"
    write_table(tmp_path / "soco_lvlm_img.tsv", rows)
    (tmp_path / "looks.py").write_text(
        "from lvlm_eval.records import Response\n"
        "class Looks:\n"
        "    def answer(self, requests):\n"
        "        return [Response(one.id, text=f'A {len(one.images)}') for one in requests]\n"
    )
    words = ("run", "--model", "looks.py", *TABLE, "--out", "out")
    line = complaint_of(*words, cwd=tmp_path, status=3)
    assert "3 of 8 requests failed" in line
    lines = (tmp_path / "out/predictions.jsonl").read_text().splitlines()
    errors = {one["id"]: one["error"] for one in map(json.loads, lines) if one["error"]}
    assert sorted(errors) == ["0/vis/1", "0/vis/2", "1/vis/1"]
    assert "row 2: image: is not base64" in errors["0/vis/1"]
    assert "row 3: image: cannot be decoded as an image" in errors["0/vis/2"]
    assert "row 6: image: refers to index '77', which no row" in errors["1/vis/1"]


def test_a_changed_prompt_is_named_where_it_differs(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", images=2)
    long = "Look well at every photo before you say which of the points is the right one. " * 3
    (tmp_path / "mine.toml").write_text(PROMPT % (long + "Now answer."))
    words = (*RUN, *TREE, "--prompt", "mine.toml", "--out", "out")
    lvlm_eval(*words, cwd=tmp_path)
    before = (tmp_path / "out/predictions.jsonl").read_bytes()
    (tmp_path / "mine.toml").write_text(PROMPT % (long + "Now reply."))
    line = complaint_of(*words, cwd=tmp_path, status=2)
    assert "out holds another run: prompt.templates.vis (--prompt) is …" in line
    assert 'right one. Now answer." there and …' in line
    assert 'right one. Now reply." here' in line
    assert "Give another --out" in line
    line = complaint_of(*words, "--seed", 3, cwd=tmp_path, status=2)
    assert "dataset (the questions, by --data, --seed, --exclude or --descriptions)" in line
    assert (tmp_path / "out/predictions.jsonl").read_bytes() == before


ERROR = {"message": "no"}
AGAIN = ("--model-arg", "max_retries=1")


@pytest.mark.parametrize(
    ("reply", "status", "complaint"),
    [
        (Reply(status=401, error=ERROR), 2, "refuses the key in OPENAI_API_KEY"),
        (Reply(status=403, error=ERROR), 2, "refuses the key in OPENAI_API_KEY"),
        (Reply(status=404, error=ERROR), 2, "has no model 'm', or is no such server"),
        (Reply(status=402, error=ERROR), 4, "the quota is used up"),
        (Reply(status=400, error=ERROR), 3, "48 of 48 requests failed, most often: BadRequest"),
        (Reply(status=429, error=ERROR), 3, "48 of 48 requests failed, most often: RateLimit"),
        (
            Reply(status=429, error=ERROR, headers={"Retry-After": "0.01"}),
            3,
            "48 of 48 requests failed, most often: RateLimit",
        ),
        (
            Reply(status=429, error=ERROR, headers={"Retry-After": "86400"}),
            4,
            "asks to wait 1440 minutes: RateLimit",
        ),
        (Reply(status=500, error=ERROR), 3, "most often: InternalServerError"),
        (Reply(body=b"\x00 garbage"), 3, "most often: GarbledAnswerError"),
        (Reply(body=b'{"choices": [{"mess'), 3, "most often: GarbledAnswerError"),
        (Reply(reset=True), 4, "answers no request: APIConnectionError"),
        (Reply(text=""), 0, "48 answers are empty texts; they count as unparsed"),
    ],
)
def test_what_a_server_does_is_said_in_one_line(
    tmp_path: Path, reply: Reply, status: int, complaint: str
) -> None:
    write_tree(tmp_path / "tree", images=2)
    with serving(lambda *_: reply) as server:
        words = ("run", "--model", "openai:m", "--base-url", server.url, *TREE, *AGAIN)
        line = complaint_of(*words, "--out", "out", cwd=tmp_path, status=status)
    assert complaint in line
    assert "canary" not in line
    if status == 4:
        assert "the same command goes on from there" in line
    if status != 2:
        with serving(lambda *_: Reply(text="B")) as server:
            words = ("run", "--model", "openai:m", "--base-url", server.url, *TREE, *AGAIN)
            lvlm_eval(*words, "--out", "out", cwd=tmp_path)
            assert len({seen.key for seen in server.seen}) == (0 if reply.text == "" else 48)


def test_a_server_that_says_nothing_for_ever(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", images=2)
    go_on = threading.Event()

    def behave(seen: Seen, before: int) -> Reply:
        go_on.wait(60)
        return Reply()

    with serving(behave) as server:
        words = ("run", "--model", "openai:m", "--base-url", server.url, *TREE)
        line = complaint_of(*words, "--model-arg", "timeout=0.5", cwd=tmp_path, status=4)
        go_on.set()
    assert "does not answer at all: no answer within 0.5 s" in line
    assert "--model-arg timeout=600" in line


def test_no_server_there(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", images=2)
    words = ("run", "--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1", *TREE, *AGAIN)
    line = complaint_of(*words, cwd=tmp_path, status=4)
    assert "127.0.0.1:9/v1 answers no request: APIConnectionError" in line
    assert "Cannot connect to host" in line


def test_a_key_as_an_argument_is_refused_and_not_repeated(tmp_path: Path) -> None:
    words = ("run", "--model", "openai:m", "--model-arg", "api_key=sk-canary-43")
    line = complaint_of(*words, cwd=tmp_path, status=2)
    assert "takes no argument 'api_key'" in line
    assert "canary" not in line
