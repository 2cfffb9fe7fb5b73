"""Names that try to break a page, and runs that are full of them."""

from pathlib import Path

import pytest
from report_runs import call, identity, make_run, make_vision, vision_document

HOSTILE = (
    "<script>alert(1)</script>",
    "</textarea></script></style><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)\" ",
    "\u202egnp.evil\u202c \u200f\u2066",
    "\udc80\ud800half",
    "$\\frac{1}{0}$ $x$",
    "{{ 7*7 }}{% raw %}",
    "a\nb\r\nc\x00\x1b[31m",
    '=HYPERLINK("http://x")',
    "--><!-- ]]>",
    "模型 🦔 é",
    "x" * 3000,
)


_MADE: list[Path] = []


def hostile_page(places: pytest.TempPathFactory) -> Path:
    """A page of such runs, made once for all tests of a process."""
    from lvlm_eval.report.page import write_report

    if not _MADE:
        base = places.mktemp("hostile")
        hostile_runs(base / "runs")
        write_report([base / "runs"], base / "page.html")
        _MADE.append(base / "page.html")
    return _MADE[0]


def hostile_runs(base: Path, names: tuple[str, ...] = HOSTILE) -> list[Path]:
    """Runs in which every text is one of the names."""
    made = []
    for place, name in enumerate(names):
        made.append(
            make_run(
                base / f"run{place}",
                categories=(name.encode("utf-8", "replace").decode(), "car"),
                questions=2,
                seed=place,
                whole_identity=identity(
                    name,
                    prompt={"name": name, "system": name, "templates": {"vis": name, name: name}},
                    renderer={"name": name, "style": {name: name}},
                    decode=name,
                ),
                calls=[call(data_name=name, model=name, command=f"lvlm-eval run {name}",
                            version=name, incidental={name: name})],
            )
        )  # fmt: skip
        document = vision_document(name, (name, "car"))
        document["config"]["dataset"] = name
        document["config"]["versions"] = {name: name}
        made.append(make_vision(base / f"vision{place}", document, command=name))
    return made
