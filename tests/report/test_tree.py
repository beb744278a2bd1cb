"""The drawn guide: every place and answer lies where it can be read, and the path taken is that of the diagnosis."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from goodfit.causes import CAUSES
from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.tree import LEAVES, TREE, leaf_of, route
from goodfit.guide.path import Judged, path
from goodfit.report import tree
from goodfit.report.tree import Drawing, Walk

LABELS = [cause.label for cause in CAUSES]
NUMBERS = Judged(0.98, 0.99, 0.1, 0.12, 0.05, "rate x 0.1", 0.4, 0.8, "seen", "a slope", 0.2, (0.5, 0.4, 0.6), 0.3)


def walked(label: str) -> Walk:
    found = Diagnosis(label, "", path(label, NUMBERS, 0.15))
    return tree.walk(found, "attention")


def drawings(label: str) -> list[Drawing]:
    return [tree.wide(walked(label)), tree.narrow(walked(label))]


@pytest.mark.parametrize("label", [*LABELS, "healthy"])
def test_the_path_taken_leads_to_the_leaf_of_the_verdict(label: str) -> None:
    steps = route(leaf_of(label))
    for drawing in drawings(label):
        states = {node.name: node.state for node in drawing.nodes}
        assert {name for name, state in states.items() if state == "taken"} == {each.name for each, _ in steps}
        assert [name for name, state in states.items() if state == "end"] == [leaf_of(label)]
        taken = {(edge.source, edge.answer) for edge in drawing.edges if edge.taken}
        assert taken == {(each.name, answer) for each, answer in steps}
        end = next(node for node in drawing.nodes if node.state == "end")
        said = "".join(line.text for line in end.lines).replace(" ", "").lower()
        assert (label if label != "healthy" else "fits").replace("_", "") in said


@pytest.mark.parametrize("label", [*LABELS, "healthy", "undetermined"])
def test_nothing_lies_on_anything_else_or_outside(label: str) -> None:
    for drawing in drawings(label):
        assert {node.name for node in drawing.nodes} == {each.name for each in TREE} | set(LEAVES)
        assert len(drawing.edges) == sum(len(each.branches) for each in TREE)
        for one, two in combinations(drawing.nodes, 2):
            beside = one.x + one.width < two.x or two.x + two.width < one.x
            assert beside or one.y + one.height < two.y or two.y + two.height < one.y, (one.name, two.name)
        for node in drawing.nodes:
            assert node.x >= 0 <= node.y
            assert node.x + node.width <= drawing.width
            assert node.y + node.height <= drawing.height
            for line in node.lines:
                assert node.x < line.x < line.right < node.x + node.width
                assert node.y < line.y < node.y + node.height
                assert len(line.text + line.value) * 6 < node.width


def test_an_edge_runs_from_its_question_to_where_the_answer_leads() -> None:
    for drawing in drawings("overfitting"):
        nodes = {node.name: node for node in drawing.nodes}
        for edge in drawing.edges:
            (x, y), (to_x, to_y) = edge.corners[0], edge.corners[-1]
            upper, lower = nodes[edge.source], nodes[edge.target]
            assert upper.x <= x <= upper.x + upper.width
            assert y == pytest.approx(upper.y + upper.height, abs=0.2)
            assert lower.x - 0.2 <= to_x <= lower.x + lower.width
            assert lower.y - 0.2 <= to_y <= lower.y + lower.height


def test_taken_answers_are_drawn_last() -> None:
    taken = [edge.taken for edge in drawings("overfitting")[0].edges]
    assert taken == sorted(taken)
    assert any(taken)


def test_an_undetermined_path_stays_open_at_its_last_question() -> None:
    found = walked("undetermined")
    states = {node.name: node.state for node in tree.wide(found).nodes}
    assert states[found.places[-1]] == "open"
    assert "end" not in states.values()
    assert tree.told(found).endswith("There the path stays open.")


def test_the_numbers_of_a_fork_stand_in_it() -> None:
    node = next(node for node in tree.wide(walked("mismatch")).nodes if node.name == "overfitting or mismatch")
    shown = [(line.text, line.value) for line in node.lines if line.kind == "number"]
    assert shown == [("separability", "0.50 [0.40, 0.60]"), ("with restraint", "30 %")]
    off = next(node for node in tree.wide(walked("saddle_point")).nodes if node.name == "overfitting or mismatch")
    assert not [line for line in off.lines if line.kind == "number"]


def test_numbers_that_are_none_or_many_are_left_out() -> None:
    many = {"x" * 500: 0.1, "nan": math.nan, **{str(each): 0.5 for each in range(9)}}
    shown = tree.numbers(Answer("", "", "", many))
    assert len(shown) == tree.MOST_NUMBERS
    assert max(len(name) for name, _ in shown) <= 24
    assert "nan" not in dict(shown)


def test_the_path_is_told_in_words() -> None:
    told = tree.told(walked("learning_rate_too_high"))
    assert "Is the training loss large? Large." in told
    assert told.endswith("It ends at optimisation: learning rate too high.")
    assert tree.told(tree.walk(Diagnosis(None, "", ()), "open")).endswith("No path was taken.")


def test_answers_the_guide_does_not_know_lead_nowhere() -> None:
    odd = (Answer("sound", "<b>", ""), Answer("no question", "yes", ""))
    found = tree.walk(Diagnosis("undetermined", "", odd), "open")
    assert found.places == ("sound",)
    assert not [edge for edge in tree.wide(found).edges if edge.taken]
