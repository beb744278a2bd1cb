"""One training, watched and judged: what it says of the last weights, and what it leaves as it was."""

from __future__ import annotations

import copy
import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, recall_score
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset, TensorDataset

import goodfit
from goodfit.core.errors import TrainingError
from goodfit.core.job import Coding, Job
from goodfit.core.recipe import Recipe
from goodfit.core.run import Outcome
from goodfit.core.runtime import preserved_rng
from goodfit.core.task import ACCURACY, IGNORED, Rows, Signature, Task
from goodfit.core.trial import Trial
from goodfit.guide.experiments import rows_of
from goodfit.guide.trials import FIRST_UPDATES, judge, run_trial
from tests.guide.jobs import adam, classes, drawn, net, numbers, read, sgd


def tried(given: dict[str, Any], seed: int = 0) -> Trial:
    job = read(given)
    with preserved_rng():
        return run_trial(job, seed, rows=rows_of(job))


def rebuilt(job: Job, trial: Trial) -> nn.Module:
    with preserved_rng():
        model = job.recipe.model()
    model.load_state_dict(dict(trial.weights))
    return model


def against() -> dict[str, Any]:
    """The better the training rows are learnt, the worse the validation rows are."""
    x = drawn(90, 2)
    return numbers(
        model=lambda: nn.Linear(2, 1),
        train=TensorDataset(x[:60], x[:60, :1]),
        val=TensorDataset(x[60:], -x[60:, :1]),
        optimizer=sgd(0.1),
    )


def test_the_last_weights_are_judged_and_not_the_best() -> None:
    trial = tried(against())
    assert trial.validation_losses[0] == min(trial.validation_losses)
    assert trial.validation.loss == pytest.approx(trial.validation_losses[-1])
    assert trial.validation.loss > trial.validation_losses[0]
    assert trial.outcome is Outcome.FINISHED


@pytest.mark.parametrize("make", [against, numbers, classes])
def test_the_weights_kept_are_those_that_were_judged(make: Any) -> None:
    job, trial = read(make()), tried(make())
    model = rebuilt(job, trial)
    for part, result in ((job.task.train, trial.train), (job.task.validation, trial.validation)):
        again = judge(model, job, part)
        assert again.loss == result.loss
        assert np.array_equal(again.units.sums, result.units.sums)


def test_curves_have_one_number_an_epoch_and_losses_one_an_update() -> None:
    trial = tried(numbers(epochs=7))  # 150 rows in batches of 15
    assert trial.updates == 70
    assert len(trial.train_losses) == len(trial.validation_losses) == 7
    assert trial.batch_losses.shape == (70,)
    assert len(trial.steps) == FIRST_UPDATES
    assert trial.train_losses[2] == pytest.approx(float(trial.batch_losses[20:30].mean()))
    assert set(trial.validation_errors) == set(range(1, 8))
    assert trial.validation_errors[7] == pytest.approx(trial.validation.error)


def test_long_trainings_are_scored_now_and_then() -> None:
    trial = tried(numbers(epochs=60, train=TensorDataset(drawn(30, 4), drawn(30, 1)), batch_size=30))
    assert 10 <= len(trial.validation_errors) <= 15
    assert np.ptp(np.diff(sorted(trial.validation_errors))) == 0


@pytest.mark.parametrize(("change", "work"), [({}, 1.0), ({"epochs": 16}, 2.0), ({"batch_size": 30}, 1.0)])
def test_work_is_counted_in_trainings_of_the_job_as_found(change: dict[str, int], work: float) -> None:
    found = read(numbers())
    changed = found.with_recipe(**change)
    assert run_trial(changed, 0, rows=rows_of(found)).work == pytest.approx(work)


def test_a_training_cut_short_counts_for_what_it_was() -> None:
    job = read(numbers())
    trial = run_trial(job.with_recipe(max_updates=20), 0, rows=rows_of(job))
    assert trial.outcome is Outcome.UPDATES_REACHED
    assert trial.work == pytest.approx(20 / 80)


