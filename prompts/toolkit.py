"""Words a request exactly as the public toolkit words a row of a SOCO-LVLM table.

Such a text can be taken apart into the cells of a table, so these questions can be exported. It
ends in a blank and a line feed, which a template cannot. For words of your own, copy this file and
change what `question` gives, not what `write` adds.
"""

from lvlm_eval.prompts import PromptContext

DESCRIPTION = "Worded as a row of the SOCO-LVLM tables, to the last blank; the default of export."

FRAME = (
    "Left, right, front and rear are meant from the object's own point of view (its driver's, its "
    "user's, or the animal's own), not as they appear in the photo. A part that occurs several "
    "times, such as a wheel or a leg, counts as another place each time."
)


def write(context: PromptContext) -> str:
    """The whole text: the question, the options, and the request to choose."""
    lines = [
        f"Question: {question(context)}",
        "Options:",
        *(f"{option.letter}. Point {option.label}" for option in context.options),
        "Please select the correct answer from the options above. ",
    ]
    return "".join(f"{line}\n" for line in lines)


def question(context: PromptContext) -> str:
    """What stands in the table's column ``question``."""
    shown, marker = with_article(context.category), with_article(context.marker)
    points = f"marked, each with {marker} and its own label: {', '.join(context.labels)}."
    if context.setting == "desc":
        return (
            f"You see a photo of {shown}. Four points are {points} "
            f"Which of them marks the {context.description}? {FRAME}"
        )
    words = f", the {context.description}" if context.setting == "vis+desc" else ""
    named = f": the {context.description}" if words else ""
    return (
        f"You see two photos, each showing {shown}. In the first photo, one point of the object is "
        f"marked with {marker} and the text {context.source_label}{named}. In the second photo, "
        f"four points are {points} Which point in the second photo marks the same place on its "
        f"object as {context.source_label} does in the first{words}? {FRAME}"
    )


def with_article(noun: str) -> str:
    """The noun with "a" or "an", by its first letter."""
    return f"an {noun}" if noun[:1].lower() in tuple("aeiou") else f"a {noun}"
