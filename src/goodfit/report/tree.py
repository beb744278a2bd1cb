"""The guide as a drawn tree: where each question, leaf and answer lies, and which of them a diagnosis went through.

Pure functions from the guide and a path to placed nodes and edges; lengths are units of the picture, which is scaled.
The wide tree grows downwards and is for screens and slides, the narrow one is an indented list for a phone.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from goodfit.core import card
from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.tree import SOUND, TREE, Question
from goodfit.report.views import Tone
from goodfit.report.words import capital, number, shorten

LINE, TITLE = 16.0, 17.0
"""Height of a line of a node's text."""
PAD = 9.0
LEAF, END, FORK, TAKEN = 104.0, 138.0, 190.0, 222.0
"""Widths of a leaf, of the one with the cause, of a question, and of one with its numbers."""
APART, FALL = 12.0, 46.0
"""Between neighbours, and from one level to the next: room for the answer that leads down."""
PHONE, INDENT = 358.0, 20.0
LETTERS, BOLD, SMALL = 7.1, 8.0, 6.7
"""Widths of a letter at the size the trees are set in: those of the widest common fonts, which so stay inside."""
MOST_NUMBERS = 4
MUCH = 100.0
"""Shares from here on are written with an exponent where they are long."""
Kind = Literal["title", "words", "number"]
State = Literal["off", "taken", "end", "open"]
PLAIN = ("symptom", "gradient norm", "separability")
"""Numbers of an answer that are no share of an error."""
ENDS = ("low", "high")
"""The interval of the number before them."""


@dataclass(frozen=True)
class Line:
    """A line of text at its baseline; ``kind`` is title, words or number, and ``value`` is set flush right."""

    x: float
    y: float
    text: str
    kind: Kind
    value: str = ""
    right: float = 0.0


@dataclass(frozen=True)
class Node:
    """A question or a leaf; ``state`` is off the path, on it, where it ends, or where it stays open."""

    name: str
    leaf: bool
    state: State
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Edge:
    """An answer: the line from a question down to where it leads, as corners, and the place of its name."""

    answer: str
    source: str
    target: str
    taken: bool
    corners: tuple[tuple[float, float], ...]
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Drawing:
    """A placed tree; edges that are taken come last, so that they lie on top."""

    kind: Literal["wide", "narrow"]
    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Walk:
    """A path as the drawing needs it: the answers by question, and the names of the places it leads through."""

    answers: Mapping[str, Answer]
    places: tuple[str, ...]
    cause: str = ""
    tone: Tone = "open"

    def state(self, name: str) -> State:
        if name not in self.places:
            return "off"
        if name != self.places[-1]:
            return "taken"
        return "end" if name not in self.answers else "open"


def walk(diagnosis: Diagnosis, tone: Tone, tree: Sequence[Question] = TREE) -> Walk:
    """The places that the answers of a diagnosis lead through, as far as they lead."""
    answers = {each.question: each for each in diagnosis.path}
    branches = {each.name: each.branches for each in tree}
    places = [tree[0].name] if tree and tree[0].name in answers else []
    while places and places[-1] in answers:
        to = branches.get(places[-1], {}).get(answers[places[-1]].answer)
        if to is None or to in places:
            break
        places.append(to)
    cause = diagnosis.cause if card.is_problem(diagnosis) and diagnosis.cause else ""
    return Walk(answers, tuple(places), cause, tone)


def told(found: Walk, tree: Sequence[Question] = TREE) -> str:
    """The path as one sentence, for those who do not see the picture."""
    asks = {each.name: each.asks for each in tree}
    steps = [
        f"{asks[place]} {capital(shorten(found.answers[place].answer))}."
        for place in found.places
        if place in asks and place in found.answers
    ]
    if not steps:
        return "The guide as a tree of questions. No path was taken."
    last = found.places[-1]
    named = f": {found.cause.replace('_', ' ')}" if found.cause else ""
    end = f"It ends at {last}{named}." if found.state(last) == "end" else "There the path stays open."
    return f"The guide as a tree of questions. The path taken: {' '.join(steps)} {end}"