def test_the_same_seed_is_the_same_training_and_another_one_is_not() -> None:
    first, again, other = tried(numbers(), 3), tried(numbers(), 3), tried(numbers(), 4)
    assert np.array_equal(first.batch_losses, again.batch_losses)
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    assert not np.array_equal(first.batch_losses, other.batch_losses)


# -- what goes wrong


@pytest.mark.parametrize("make", [numbers, classes])
def test_a_training_that_diverges_is_an_outcome(make: Any) -> None:
    trial = tried(make(optimizer=sgd(1e30)))
    assert trial.outcome is Outcome.DIVERGED
    assert trial.train.error == trial.validation.error == 1.0
    assert trial.updates >= 1


def test_a_loss_that_refuses_what_is_no_number_is_a_divergence() -> None:
    bits = (drawn(100, 1) > 0).float()
    trial = tried(
        numbers(
            model=lambda: nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()),
            loss=nn.BCELoss(),
            train=TensorDataset(drawn(100, 4), bits),
            val=TensorDataset(drawn(100, 4), bits),
            optimizer=lambda p: torch.optim.SGD(p, lr=float("inf")),
            task="classification",
        )
    )
    assert trial.outcome is Outcome.DIVERGED
    assert "between 0 and 1" in trial.failure
    assert trial.validation.error == 1.0
    assert np.isnan(trial.validation.loss)


class Failing(nn.Module):
    """Raises at the given training pass."""

    def __init__(self, error: Exception, at: int) -> None:
        super().__init__()
        self.layer, self.error, self.left = nn.Linear(4, 1), error, at

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.left -= 1
            if self.left < 0:
                raise self.error
        return self.layer(x)


def test_an_error_at_the_first_pass_is_said() -> None:
    with pytest.raises(TrainingError, match="The training failed: no such wheel"):
        tried(numbers(model=lambda: Failing(RuntimeError("no such wheel\nand more"), 0)))


def test_an_error_on_the_way_with_finite_outputs_is_no_divergence() -> None:
    with pytest.raises(TrainingError, match="no such wheel"):
        tried(numbers(model=lambda: Failing(RuntimeError("no such wheel"), 12)))


@pytest.mark.parametrize("error", [KeyError("wheel"), AttributeError("wheel"), TypeError("wheel"), OSError("wheel")])
@pytest.mark.parametrize("at", [0, 12])
def test_any_error_of_the_persons_forward_is_a_training_error_with_its_line(error: Exception, at: int) -> None:
    with pytest.raises(TrainingError, match=r"test_trials\.py, line \d+: The training failed: \w+: '?wheel"):
        goodfit.diagnose(**numbers(model=lambda: Failing(error, at)))


def test_a_loss_of_one_number_in_a_vector_is_a_loss() -> None:
    plain, vector = tried(numbers()), tried(numbers(loss=lambda o, t: ((o - t) ** 2).mean().reshape(1)))
    assert vector.outcome is Outcome.FINISHED
    assert vector.train_losses == pytest.approx(plain.train_losses)
    assert vector.validation.error == pytest.approx(plain.validation.error)


# -- nothing is changed


class Lazy(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, rows: TensorDataset) -> None:
        self.rows, self.reads = rows, 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        self.reads += 1
        x, y = self.rows[index]
        return x, y


def test_global_state_stays() -> None:
    job = read(numbers())
    filters, numpy_errors = list(warnings.filters), np.geterr()
    before = (torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype(), torch.initial_seed())
    with preserved_rng():
        run_trial(job, 0)
    assert list(warnings.filters) == filters
    assert np.geterr() == numpy_errors
    assert before[:3] == (torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype())
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_job_and_its_data_stay() -> None:
    given = numbers()
    tensors = [each.clone() for each in (*given["train"].tensors, *given["val"].tensors)]
    job = read(given)
    sample, recipe, task = job.sample.clone(), job.recipe, job.task
    with preserved_rng():
        run_trial(job, 5)
    now = (*given["train"].tensors, *given["val"].tensors)
    assert all(torch.equal(a, b) for a, b in zip(tensors, now, strict=True))
    assert torch.equal(job.sample, sample)
    assert job.recipe is recipe
    assert job.task is task
    assert recipe.seed == 0


