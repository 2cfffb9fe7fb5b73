"""Plans: what they may say, what they say wrong, and the cells that they come to."""

from pathlib import Path

import pytest

from lvlm_eval.ablation.cells import cells_of, default_levels
from lvlm_eval.ablation.plan import AblationPlan, builtin_plans, load_plan, vary_of_flag
from lvlm_eval.errors import InputError

WHOLE = """
data = "sample"
model = ["random++", "openai:gpt-4o"]
limit = 50
setting = "vis"
[base]
prompt = "reason"
min_distance = 0.1
[grid]
"marker.shape" = ["arrow", "circle", "arrow"]
label.size = [0.05, "0.1"]
protocol = ["options", "markers"]
image.max_side = ["none", 512]
[arguments]
temperature = 0.5
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, WHOLE))
    assert plan == AblationPlan(
        name="mine",
        data="sample",
        models=("random++", "openai:gpt-4o"),
        limit=50,
        base={"setting": "vis", "prompt": "reason", "min-distance": 0.1},
        grid={
            "marker.shape": ("arrow", "circle"),
            "label.size": (0.05, 0.1),
            "protocol": ("options", "markers"),
            "image.max_side": (None, 512),
        },
        arguments={"temperature": 0.5},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 'x'", "field 'modle' is unknown. Did you mean 'model'?"),
        ("model = 3", "model is 3, expected a text"),
        ("limit = 0", "limit is 0, expected a number from 1"),
        ("limit = true", "limit is True"),
        ("design = 'ful'", "design 'ful' is not known. Did you mean 'full'?"),
        ("setting = 'viz'", "--setting 'viz' is not known. Did you mean 'vis'"),
        ("grid = 3", "'grid' must be a table"),
        ("[grid]\nshape = ['arrow']", "no factor 'shape'. Did you mean 'marker.shape'?"),
        ("[grid]\n'marker.shpe' = ['arrow']", "no factor 'marker.shpe'. Did you mean"),
        ("[grid]\n'marker.shape' = ['arow']", "shape = 'arow' is unknown. Did you mean 'arrow'?"),
        ("[grid]\n'marker.colour' = ['rde']", "Did you mean 'red'"),
        ("[grid]\n'marker.size' = [3]", "size = 3"),
        ("[grid]\n'image.max_side' = ['big']", "max_side = 'big'"),
        ("[grid]\nprotocol = ['option']", "protocol 'option' is not known. Did you mean 'options'"),
        ("[grid]\nrotations = [2]", "rotations is 2, expected 1 or 4"),
        ("[grid]\nprompt = []", "prompt has no levels"),
        ("[grid]\ndistractors = ['far']", "distractors 'far' is not known"),
        ("[grid]\nmin-distance = [1.5]", "min-distance is 1.5, expected a number from 0"),
        ("[base]\ndecode = 'choose'", "decode 'choose' is not known. Did you mean 'choice'?"),
        ("[base]\nseed = 'x'", "seed is 'x', expected a whole number"),
        ("[base]\nmodel = 'random'", "give the model at the top"),
        ("[base]\ndescriptions = 'none.json'", "there is no file 'none.json'"),
        ("[arguments]\ndecode = 'text'", "decode is a factor"),
        ("grid = [", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        load_plan(written(tmp_path, text))
    assert said in str(raised.value)
    assert "mine.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_plan_is_found_by_name() -> None:
    assert "marker-study" in builtin_plans()
    with pytest.raises(InputError, match=r"no plan 'marker-studie'. Did you mean 'marker-study'?"):
        load_plan("marker-studie")
    with pytest.raises(InputError, match=r"nowhere/x.toml' cannot be read"):
        load_plan("nowhere/x.toml")


def test_flags_say_the_same_as_a_plan() -> None:
    assert vary_of_flag("marker.size=0.1, 0.05") == ("marker.size", (0.1, 0.05))
    assert vary_of_flag("min_distance=0,0.2") == ("min-distance", (0.0, 0.2))
    assert AblationPlan().varied(*vary_of_flag("model=random,random++")).models == (
        "random",
        "random++",
    )
    for wrong in ("prompt", "prompt="):
        with pytest.raises(InputError, match="expected FACTOR=LEVEL"):
            vary_of_flag(wrong)


def test_a_full_design_has_every_combination() -> None:
    plan = AblationPlan(
        models=("a", "b"),
        base={"prompt": "short"},
        grid={"prompt": ("short", "soco"), "protocol": ("markers", "options"), "seed": (1, 2)},
    )
    cells = cells_of(plan)
    assert len(cells) == 2 * 8
    assert len({(one.model, tuple(one.levels.items())) for one in cells}) == 16
    assert default_levels(plan) == {"prompt": "short", "protocol": "options", "seed": 0}
    assert not any(one.is_default for one in cells)  # no cell has seed 0
    assert {one.rows for one in cells} == {("prompt", "protocol", "seed")}
    assert cells[0].given == {"prompt": "short", "protocol": "markers", "seed": 1}


def test_a_one_at_a_time_design_leaves_the_default_in_one_factor() -> None:
    plan = AblationPlan(
        models=("a", "b"),
        design="one-at-a-time",
        grid={"marker.shape": ("circle", "arrow", "dot"), "rotations": (1, 4)},
    )
    own = [one for one in cells_of(plan) if one.model == "b"]
    assert [dict(one.given) for one in own] == [
        {},
        {"marker.shape": "circle"},
        {"marker.shape": "dot"},
        {"rotations": 1},
    ]
    assert [one.rows for one in own] == [
        ("marker.shape", "rotations"),
        ("marker.shape",),
        ("marker.shape",),
        ("rotations",),
    ]
    assert [one.is_default for one in own] == [True, False, False, False]
    assert own[1].levels == {"marker.shape": "circle", "rotations": 4}


def test_a_plan_without_a_model_says_so() -> None:
    with pytest.raises(InputError, match="names no model"):
        cells_of(AblationPlan(grid={"prompt": ("soco",)}))