def numbers(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The numbers an answer was judged by, as names and words; ends of an interval stand beside their value."""
    known = {name: value for name, value in answer.numbers.items() if math.isfinite(value)}
    low, high = (known.pop(end, math.nan) for end in ENDS)
    found = []
    for name, value in list(known.items())[:MOST_NUMBERS]:
        ends = f" [{low:.2f}, {high:.2f}]" if name == "separability" and math.isfinite(low + high) else ""
        said = f"{value:.2f}{ends}" if ends else number(value, 2) if name in PLAIN else _share(value)
        found.append((shorten(name, 24), said))
    return tuple(found)


def _share(value: float) -> str:
    return card.percent(value) if abs(value) < MUCH else f"{number(100 * value, 2)} %"


def wide(found: Walk, tree: Sequence[Question] = TREE) -> Drawing:
    """The tree from the top down, each question above the middle of where its answers lead."""
    forks = {each.name: each for each in tree}
    centres = _centres(forks, found)
    rows = _levels(forks)
    tops, top = [], 2.0
    for names in rows:
        tops.append(top)
        top += max(_size(name, forks, found)[1] for name in names) + FALL
    level = {name: depth for depth, names in enumerate(rows) for name in names}
    nodes = {}
    for name in level:
        width, _ = _size(name, forks, found)
        nodes[name] = _node(name, forks, found, centres[name] - width / 2, tops[level[name]], width)
    edges = [_fall(each.name, answer, to, nodes, found) for each in tree for answer, to in each.branches.items()]
    return Drawing("wide", _right(nodes), top - FALL + 2, tuple(nodes.values()), _in_order(edges))


def narrow(found: Walk, tree: Sequence[Question] = TREE) -> Drawing:
    """The tree as an indented list, each question above its answers."""
    forks = {each.name: each for each in tree}
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    top = 2.0

    def put(name: str, depth: int, answer: str, parent: Node | None) -> None:
        nonlocal top
        left = 2.0 + depth * INDENT
        nodes[name] = node = _node(name, forks, found, left, top + (20 if answer else 0), PHONE - left - 2)
        if parent is not None:
            edges.append(_elbow(parent, node, answer, found))
        top = node.y + node.height + 6
        for each, to in _in_turn(name, forks):
            put(to, depth + 1, each, node)

    put(tree[0].name if tree else SOUND, 0, "", None)
    return Drawing("narrow", PHONE, top, tuple(nodes.values()), _in_order(edges))


# -- places


def _in_turn(name: str, forks: Mapping[str, Question]) -> list[tuple[str, str]]:
    """The answers of a question, those that lead to a leaf first: so what hangs from a question stays close to it."""
    answers = forks[name].branches.items() if name in forks else ()
    return sorted(answers, key=lambda each: each[1] in forks)


def _levels(forks: Mapping[str, Question]) -> list[list[str]]:
    """The names by how many answers lead to them."""
    rows = [[next(iter(forks))]]
    while following := [to for name in rows[-1] if name in forks for to in forks[name].branches.values()]:
        rows.append(following)
    return rows


def _centres(forks: Mapping[str, Question], found: Walk) -> dict[str, float]:
    """The middle of each place: leaves and subtrees side by side, a question over the middle of its answers."""
    centres: dict[str, float] = {}

    def span(name: str) -> float:
        own = _size(name, forks, found)[0] + APART
        return max(own, sum(span(to) for to in forks[name].branches.values())) if name in forks else own

    def put(name: str, left: float) -> None:
        if name not in forks:
            centres[name] = left + span(name) / 2
            return
        children = list(forks[name].branches.values())
        spare = span(name) - sum(span(to) for to in children)
        at = left + spare / 2
        for to in children:
            put(to, at)
            at += span(to)
        centres[name] = left + span(name) / 2 if spare else (centres[children[0]] + centres[children[-1]]) / 2

    put(next(iter(forks)), 2.0 - APART / 2)
    return centres


def _right(nodes: Mapping[str, Node]) -> float:
    return max(each.x + each.width for each in nodes.values()) + 2


def _size(name: str, forks: Mapping[str, Question], found: Walk) -> tuple[float, float]:
    if name not in forks:
        width = END if found.state(name) == "end" and found.cause else LEAF
        return width, _height(_lines(name, forks, found, width))
    width = TAKEN if name in found.places else FORK
    return width, _height(_lines(name, forks, found, width))


# -- what stands in a node


def _node(name: str, forks: Mapping[str, Question], found: Walk, x: float, y: float, width: float) -> Node:
    said = _lines(name, forks, found, width)
    lines = []
    at = y + PAD - 5
    for each in said:
        at += LINE if each.kind != "title" else TITLE
        lines.append(Line(round(x + PAD, 1), round(at, 1), each.text, each.kind, each.value, round(x + width - PAD, 1)))
    leaf = name not in forks
    return Node(name, leaf, found.state(name), round(x, 1), round(y, 1), width, _height(said), tuple(lines))


@dataclass(frozen=True)
class _Said:
    """A line before it is placed."""

    text: str
    kind: Kind = "title"
    value: str = ""


def _lines(name: str, forks: Mapping[str, Question], found: Walk, width: float) -> tuple[_Said, ...]:
    """A question, with its numbers where it was asked; a leaf, with the cause where the path ends there."""
    letters = int((width - 2 * PAD) / (LETTERS if found.state(name) == "off" else BOLD))
    if name in forks:
        asked = [_Said(each) for each in textwrap.wrap(forks[name].asks, letters)]
        judged = numbers(found.answers[name]) if name in found.places and name in found.answers else ()
        room = int((width - 2 * PAD) / SMALL) - 1
        return (*asked, *(_Said(shorten(text, room - len(value)), "number", value) for text, value in judged))
    if found.state(name) != "end" or found.cause in ("", name):
        return tuple(_Said(each) for each in _wrapped(capital(name), letters))
    said = [_Said(each, "words") for each in _wrapped(capital(name), letters)]
    return (*said, *(_Said(each) for each in _wrapped(capital(found.cause), letters)))


def _wrapped(name: str, letters: int) -> list[str]:
    return textwrap.wrap(shorten(name.replace("_", " "), 60), letters, max_lines=4, placeholder=" …")


def _height(said: Sequence[_Said]) -> float:
    return 2 * PAD + sum(LINE if each.kind != "title" else TITLE for each in said) - 2


# -- answers


def _fall(source: str, answer: str, target: str, nodes: Mapping[str, Node], found: Walk) -> Edge:
    """Down from the middle of a question to the middle of where the answer leads."""
    upper, lower = nodes[source], nodes[target]
    start, end = upper.x + upper.width / 2, lower.x + lower.width / 2
    bottom = upper.y + upper.height
    bend = lower.y - FALL + 14
    corners = ((start, bottom), (start, bend), (end, bend), (end, lower.y))
    return _edge(source, answer, target, found, corners, end, lower.y - 16)


def _elbow(upper: Node, lower: Node, answer: str, found: Walk) -> Edge:
    """Down along the left and into the side of where the answer leads."""
    x = upper.x + INDENT / 2
    y = lower.y + 14
    corners = ((x, upper.y + upper.height), (x, y), (lower.x, y))
    return _edge(upper.name, answer, lower.name, found, corners, lower.x + 4 + len(answer) * 3.3, lower.y - 10)


def _edge(
    source: str, answer: str, target: str, found: Walk, corners: tuple[tuple[float, float], ...], x: float, y: float
) -> Edge:
    taken = source in found.places and target in found.places
    placed = tuple((round(a, 1), round(b, 1)) for a, b in corners)
    return Edge(answer, source, target, taken, placed, round(x, 1), round(y, 1), round(len(answer) * LETTERS + 16, 1))


def _in_order(edges: Sequence[Edge]) -> tuple[Edge, ...]:
    return tuple(sorted(edges, key=lambda each: each.taken))