def test_judging_leaves_mode_buffers_gradients_and_random_numbers() -> None:
    job = read(classes())
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    model[1].eval()
    before, modes = copy.deepcopy(model.state_dict()), [each.training for each in model.modules()]
    random.seed(1)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    first, again = judge(model, job, job.task.validation), judge(model, job, job.task.validation)
    assert first.loss == again.loss
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [each.training for each in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])
    assert all(each.grad is None for each in model.parameters())


# -- judged against outside oracles


def test_accuracy_recalls_and_balance_are_scikit_learns() -> None:
    given = classes()
    job = read(given)
    torch.manual_seed(0)
    model = net(outputs=3)
    result = judge(model, job, job.task.validation)
    inputs, truth = given["val"].tensors
    outputs = model(inputs).detach()
    guess = outputs.argmax(dim=1)
    wrong = float((guess != truth).float().mean())
    constant = 1 - float(truth.bincount().max()) / len(truth)
    assert result.score == pytest.approx(1 - wrong)
    assert result.error == pytest.approx(min(1.0, wrong / constant))
    assert result.recalls == pytest.approx(recall_score(truth, guess, average=None))
    assert result.balanced == pytest.approx((1 - balanced_accuracy_score(truth, guess)) / (1 - 1 / 3))
    assert result.loss == pytest.approx(float(functional.cross_entropy(outputs, truth)), rel=1e-5)


def test_a_perfect_network_has_no_error_and_a_constant_one_all_of_it() -> None:
    x = drawn(60, 1)
    job = read(numbers(model=lambda: nn.Linear(1, 1), train=TensorDataset(x, x), val=TensorDataset(x, x)))
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(0.0)
    assert judge(model, job, job.task.train).error == pytest.approx(0.0, abs=1e-12)
    with torch.no_grad():
        model.weight.fill_(0.0)
        model.bias.fill_(float(x.mean()))
    assert judge(model, job, job.task.train).error == pytest.approx(1.0)
    assert judge(model, job, job.task.train).score == pytest.approx(0.0, abs=1e-6)


def test_rows_that_are_read_one_by_one_train_like_those_in_memory() -> None:
    given = numbers(optimizer=adam())
    in_memory = read(given)
    lazy = in_memory.with_task(train=Lazy(given["train"]), validation=Lazy(given["val"]))
    with preserved_rng():
        first, second = run_trial(in_memory, 0), run_trial(lazy, 0)
        again = run_trial(lazy, 0)
    assert np.array_equal(second.batch_losses, again.batch_losses)
    assert second.updates == first.updates
    assert second.validation.error == pytest.approx(first.validation.error, abs=0.02)
    assert second.validation.units.sums.shape == first.validation.units.sums.shape


def test_sentences_of_batches_of_different_widths_are_judged_token_by_token() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.arange(1, 201) % 9 + 1  # 200 sentences: several batches, each as wide as its longest
    lengths[:64] = 2
    padding = torch.arange(9) >= lengths[:, None]
    inputs = torch.randint(2, 8, (200, 9), generator=generator).masked_fill(padding, 0)[..., None]
    targets = (inputs[..., 0] % 2).masked_fill(padding, IGNORED)
    rows = Rows(inputs, targets, lengths)
    signature = Signature((1,), 2, (8,), tokens=True)
    task = Task("t", "sequences", "sequence_labelling", rows, rows, None, signature, functional.cross_entropy, ACCURACY)
    model = _Parity()
    found = judge(model, Job(task, Recipe(_Parity), Coding.TOKENS, inputs[:4]), rows)
    wrong = (targets == 1) & (inputs[..., 0] == 3)
    assert found.units.sums.tolist() == wrong.sum(dim=1).tolist()
    assert found.units.weights.tolist() == lengths.tolist()
    ones = int((targets == 1).sum()) / int(lengths.sum())
    assert found.constant == pytest.approx(min(ones, 1 - ones))


class _Parity(nn.Module):
    """Right for every token but 3."""

    def forward(self, codes: Tensor) -> Tensor:
        odd = ((codes[..., 0] % 2 == 1) & (codes[..., 0] != 3)).float()
        return torch.stack([1 - odd, odd], dim=1)
