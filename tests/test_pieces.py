"""Work in pieces: every row is handed out, a question stays whole, what is lost comes again."""

from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.records import Ask, ModelView, SeenPictures
from lvlm_eval.runs.engines.pieces import TRIES, Pieces
from lvlm_eval.runs.engines.views import joined


def asks(sizes: list[int]) -> list[Ask]:
    return [
        Ask(f"q{number}/vis/{row}", f"q{number}", "vis", row, {}, {}, "A")
        for number, size in enumerate(sizes)
        for row in range(size)
    ]


@given(st.lists(st.integers(1, 20), max_size=40), st.integers(1, 60), st.integers(1, 9))
def test_all_rows_are_handed_out_once_and_questions_stay_whole(sizes, most, workers):
    planned = asks(sizes)
    pieces = Pieces(planned, most)
    taken = []
    while piece := pieces.take(workers):
        questions = {ask.question for ask in piece}
        assert len(piece) <= most or len(questions) == 1
        assert len(piece) == sum(sizes[int(question[1:])] for question in questions)
        taken.append(piece)
        assert pieces.rows == len(planned) - sum(map(len, taken))
    assert [ask for piece in taken for ask in piece] == planned


def test_pieces_become_smaller_towards_the_end():
    pieces = Pieces(asks([12] * 200), 192)
    sizes = []
    while piece := pieces.take(4):
        sizes.append(len(piece))
    assert sizes[0] == 192
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-4:] == [12] * 4


def test_what_is_lost_comes_next_and_what_is_suspected_comes_alone():
    pieces = Pieces(asks([3] * 30), 12)
    first = pieces.take(1)
    second = pieces.take(1)
    assert not pieces.give_back(second[4:], suspected=False)
    assert pieces.take(1)[:8] == second[4:]
    assert not pieces.give_back(first, suspected=True)
    for start in range(0, 12, 3):
        assert pieces.take(1) == first[start : start + 3]


def test_a_question_that_ends_workers_is_given_up():
    pieces = Pieces(asks([4, 4]), 100)
    for _ in range(TRIES - 1):
        piece = pieces.take(1)
        assert {ask.question for ask in piece[:4]} == {"q0"}
        assert not pieces.give_back(piece, suspected=True)
    piece = pieces.take(1)
    assert pieces.give_back(piece, suspected=True) == list(piece)
    assert {ask.question for ask in pieces.take(1)} == {"q1"}
    assert pieces.rows == 0


def test_views_of_several_workers_are_joined():
    def seen(size: int, pictures: int) -> SeenPictures:
        return SeenPictures((size, size), (28, 28), (2, 2), 1, pictures)

    views = [ModelView("P", None, (seen(30, 2),)), ModelView("P", None, (seen(30, 3), seen(9, 1)))]
    assert joined(views) == ModelView("P", None, (seen(30, 5), seen(9, 1)))
    assert joined([]) is None
