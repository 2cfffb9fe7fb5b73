"""The strict parser, and beside it what the public scorer's rules make of the same text.

Option A reads "Point B", B "Point C", C "Point D" and D "Point A", as in a rotated row.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.answers import official, read, strict
from lvlm_eval.answers.reasoning import without_reasoning
from lvlm_eval.records import Prediction

ROTATED = {"A": "B", "B": "C", "C": "D", "D": "A"}
NUMBERED = {"A": "2", "B": "3", "C": "4", "D": "1"}
UNROTATED = {"A": "A", "B": "B", "C": "C", "D": "D"}

# text, letter of the official parser, letter of the strict parser, rule of the strict parser
CASES = [
    ("B", "B", "B", "lone-letter"),
    ("b", "B", "B", "lone-letter"),
    ("(B)", "B", "B", "lone-letter"),
    ("**B**", "B", "B", "lone-letter"),
    ("$B$", "B", "B", "lone-letter"),
    ("\\boxed{B}", "B", "B", "boxed"),
    ("\\boxed{\\text{B}}", "B", "B", "boxed"),
    ("$\\boxed{\\mathrm{B}}$", "B", "B", "boxed"),
    ("B.", "B", "B", "lone-letter"),
    ("B)", "B", "B", "lone-letter"),
    ("Option B", "B", "B", "lone-letter"),
    ("Answer: B", "B", "B", "answer-statement"),
    ("B. Point C", "B", "B", "letter-point"),
    ("B. Point D", "B", None, "contradiction"),
    ("Point C", "C", "B", "point"),
    ("point c", "C", "B", "point"),
    ("The answer is Point C.", "C", "B", "answer-statement"),
    ("A", "A", "A", "lone-letter"),
    ("a", "A", "A", "lone-letter"),
    ("A.", "A", "A", "lone-letter"),
    ('{"answer": "B"}', "B", "B", "json"),
    ('```json\n{"answer": "B"}\n```', "B", "B", "json"),
    ('{"answer": "B. Point C"}', "B", "B", "json"),
    ("{'answer': 'B'}", "B", "B", "json"),
    ('{"reasoning": "A looks off", "answer": "C"}', None, "C", "json"),
    ('{"answer": ["B","C"]}', None, None, "ambiguous"),
    ("Antwort: B", "B", "B", "answer-statement"),
    ("Die Antwort ist B.", "B", "B", "answer-statement"),
    ("Die richtige Antwort lautet (C).", "C", "C", "answer-statement"),
    ("La réponse est B", "B", "B", "answer-statement"),
    ("Réponse : B", "B", "B", "answer-statement"),
    ("La bonne réponse est C.", "C", "C", "answer-statement"),
    ("La respuesta correcta es C", "C", "C", "answer-statement"),
    ("Respuesta: D", "D", "D", "answer-statement"),
    ("La risposta corretta è A.", "A", "A", "answer-statement"),
    ("A resposta é B", "A", "B", "answer-statement"),
    ("A resposta correta é a letra C.", "A", "C", "mention"),
    ("答案是B", "B", "B", "answer-statement"),
    ("答案:B", "B", "B", "answer-statement"),
    ("答案:(C)", "C", "C", "answer-statement"),
    ("正确答案是 D。", "D", "D", "answer-statement"),
    ("我选B", "B", "B", "answer-statement"),
    ("答え:B", "B", "B", "answer-statement"),
    ("答えはBです。", "B", "B", "answer-statement"),
    ("正解はCです", "C", "C", "answer-statement"),
    ("回答:D", "D", "D", "answer-statement"),
    ("정답: B", "B", "B", "answer-statement"),
    ("정답은 C입니다.", "C", "C", "answer-statement"),
    ("Ответ: B", "B", "B", "answer-statement"),
    ("Правильный ответ — C.", "C", "C", "answer-statement"),
    ("答案不是B", "B", None, "none"),
    ("正解はBではありません", "B", None, "none"),
    ("الإجابة: B", "B", "B", "answer-statement"),
    ("Odpowiedź: D", "D", "D", "answer-statement"),
    ("Cevap: C", "C", "C", "answer-statement"),
    ("Đáp án: B", "B", "B", "answer-statement"),
    ("उत्तर: B", "B", "B", "answer-statement"),
    ("Answer: (C)", "C", "C", "answer-statement"),
    ("Ⓑ", None, "B", "lone-letter"),
    ("\U0001d401", None, "B", "lone-letter"),
    ("<think>It is A.</think>B", None, "B", "lone-letter"),
    ("<think>maybe A", "A", None, "unfinished-reasoning"),
    ("maybe A</think>\n\nB", None, "B", "lone-letter"),
    ("<think></think>", None, None, "empty"),
    (
        "<|begin_of_thought|>A A<|end_of_thought|><|begin_of_solution|>C<|end_of_solution|>",
        None,
        "C",
        "answer-tag",
    ),
    ("<reasoning>A</reasoning><answer>D</answer>", None, "D", "answer-tag"),
    ("<thinking>x B</thinking> Answer: C", None, "C", "answer-statement"),
    ("◁think▷A◁/think▷C", None, "C", "lone-letter"),
    ("[THINK]A or B[/THINK]C", None, "C", "lone-letter"),
    (
        "<|channel|>analysis<|message|>B?<|end|><|channel|>final<|message|>C",
        None,
        "C",
        "lone-letter",
    ),
    ("<|begin_of_box|>B<|end_of_box|>", "B", "B", "answer-tag"),
    ("A man stands next to the car.", "A", None, "none"),
    ("I cannot find a matching point", "A", None, "none"),
    ("I'd say B", None, "B", "choice"),
    ("It must be B", "B", "B", "verdict"),
    ("It must be B.", "B", "B", "verdict"),
    ("I think it's C.", "C", "C", "choice"),
    ("not B", "B", None, "none"),
    ("It is not B.", "B", None, "none"),
    ("Not B but C.", None, "C", "mention"),
    ("B, not C", "B", "B", "mention"),
    ("B or C", "B", None, "ambiguous"),
    ("Either B or C.", None, None, "ambiguous"),
    ("neither B nor C", None, None, "none"),
    ("The answer is not B", "B", None, "none"),
    ("The answer isn't B, it's C.", None, "C", "verdict"),
    ("The answer is B or C", None, None, "ambiguous"),
    ("Answer: A, B", None, None, "ambiguous"),
    ("The answer is B, and A is wrong.", None, "B", "answer-statement"),
    ("A. Point B\nB. Point C\nC. Point D\nD. Point A", "D", None, "options-repeated"),
    ("A. Point B\nB. Point C\nC. Point D\nD. Point A\n\nAnswer: C", "D", "C", "answer-statement"),
    ("A. Point B\nB. Point C\nC. Point D\nD. Point A\nC", "D", "C", "line"),
    ("A. Point B B. Point C C. Point D D. Point A", "D", None, "ambiguous"),
    ("Answer: B\nAnswer: C", None, "C", "answer-statement"),
    ("First I thought the answer is B. Final answer: C.", "C", "C", "answer-statement"),
    ("\\boxed{B} then \\boxed{C}", "C", "C", "boxed"),
    ("Final Answer: $B$", "B", "B", "answer-statement"),
    ("**Answer:** B", "B", "B", "answer-statement"),
    ("**Answer: B**", "B", "B", "answer-statement"),
    ("### Answer\nB", "B", "B", "answer-statement"),
    ("Answer:\n\n**C**", "C", "C", "answer-statement"),
    ("The correct option is (D).", "D", "D", "answer-statement"),
    ("Option B is correct.", "B", "B", "verdict"),
    ("B is the correct answer.", "B", "B", "verdict"),
    ("Point C is the correct answer.", "C", "B", "verdict"),
    ("The answer is option C: Point D.", "C", "C", "answer-statement"),
    ("The answer is option C: Point A.", "C", None, "contradiction"),
    ("The answer is **B. Point C**.", "B", "B", "answer-statement"),
    ("Selected: Point A (not B)", "D", "D", "choice"),
    ("B. Point C is the front wheel, while Point A is on the door.", "B", "B", "letter-point"),
    (
        "B\n\nThe marker REF is at the wheel; Point C is at the same place, Point A at the door.",
        "B",
        "B",
        "line",
    ),
    ("B\nC", "B", None, "ambiguous"),
    ("A and B look alike.", "A", None, "ambiguous"),
    ("The point REF corresponds to point C.", "C", "B", "verdict"),
    ("The corresponding point in the second image is Point C.", "C", "B", "verdict"),
    ("Looking at the image, the answer is clearly C.", "C", "C", "answer-statement"),
    ("The answer is A because it is at the wheel.", "A", "A", "answer-statement"),
    ("The answer is a wheel.", "A", None, "none"),
    ("If the answer is B, the wheel is left.", "B", None, "none"),
    ("Is the answer B?", "B", None, "none"),
    ("I don't think it's B.", "B", None, "none"),
    ("The B-pillar of the car is marked.", "B", None, "none"),
    ("D-shaped handle", "D", None, "none"),
    ("It is on the C-pillar, so the answer is D.", None, "D", "answer-statement"),
    ("The correct answer is Point B", "B", "A", "answer-statement"),
    ("Answer - B", "B", "B", "answer-statement"),
    ("Answer=B", "B", "B", "answer-statement"),
    ("Answer B", "B", "B", "answer-statement"),
    ("My choice is C", "C", "C", "answer-statement"),
    ("I choose option D.", "D", "D", "choice"),
    ("I would go with C.", "C", "C", "choice"),
    ("Therefore, B.", "B", "B", "choice"),
    ("So the answer: B", "B", "B", "answer-statement"),
    ("The answer to the question is C.", "C", "C", "answer-statement"),
    ("None of the above.", None, None, "none"),
    ("", None, None, "empty"),
    ("   ", None, None, "empty"),
    ("ABCD", None, None, "none"),
    ("Answer: E", None, None, "none"),
    ("The answer is Point E", None, None, "none"),
    ("C'est B", "C", "B", "mention"),
    ("I can't see D'Artagnan", "D", None, "none"),
    ("`B`", "B", "B", "lone-letter"),
    ('"B"', "B", "B", "lone-letter"),
    ("[B]", "B", "B", "lone-letter"),
    ("B!", "B", "B", "lone-letter"),
    ("- B", "B", "B", "lone-letter"),
    ("> B", "B", "B", "lone-letter"),
    ("B: Point C", "B", "B", "letter-point"),
    ("B - Point C", "B", "B", "letter-point"),
    ("B (Point C)", "B", "B", "letter-point"),
    ("(B) Point C", None, "B", "letter-point"),
    ("**B. Point C**", "B", "B", "letter-point"),
    ("Option B: Point C", "B", "B", "letter-point"),
    ("option b", "B", "B", "lone-letter"),
    ("Answer: b", "B", "B", "answer-statement"),
    ("the answer is b.", "B", "B", "answer-statement"),
    ("Points A and C are wrong.", None, None, "none"),
    ("Point A is wrong, Point B is wrong, Point D is wrong, so Point C.", None, "B", "choice"),
    ("Failed to obtain answer via API.", None, None, "failed-request"),
    ("B, because the wheel is the same", "B", "B", "mention"),
    ("A, because the wheel is the same", "A", "A", "mention"),
    ("It looks like the arrow labeled C.", "C", "B", "mention"),
    ("Image B shows the target.", "B", None, "none"),
    ("3", None, None, "none"),
    ("Answer: 3", None, None, "none"),
    ("A point on the roof is what matches, so I select D.", "A", "D", "choice"),
    ("\\(B\\)", "B", "B", "mention"),
    ("\\[\\boxed{C}\\]", "C", "C", "boxed"),
    ("The correct answer is: B", "B", "B", "answer-statement"),
    ("Answer: The correct option is B.", "B", "B", "answer-statement"),
    ("The best match is Point D.", "D", "C", "answer-statement"),
    ("The answer is:\n\nB. Point C", "B", "B", "answer-statement"),
    ("Ans: D", "D", "D", "answer-statement"),
    ("<answer>Point D</answer>", "D", "C", "answer-tag"),
    ('{"choice": "B", "point": "C"}', None, "B", "json"),
    ('{"point": "C"}', "C", "B", "point"),
    ("回答:B", "B", "B", "answer-statement"),
    ("选项B", "B", "B", "lone-letter"),
    ("选择B。", "B", "B", "answer-statement"),
    ("点C", "C", "B", "point"),
    ("A: wrong. B: wrong. C: right.", "A", None, "ambiguous"),
    ("The answer is neither A nor B.", None, None, "none"),
    ("Not A, B, or C. D", None, "D", "mention"),
    (
        "The keypoint marked with REF is the left eye. The corresponding point is B.",
        "B",
        "A",
        "verdict",
    ),
    ("I'm not sure, but I'd go with D.", "D", "D", "choice"),
    ("I am unable to determine the answer.", None, None, "none"),
    ("I can’t help with that.", None, None, "none"),
    ("Sorry, I can't assist with identifying a person.", "A", None, "none"),
    ("A and C can be ruled out, so it must be D.", "A", "D", "verdict"),
    ("Points A, B and D can be ruled out, so point C is the best.", None, "B", "choice"),
    ("The answer cannot be B.", "B", None, "none"),
    ("Let me think. A? No. B? No. C? Yes.", None, None, "none"),
    ("B.\n", "B", "B", "lone-letter"),
    ("\nB\n\n", "B", "B", "lone-letter"),
    ("B.</s>", "B", "B", "mention"),
    ("B<|im_end|>", "B", "B", "mention"),
    ("B<|eot_id|>", "B", "B", "mention"),
    ("assistant\nB", "B", "B", "line"),
    ("The point is C.", "C", "B", "point"),
    ("The correct option letter is C", "C", "C", "answer-statement"),
    ("The correct answer is option B: Point C", "B", "B", "answer-statement"),
    ("The answer is (B) Point C.", None, "B", "answer-statement"),
    ("The correct answer is B. Point C.", "B", "B", "answer-statement"),
    ("Correct answer: **C**. Point D", None, "C", "answer-statement"),
    ("Final answer: \\boxed{C}", "C", "C", "boxed"),
    ("\\boxed{C. Point D}", "C", "C", "boxed"),
    ("\\boxed{\\text{Option C}}", "C", "C", "boxed"),
    ("\\boxed{\\text{Point D}}", "D", "C", "boxed"),
    ("$\\boxed{A}$", "A", "A", "boxed"),
    ("Answer: A. Point B", "A", "A", "answer-statement"),
    ("Answer: A point", "A", None, "none"),
    ("**Final Answer**\n\n\\[ \\boxed{D} \\]", "D", "D", "boxed"),
    ("Answer: The point is located on the front wheel, which is B.", "B", "B", "mention"),
    ("Explanation: REF is on the nose. Answer is: C", "C", "C", "answer-statement"),
    ("So, the answer is B", "B", "B", "answer-statement"),
    ("Based on visual inspection, **Option C** matches.", "C", "C", "verdict"),
    ("**C** is correct", "C", "C", "verdict"),
    ("The right answer is A", "A", "A", "answer-statement"),
    ("So the answer should be C.", "C", "C", "answer-statement"),
    ("I believe the correct answer is D.", "D", "D", "answer-statement"),
    ("I think the answer might be B.", "B", "B", "answer-statement"),
    ("Answer: None", None, None, "none"),
    ("answer: N/A", "A", None, "none"),
    ("A.\nB.\nC.\nD.", "A", None, "ambiguous"),
    ("Options: A, B, C, D. Answer: C", None, "C", "answer-statement"),
    ("A/B", "A", None, "ambiguous"),
    ("A, B, C, D", "A", None, "ambiguous"),
    ("Answer: A/B", None, None, "ambiguous"),
    ("Answer (A, B, C or D): C", None, "C", "answer-statement"),
    ("The answer is B?", "B", None, "none"),
    ("Which is correct? B", "B", "B", "mention"),
    ("B is not correct. C is correct.", "B", "C", "verdict"),
    ("B isn't correct.", "B", None, "none"),
    ("Point C corresponds to REF.", "C", "B", "verdict"),
    ("REF matches point C.", "C", "B", "verdict"),
    (
        "The front left wheel center in the second image is marked by point C.",
        "C",
        "B",
        "mention",
    ),
    ("The front left wheel is labeled A in the second image.", "A", "D", "mention"),
    ("El punto correspondiente es el punto C.", "C", "B", "mention"),
    ("Der entsprechende Punkt ist Punkt C.", "C", "B", "mention"),
    ("与参考点对应的是点C", "C", "B", "mention"),
    ("因此,正确答案是 B。", "B", "B", "answer-statement"),
    ("所以答案是选项B。", "B", "B", "answer-statement"),
    ("选B", "B", "B", "mention"),
    ("答案选B", "B", "B", "answer-statement"),
    ("答案应该是选项 C", "C", "C", "answer-statement"),
    ("答:C", "C", "C", "answer-statement"),
    ("【答案】B", "B", "B", "answer-statement"),
    ("Ответ: точка C", "C", "B", "answer-statement"),
    ("Правильный ответ: вариант B.", "B", "B", "answer-statement"),
    ("Правильный вариант – B", "B", "B", "mention"),
    ("Je choisis l'option C.", "C", "C", "mention"),
    ("Ich wähle Option B.", "B", "B", "choice"),
    ("Ich würde B sagen.", "B", "B", "mention"),
    ("La respuesta correcta es la opción B.", "B", "B", "answer-statement"),
    ("La opción correcta es la B.", "B", "B", "answer-statement"),
    ("La réponse correcte est l'option B.", "B", "B", "mention"),
    ("A resposta correta é a opção B.", "A", "B", "mention"),
    ("L'opzione corretta è B", "B", "B", "answer-statement"),
    ("Não é B.", "B", None, "none"),
    ("Ce n'est pas B.", "B", None, "none"),
    ("Es ist nicht B.", "B", None, "none"),
    ("不是B", "B", None, "none"),
    ("B가 정답입니다", "B", "B", "mention"),
    ("Bが正解です", "B", "B", "mention"),
    ("B是正确答案", "B", "B", "mention"),
    ("B ist richtig.", "B", "B", "verdict"),
    ("Es ist B.", "B", "B", "mention"),
    ('The answer is "B".', "B", "B", "answer-statement"),
    ("The answer is \u2018B’.", "B", "B", "answer-statement"),
    ("The answer is: `B`", "B", "B", "answer-statement"),
    ('{"answer":"b"}', "B", "B", "json"),
    ("answer = 'B'", "B", "B", "answer-statement"),
    ('{"Answer": "Option B"}', "B", "B", "json"),
    ('{"final_answer": "B", "confidence": 0.9}', "B", "B", "json"),
    ('[{"answer": "B"}]', "B", "B", "json"),
    ('{"answer": null}', None, None, "none"),
    ('{"A": 0.1, "B": 0.9}', None, None, "ambiguous"),
    ("It is A", "A", "A", "verdict"),
    ("This is a car.", "A", None, "none"),
    ("It's a B", None, "B", "mention"),
    ("A B", "A", None, "ambiguous"),
    ("B B B", "B", "B", "mention"),
    ("BB", None, None, "none"),
    ("B1", None, None, "none"),
    ("A car.", "A", None, "none"),
    ("A Toyota parked.", "A", None, "none"),
    ("I", None, None, "none"),
    ("The candidate at A looks right, but the answer is not A, it is D.", None, None, "ambiguous"),
    ("Option A: wrong wheel. Option B: correct wheel.", None, None, "ambiguous"),
    (
        "A) is on the left. B) is on the right. The question asks for the right one. B)",
        "A",
        None,
        "ambiguous",
    ),
    ("Vitamin C", "C", None, "none"),
    ("3D model of A-frame", "A", None, "none"),
    ("e.g. B", "B", "B", "mention"),
    ("R&D", "D", None, "none"),
    ("Plan B", "B", None, "none"),
    ("The U.S.A. flag", "A", None, "none"),
    ("D.C.", "D", None, "none"),
    ("I would choose between B and C.", None, None, "ambiguous"),
    ("I'd choose B over C.", None, "B", "choice"),
    ("B rather than C", "B", "B", "mention"),
    ("B instead of C", "B", "B", "mention"),
    ("The answer is B rather than C.", None, "B", "answer-statement"),
    ("The answer is B (not C).", None, "B", "answer-statement"),
    ("The answer is B, not C", None, "B", "answer-statement"),
    (
        "Answer: B\n\nExplanation: A is the rear wheel, C is the door, D is the roof.",
        None,
        "B",
        "answer-statement",
    ),
    ("B\n\nExplanation: A is the rear wheel.", "B", "B", "line"),
    ("<think>\nok\n</think>\n\n**Answer: C**", "C", "C", "answer-statement"),
    ("<think>a</think>B<think>C", None, None, "unfinished-reasoning"),
    ("Thinking: could be A.\nAnswer: C", None, "C", "answer-statement"),
    ("<THINK>A</THINK> D", None, "D", "lone-letter"),
    ("The answer is A man", "A", None, "none"),
    ("the letter is B", "B", "B", "mention"),
    ("Letter B", "B", "B", "lone-letter"),
    ("B\uff0c因为轮子", "B", "B", "mention"),
    ("B。", "B", "B", "lone-letter"),
    ("「B」", "B", "B", "lone-letter"),
    ("B です", "B", "B", "mention"),
    ("Bです", "B", "B", "mention"),
    ("B입니다.", "B", "B", "mention"),
    ("Point A", "A", "D", "point"),
    ("Point A.", "A", "D", "point"),
    ("Point A is the answer.", "A", "D", "verdict"),
    ("A: Point B", "A", "A", "letter-point"),
    ("A. point b", "A", "A", "letter-point"),
    ("A) Point B", "A", "A", "letter-point"),
    ("A. Point A", "A", None, "contradiction"),
    ("The corresponding point in the second image is B.", "B", "A", "verdict"),
]


@pytest.mark.parametrize(("text", "by_official", "by_strict", "rule"), CASES)
def test_both_parsers_side_by_side(text, by_official, by_strict, rule):
    assert official(text).letter == by_official
    reading = strict(text, ROTATED, truncated=False)
    assert (reading.letter, reading.rule) == (by_strict, rule)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("3", "B"),
        ("3.", "B"),
        ("(3)", "B"),
        ("③", "B"),
        ("Point 3", "B"),
        ("Answer: 3", "B"),
        ("B. Point 3", "B"),
        ("B. Point 4", None),
        ("2", "A"),
        ("\\boxed{4}", "C"),
        ("The answer is point 1.", "D"),
        ("B", "B"),
        ("I choose 3", "B"),
        ("7", None),
        ("1. first look\n2. then look again", None),
        ("There are 3 wheels", None),
        ("The answer is 3 or 4", None),
    ],
)
def test_numbers_are_read_where_numbers_are_drawn(text, letter):
    assert strict(text, NUMBERED, truncated=False).letter == letter


def test_numbers_mean_nothing_where_letters_are_drawn():
    assert strict("Answer: 3", ROTATED, truncated=False).letter is None


def test_points_cannot_be_read_without_the_options():
    assert strict("Point C", {}, truncated=False).letter is None
    assert strict("C", {}, truncated=False).letter == "C"


def test_a_letter_that_is_no_option_is_not_read():
    assert strict("D", {"A": "A", "B": "B"}, truncated=False).letter is None


@pytest.mark.parametrize(
    ("text", "letter", "rule"),
    [
        ("B", None, "truncated"),
        ("Answer: B", None, "truncated"),  # might have gone on: "Both", "B or C"
        ("Answer: B.", "B", "answer-statement"),
        ("Answer: B\nThe wheel", "B", "answer-statement"),
        ("\\boxed{B}", "B", "boxed"),
        ('{"answer": "B", "why": "the', "B", "json"),
        ("I'd say B, because", None, "truncated"),
        ("The wheel at B is", None, "truncated"),
        ("<think>the answer is B.", None, "unfinished-reasoning"),
        ("", None, "empty"),
    ],
)
def test_a_truncated_text_needs_an_announced_answer(text, letter, rule):
    reading = strict(text, ROTATED, truncated=True)
    assert (reading.letter, reading.rule) == (letter, rule)


@pytest.mark.parametrize(
    ("text", "visible", "unfinished"),
    [
        ("B", "B", False),
        ("<think>A</think>B", "\nB", False),
        ("A</think>B", "B", False),
        ("A <think>B", "", True),
        ("<think>a<reasoning>b</reasoning>c</think>D", "D", False),
        ("<THINKING>A</THINKING>B", "\nB", False),
        ("<|begin_of_thought|>A<|end_of_thought|>B", "\nB", False),
        ("5 < 6 think", "5 < 6 think", False),
    ],
)
def test_reasoning_is_removed(text, visible, unfinished):
    seen = without_reasoning(text)
    assert (seen.text, seen.unfinished) == (visible, unfinished)


WORDS = """A;B;c;d; ;\n;Point ;Answer: ;answer is ;\\boxed{;};{;not ;or ;, ;. ;<think>;</think>;**
;答案;是;I'd say ;?;{"answer": ";if ;3;(;);$;A. x\n;Option ;correct ;is ;E;Ⓑ;';-;|"""
FRAGMENTS = st.sampled_from(WORDS.split(";"))


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=25).map("".join)), st.booleans())
def test_never_fails_and_names_options_only(text, truncated):
    for options in (ROTATED, NUMBERED, {"A": "A", "B": "B"}, {}):
        reading = strict(text, options, truncated=truncated)
        assert reading.letter is None or reading.letter in (options or UNROTATED)
        assert reading.rule


@settings(deadline=None)
@given(st.lists(FRAGMENTS, max_size=12).map("".join), st.sampled_from("ABCD"))
def test_a_boxed_last_word_is_always_taken(before, letter):
    text = before + f"\n.\n\n\\boxed{{{letter}}}"
    expected = None if without_reasoning(before).unfinished else letter
    assert strict(text, ROTATED, truncated=False).letter == expected


@pytest.mark.parametrize(
    "piece",
    ["A ", "not B, ", "answer ", "final answer: ", "A. x\n", "<think></think>", "\\boxed{", "*"],
)
def test_long_texts_come_to_an_end(piece):
    reading = strict(piece * (200_000 // len(piece)), ROTATED, truncated=False)
    assert reading.letter in (None, *"ABCD")


def _prediction(**changes):
    fields = {
        "id": "7/vis/1",
        "question": "7",
        "setting": "vis",
        "rotation": 1,
        "options": ROTATED,
        "answer": " b ",
        "text": "Point C",
    }
    return Prediction(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "correct"),
    [
        ({}, {"official": False, "strict": True}),  # official reads the drawn letter
        ({"text": "B"}, {"official": True, "strict": True}),
        ({"status": "error"}, {"official": False, "strict": False}),
        ({"status": "error", "answer": ""}, {"official": False, "strict": False}),
        ({"status": "refused", "text": "B"}, {"official": False, "strict": False}),
        ({"status": "truncated", "text": "B"}, {"official": True, "strict": False}),
        ({"answer": "", "text": "no idea"}, {"official": True, "strict": False}),
        ({"answer": "", "text": "B"}, {"official": False, "strict": False}),
        ({"drawn": NUMBERED, "text": "Point 3"}, {"official": False, "strict": True}),
    ],
)
def test_rows_are_marked(changes, correct):
    assert dict(read(_prediction(**changes)).correct) == correct


def test_a_failed_row_has_no_reading_and_a_refused_one_says_so():
    assert dict(read(_prediction(status="error")).readings) == {}
    rules = {one.rule for one in read(_prediction(status="refused")).readings.values()}
    assert rules == {"refused"}
