"""Tables of models and metrics: what is read, what is refused, and how two are joined."""

from pathlib import Path

import numpy as np
import pytest

from lvlm_eval.errors import InputError
from lvlm_eval.vision.correlation.csv_table import read_table
from lvlm_eval.vision.correlation.metric_table import join
from lvlm_eval.vision.correlation.published import published_correlation, published_table
from lvlm_eval.vision.correlation.study import StudyChoices, make_study

GOOD = "model,SOC,depth\nA,1,2\nB,2,3\nC,4,3.5\n"


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "mine.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def values(read):
    return read.values(range(len(read.columns)))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("C,4", "\n,,\n C , 4 "),
        GOOD.replace("SOC", '"Soc"'),
    ],
)
def test_usual_spellings_of_one_table(table, text):
    read = read_table(table(text))
    assert read.models == ("A", "B", "C")
    assert read.columns == ("soc", "depth")
    assert values(read).tolist() == [[1, 2], [2, 3], [4, 3.5]]


def test_known_names_in_other_spellings_and_unknown_ones_as_written(table):
    text = "m,Cross-SOC,ImageNet kNN,My Score (%),ADE20K mIoU\nA,1,2,3,4\n"
    columns = ("cross_soc", "imagenet_knn_top1", "My Score (%)", "ade20k_miou")
    assert read_table(table(text)).columns == columns


def test_missing_values(table):
    cells = ["", "-", "–", "n/a", "NaN", "None", " "]
    rows = "\n".join(f"m{place},{cell},{place}" for place, cell in enumerate(cells))
    read = values(read_table(table(f"model,soc,x\n{rows}\n")))
    assert np.isnan(read[:, 0]).all()
    assert not np.isnan(read[:, 1]).any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; expected a line of names"),
        ("model,soc\nA,1\n", "line 1: has 1 metrics after the model's name; at least two"),
        ("model,soc,,x\nA,1,2,3\n", "line 1: column 3 has no name"),
        ("model,soc,x,X \nA,1,2,3\n", "columns 'x' and 'X ' have one name"),
        ("model,cross-soc,x,Cross SOC\nA,1,2,3\n", "have one name"),
        ("model,soc,x\nA,1\n", "line 2: has 2 cells, the first line has 3 names"),
        ("model,soc,x\n ,1,2\n", "line 2: the first cell is empty; expected a model's name"),
        ("model,soc,x\nA,1,2\na,3,4\n", "line 3: model 'a' stands in line 2, too"),
        ('model,soc,x\n"A,1,2\n', "is not CSV"),
        (b"model,soc,x\n\xff,1,2\n", "is not text in UTF-8"),
        (f"model,soc,x\nA,1,{'9' * 2000}\n", "line 2: has a cell of too many characters"),
    ],
)
def test_tables_that_are_refused(table, text, words):
    with pytest.raises(InputError) as refused:
        read_table(table(text))
    assert words in str(refused.value)
    assert "mine.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("good", "model 'B': depth: 'good' is no number, nor empty."),
        ("inf", "'inf' is no number"),
        ("1_000", "is no number"),
        ("54 %", "'54 %' is no number"),
        ('"3,5"', "'3,5' is no number, nor empty. Write a point, not a comma."),
        ("1e300", "'1e300' is no metric's value"),
    ],
)
def test_cells_that_are_no_numbers(table, cell, words):
    path = table(GOOD.replace("B,2,3", f"B,2,{cell}"))
    with pytest.raises(InputError) as refused:
        make_study(path, StudyChoices())
    assert words in str(refused.value)


def test_text_in_columns_that_are_not_used_does_not_matter(table):
    path = table("model,soc,kind,x\nA,1,ViT,3\nB,2,CNN,1\nC,3,ViT,2\n")
    study = make_study(path, StudyChoices(downstream=("X",)))
    assert (study.predictors, study.downstream) == (("soc",), ("x",))
    with pytest.raises(InputError, match="model 'A': kind: 'ViT' is no number"):
        make_study(path, StudyChoices())


@pytest.mark.parametrize(
    ("text", "choices", "words"),
    [
        ("model,soc,x\nA,1,2\nB,2,3\n", {}, "has 2 models; a correlation needs at least 3"),
        ("model,a,b\nA,1,2\nB,2,3\nC,3,5\n", {}, "has none of the columns soc, cc, cross_soc"),
        (GOOD.replace("3.5", "3").replace("A,1,2", "A,1,3"), {}, "is 3 for all models"),
        (GOOD.replace("3.5", "-"), {}, "column 'depth': has 2 values"),
        (GOOD, {"downstream": ("dept",)}, "has no column 'dept'. Did you mean 'depth'?"),
        (GOOD, {"predictors": ("soc",), "downstream": ("soc",)}, "is both in --predictors and"),
        (GOOD, {"predictors": ("soc", "depth")}, "no column beside the predictors"),
    ],
)
def test_choices_that_are_refused(table, text, choices, words):
    with pytest.raises(InputError) as refused:
        make_study(table(text), StudyChoices(**choices))
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_no_such_file(tmp_path, name):
    with pytest.raises(InputError, match=r"does not exist|is a folder"):
        read_table(tmp_path / name)


def test_predictors_by_name_leave_other_known_ones_to_be_predicted(table):
    path = table("model,soc,cc,x\nA,1,2,3\nB,2,3,1\nC,3,5,2\n")
    assert make_study(path, StudyChoices()).downstream == ("x",)
    named = make_study(path, StudyChoices(predictors=("soc",)))
    assert (named.predictors, named.downstream) == (("soc",), ("cc", "x"))


def test_the_published_table():
    read = published_table()
    assert len(read.models) == 13
    row = dict(zip(read.columns, values(read)[read.models.index("DINOv2")], strict=True))
    assert (row["soc"], row["cc"], row["cross_soc"]) == (60.4, 78.9, 55.0)
    assert (row["imagenet_knn_top1"], row["nyuv2_depth_rmse"]) == (81.59, 0.26)
    assert not np.isnan(values(read)).any()
    published = published_correlation("soc", "navi_pck_60_30")
    assert published is not None
    assert (published.r, published.ci95) == (0.943, (0.912, 0.969))
    assert published_correlation("cc", "navi_pck_60_30") is None


def test_joined_models_get_the_metrics_of_both(table):
    own = read_table(table("model,soc,mine\ndino-V2,60.40,7\nOurs,50,8\nMAE,,9\n"))
    both = join(own, published_table())
    assert both.models == (*published_table().models, "Ours")
    assert both.columns == (*published_table().columns, "mine")
    assert both.published == (*[True] * 13, False)
    found = values(both)
    soc, mine = both.columns.index("soc"), both.columns.index("mine")
    assert found[both.models.index("DINOv2"), [soc, mine]].tolist() == [60.4, 7]
    assert found[both.models.index("MAE"), [soc, mine]].tolist() == [9.4, 9]
    assert found[both.models.index("Ours"), soc] == 50
    assert np.isnan(found[both.models.index("CLIP"), mine])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,soc,x\nDINOv2,60.5,1\n", "model 'DINOv2': soc is '60.5' here and 60.4 in the pub"),
        ("model,soc,x\nDINO v2,,1\nDINO-v2,,2\n", "'DINO v2' and 'DINO-v2' are both the publis"),
    ],
)
def test_joins_that_contradict(table, text, words):
    with pytest.raises(InputError) as refused:
        join(read_table(table(text)), published_table())
    assert words in str(refused.value)
