"""All tables and figures of backbones."""

from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.vision.backbones import backbones, sorted_by_soc
from lvlm_eval.report.page.vision.categories import category_table
from lvlm_eval.report.page.vision.correlations import correlation_table
from lvlm_eval.report.page.vision.tables import (
    main_figures,
    main_table,
    protocol_table,
    supercategory_table,
    threshold_table,
)


def vision_content(read: Input) -> Content:
    """The published tables with the user's backbones among them.

    Args:
        read: the user's runs; may hold no backbone.
    """
    found = sorted_by_soc([(one, main_figures(one)[1][0]) for one in backbones(read)])
    made = [
        main_table(found),
        supercategory_table(found),
        protocol_table(found),
        threshold_table(found),
    ]
    if by_category := category_table(found):
        made.append(by_category)
    made.append(correlation_table())
    return Content(tuple(table for table, _ in made), tuple(figure for _, figure in made))
