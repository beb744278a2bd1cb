"""Codes are names: told by columns of their own, and never by their size."""

import torch

from goodfit.core.task import IGNORED
from goodfit.data.questions.codes import as_numbers, bags, holds_token_codes, table_levels, token_levels, tokens
from goodfit.data.questions.drift import two_sample
from goodfit.data.questions.quick import quick_fit


def sentences(rows: int, seed: int = 0, words: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Two codes a token; its label is the parity of the first code. Sentences of 2 to 8 tokens, padded."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(2, 2 + words, (rows, 8, 2), generator=generator)
    padding = torch.arange(8) >= torch.randint(2, 9, (rows, 1), generator=generator)
    return inputs.masked_fill(padding[..., None], 0), (inputs[..., 0] % 2).masked_fill(padding, IGNORED)


def test_frequent_codes_of_a_table_get_a_column_each_and_numbers_stay():
    codes = torch.tensor([1.0] * 20 + [2.0] * 10 + [3.0] * 2)
    rows = torch.stack([torch.arange(32.0), codes], dim=1)
    found = as_numbers(rows, table_levels([rows], (4,)))
    assert found.shape == (32, 3)  # the number, code 1, code 2; code 3 is rare
    assert torch.equal(found[:, 0], rows[:, 0])
    assert found[:, 1:].sum(0).tolist() == [20, 10]


def test_codes_in_other_names_say_the_same():
    inputs, targets = sentences(200)
    swapped = torch.where(inputs > 0, 13 - inputs, 0)
    for part in (inputs, swapped):
        found = quick_fit((part[:150], targets[:150]), (part[150:], targets[150:]), "sequence_labelling")
        assert found is not None
        assert found.validation.value > 0.95


def test_what_is_rare_or_new_does_not_tell_two_random_parts_apart():
    inputs, _ = sentences(400)
    rare = (torch.rand(400, 8, generator=torch.Generator().manual_seed(0)) < 0.2) & (inputs[..., 0] > 0)
    names = 1000 + torch.arange(400 * 8).reshape(400, 8)  # training knows each of its words, validation's are new
    names[200:] = 1
    inputs[..., 0] = torch.where(rare, names, inputs[..., 0])
    known = token_levels([inputs[:200], inputs[200:]])
    found = two_sample(bags(inputs[:200], known), bags(inputs[200:], known))
    assert found is not None
    assert not found.found


def test_other_words_do_tell_parts_apart():
    first, second = sentences(200)[0], sentences(200, seed=1, words=4)[0]
    known = token_levels([first, second])
    found = two_sample(bags(first, known), bags(second, known))
    assert found is not None
    assert found.found


def test_shares_of_a_sentence_do_not_count_its_padding():
    inputs, _ = sentences(100)
    known = token_levels([inputs])
    longer = torch.cat([inputs, torch.zeros_like(inputs)], dim=1)
    assert torch.equal(bags(inputs, known), bags(longer, known))
    assert float(bags(inputs, known)[:, :9].sum(1).min()) > 0.99


def test_tokens_are_told_with_their_neighbours_and_only_those_that_count():
    inputs, targets = sentences(50)
    known = token_levels([inputs])
    matrix, labels, rows = tokens((inputs, targets), known, 10_000, 0)
    assert len(matrix) == int((targets != IGNORED).sum())
    assert labels.tolist() == targets[targets != IGNORED].tolist()
    first = torch.from_numpy(matrix[:, : matrix.shape[1] // 5])
    assert bool((first.sum(1) == 2).all())  # one column for each of its two codes
    assert sorted(set(rows.tolist())) == list(range(50))


def test_amounts_are_no_codes():
    inputs, _ = sentences(10)
    assert holds_token_codes(inputs, "sequence_labelling")
    assert not holds_token_codes(inputs, "classification")
    assert not holds_token_codes(inputs.float(), "sequence_labelling")
    assert not holds_token_codes(inputs.to(torch.uint8), "sequence_labelling")
