"""How many targets ignore their inputs: likelihoods of agreement and of residuals, with and without such a share."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.stats import gaussian_kde, norm, t

from goodfit.core.statistics import Estimate
from goodfit.data.questions.features import Floats, Ints

RATES = np.linspace(0.0, 0.6, 21)
"""Shares of wrong labels that are tried."""
DECIDES = 6.0
"""Gain in log likelihood that a share above 0 has to bring (a p of about 0.0003 for one parameter)."""
MANY = 5
"""Classes from which the two views of sureness may share what they have to show."""
NONE = Estimate(0.0, 0.0, 0.0)


def asymptote(probabilities: Floats, own: Ints) -> Estimate:
    """The share of labels that are wrong at random, by a profile likelihood.

    A row agrees with its predicted class with probability ``(1 - rate) s + rate / K``, ``s`` a logistic curve (from
    1 / K up to one) of how sure the model is: with rate 0 agreement tends to one as the model gets surer; a share of
    flipped labels keeps it below. 99.9 % interval; (0, 0, 0) unless rate 0 is clearly worse.
    """
    count, known = probabilities.shape
    agrees = probabilities.argmax(1) == own
    if count < 60:
        return NONE
    covers = _sureness(probabilities)
    curves = [np.array([_best(agrees, cover, rate, known) for rate in RATES]) for cover in covers]
    profile = max(curves, key=lambda curve: float(curve.max()))
    gains = sorted(float(curve.max() - curve[0]) for curve in curves)
    # With few classes either view of sureness alone is fooled now and then; with many, agreement by chance is rare.
    return _interval(profile, gains[0] if known < MANY else min(3 * gains[0], sum(gains) / 2))


def replaced(predictions: Floats, targets: Floats) -> tuple[Estimate, Floats]:
    """The share of targets that were drawn without regard to the inputs, and each row's doubt (probability of that).

    Residuals as a mixture of a narrow normal one and the targets' own density, against an honest Student t. Targets of
    few different values (counts, grades) are not asked: their residuals come in stripes.
    """
    if len(targets) < 60 or len(np.unique(targets)) < max(20, 0.05 * len(targets)):
        return NONE, np.zeros(len(targets))
    density = gaussian_kde(targets)(targets)
    fits = [_mixed(predictions, targets, density, rate) for rate in RATES]
    profile = np.array([fit[0] for fit in fits])
    best = int(profile.argmax())
    _, slope, middle, width = fits[best]
    residuals = targets - middle - slope * predictions
    good = (1 - RATES[best]) * norm.pdf(residuals, scale=width)
    doubt = RATES[best] * density / (good + RATES[best] * density + 1e-300)
    honest = float(t.logpdf(residuals, *t.fit(residuals, floc=0.0)).sum())
    narrow = width < 0.4 * targets.std()
    if not narrow or best == len(RATES) - 1 or profile[best] - honest < DECIDES:
        return NONE, doubt
    return _interval(profile, float(profile[best] - profile[0])), doubt


def _sureness(probabilities: Floats) -> list[Floats]:
    """How sure the model is of its prediction: log odds, and rank among all rows."""
    largest = np.sort(probabilities, axis=1)[:, -1].clip(1e-4, 1 - 1e-4)
    known = probabilities.shape[1]
    odds = np.log(largest / (1 - largest)) + np.log(known - 1 if known > 2 else 1)
    ranks = largest.argsort(kind="stable").argsort(kind="stable")
    return [odds, 6.0 * (ranks + 0.5) / len(ranks)]


def _best(agrees: Floats, cover: Floats, rate: float, known: int) -> float:
    """The largest log likelihood over start and slope of the curve at one rate."""

    def loss(parameters: Floats) -> float:
        curve = 1 / (1 + np.exp(-(parameters[0] + np.exp(parameters[1]) * cover)))
        chance = (1 - rate) * (1 / known + (1 - 1 / known) * curve) + rate / known
        return -float(np.log(np.where(agrees, chance, 1 - chance).clip(1e-9)).sum())

    fits = [minimize(loss, start, method="Nelder-Mead", options={"maxiter": 60}) for start in ([0.0, 0.0], [-3.0, 1.0])]
    return -min(float(fit.fun) for fit in fits)


def _mixed(predictions: Floats, targets: Floats, density: Floats, rate: float) -> tuple[float, float, float, float]:
    """Expectation maximisation at one rate: (log likelihood, slope, middle, width of the good residuals)."""
    slope, middle = 1.0, 0.0
    width = max(float(np.median(np.abs(targets - predictions))), 1e-6)
    for _ in range(25):
        good = (1 - rate) * norm.pdf(targets - middle - slope * predictions, scale=width)
        weight = good / (good + rate * density + 1e-300)
        total = weight.sum()
        x, y = predictions - (weight * predictions).sum() / total, targets - (weight * targets).sum() / total
        slope = float((weight * x * y).sum() / max((weight * x * x).sum(), 1e-12))
        middle = float(((weight * targets).sum() - slope * (weight * predictions).sum()) / total)
        residuals = targets - middle - slope * predictions
        width = max(float(np.sqrt((weight * residuals**2).sum() / total)), 1e-6)
    good = (1 - rate) * norm.pdf(targets - middle - slope * predictions, scale=width)
    return float(np.log(good + rate * density + 1e-300).sum()), slope, middle, width


def _interval(profile: Floats, gain: float) -> Estimate:
    best = int(profile.argmax())
    if gain < DECIDES:
        return NONE
    inside = RATES[profile >= profile[best] - 5.4]  # half the 99.9 % quantile of chi squared with one degree
    return Estimate(float(RATES[best]), float(inside.min()), float(inside.max()))
