import numpy as np
import pytest
import torch

from goodfit.data.questions.windows import Interleaved, chains, interleaved_in_time, parted_in_time


def walk(steps=600, features=1, seed=0):
    return torch.randn(steps, features, generator=torch.Generator().manual_seed(seed)).cumsum(0)


def windows(series, length=10, lag=1):
    """(rows, length, features), in the order of time."""
    return series.unfold(0, length, lag).transpose(1, 2)


def mixed(rows, seed=0):
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]


@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("lag", [1, 3, 5])
def test_windows_drawn_at_random_lie_between_training_windows(features, lag):
    rows = mixed(windows(walk(1200, features), 10, lag))
    cut = int(0.75 * len(rows))
    forms = [rows, rows.transpose(1, 2)] + ([rows[..., 0]] if features == 1 else [])
    for each in forms:
        found = interleaved_in_time(each[:cut], each[cut:])
        assert (found.lag, found.length) == (lag, 10)
        assert found.share > 0.35


def test_a_cut_in_time_and_rows_that_are_no_windows():
    rows = windows(walk())
    assert interleaved_in_time(rows[:400], rows[400:]) is None
    for shape in ((400, 8), (400, 8, 3)):
        table = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
        assert interleaved_in_time(table[:300], table[300:]) is None
    apart = mixed(windows(walk(3000), 10, 10))
    assert interleaved_in_time(apart[:200], apart[200:]) is None
    flat = torch.zeros(100, 6)
    assert interleaved_in_time(flat[:70], flat[70:]) is None
    tokens = mixed(windows(walk()).squeeze(2).long())
    assert interleaved_in_time(tokens[:400], tokens[400:]) is None
    assert interleaved_in_time(torch.randn(50, 3), torch.randn(20, 3)) is None


def test_chains_follow_the_series_and_bridge_what_is_held_out():
    rows = windows(walk()).squeeze(2).double().numpy()
    order = np.random.default_rng(0).permutation(len(rows))
    (found,) = chains(rows[order], 1)
    assert (order[found] == np.arange(len(rows))).all()
    kept = order[:400]  # a third is in a test part
    (found,) = chains(rows[kept], 1)
    assert (np.diff(kept[found]) > 0).all()
    ring = np.sin(np.arange(24) * np.pi / 6).round(6)
    repeated = np.lib.stride_tricks.sliding_window_view(np.tile(ring, 3), 6)
    assert sorted(np.concatenate(chains(repeated, 1)).tolist()) == list(range(len(repeated)))


def test_parts_cut_in_time_do_not_overlap():
    first, second = windows(walk(400)), windows(walk(300, seed=1))
    rows = torch.cat([first, second])
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    train, validation = parted_in_time(rows[order], Interleaved(0.5, 1, 10), 0.25)
    found = order.numpy()
    for begin, end in ((0, len(first)), (len(first), len(rows))):
        own = [np.sort(part[(part >= begin) & (part < end)]) for part in (found[train], found[validation])]
        assert own[0].max() + 10 <= own[1].min()
        assert len(own[1]) / (end - begin) == pytest.approx(0.25, abs=0.02)
    assert interleaved_in_time(rows[order][train], rows[order][validation]) is None


def test_series_too_short_to_be_cut_stay_whole():
    rows = torch.cat([windows(walk(14, seed=seed)) for seed in range(40)])
    train, validation = parted_in_time(rows, Interleaved(0.5, 1, 10), 0.25)
    assert not {each // 5 for each in train.tolist()} & {each // 5 for each in validation.tolist()}
    assert len(validation) == pytest.approx(0.25 * len(rows), abs=5)
