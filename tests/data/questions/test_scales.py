import pytest
import torch
from sklearn import datasets

from goodfit.data.questions.scales import order, padding, scales, target_scale
from tests.data.questions.made import SETS, cut


def test_wild_columns_are_named():
    found = scales(cut(*SETS["wine"]())[0][0])
    assert found.ratio > 1000
    assert 12 in found.affected  # proline, up to 1,680
    assert 0 not in found.affected or found.peak > 1000


def test_standard_columns_are_not():
    rows = torch.randn(200, 5)
    rows[:, 3] = 7.0  # a constant says nothing
    found = scales(rows)
    assert found.affected == ()
    assert found.ratio < 1.5
    assert scales(torch.randint(0, 5, (9, 3))) is None
    assert scales(torch.ones(9, 3)) is None


def test_targets_have_a_scale():
    assert target_scale(1000 * torch.randn(50)).largest == pytest.approx(1000, rel=0.3)
    assert target_scale(torch.ones(50)) is None


def test_sorted_rows_and_random_ones():
    (x, y), _ = cut(*SETS["wine"]())
    mixed = order(y, x, "classification")
    assert mixed.sorted_by is None
    assert mixed.p > 1e-3
    by_class = y.argsort(stable=True)
    found = order(y[by_class], x[by_class], "classification")
    assert found.sorted_by == "targets"
    assert found.autocorrelation == pytest.approx(1)
    assert found.longest_run == pytest.approx(float(y.bincount().max()) / len(y))


def test_rows_sorted_by_number_or_column():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    y = x.sum(1)
    assert order(y, x, "regression").sorted_by is None
    assert order(y.sort().values, x[y.argsort()], "regression").sorted_by == "targets"
    by_column = x[:, 1].argsort()
    assert order(y[by_column] * 0 + torch.randn(200), x[by_column], "regression").sorted_by == 1


def padded(rows=300, length=20):
    rng = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, length + 1, (rows,), generator=rng)
    inside = torch.arange(length) < lengths[:, None]
    return inside, torch.randn(rows, length, generator=rng), torch.randint(1, 9, (rows, length), generator=rng)


def test_padding_of_numbers_and_tokens():
    inside, values, tokens = padded()
    for rows in (values * inside, tokens * inside, (values * inside)[..., None].expand(-1, -1, 2)):
        found = padding(rows)
        assert found.value == 0
        assert not found.leading
        assert found.varying
        assert found.share == pytest.approx(1 - float(inside.float().mean()))
    assert padding((values * inside).flip(1)).leading


def test_padding_along_the_last_axis():
    inside = torch.arange(20) < torch.arange(5, 20).repeat(10)[:, None]
    clips = (torch.randn(150, 2, 20) * inside[:, None]).float()
    found = padding(clips)
    assert (found.axis, found.value, found.shortest) == (2, 0, 5)
    assert padding(clips.transpose(1, 2)).axis == 1
    assert padding(torch.randn(150, 2, 20)) is None


def test_padding_that_counts_as_a_target():
    inside, _, tokens = padded()
    assert padding(tokens * inside, tokens * inside).counted_share > 0.3
    assert padding(tokens * inside, torch.where(inside, tokens, -100)).counted_share == 0


def test_no_padding_in_pictures_tables_and_plain_tokens():
    pictures = torch.as_tensor(datasets.load_digits().data).float()
    assert padding(pictures) is None
    assert padding(pictures.reshape(-1, 8, 8)) is None
    assert padding(torch.randn(100, 10)) is None
    assert padding(torch.randint(0, 6, (300, 8))) is None
