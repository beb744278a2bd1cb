"""The way out of a saddle: on from where the training ended, one step along the direction that curves down."""

from __future__ import annotations

from functools import cache

import torch

from goodfit.causes import Change, Facts
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng
from goodfit.models.surgery import NotAskable, Start
from goodfit.probes.weights import shaped
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Judged, Remedy


def escapes(facts: Facts) -> tuple[Change, ...]:
    """One step, of the length at which the loss was lowest, and as many epochs again from there."""
    critical, out = facts.end.critical, facts.end.escape
    if critical is None or critical.kind != "saddle" or critical.spectrum is None or out is None or out.gain <= 0:
        return ()
    # The job may by then be another one, the weights stay those that were measured.
    weights = cache(lambda: _stepped(facts))

    def apply(job: Job) -> Job:
        return job.with_model(start=weights())

    words = "Go on from where training ended, after a step along the direction of negative curvature"
    return (Change("escape", words, ("model.start",), apply, code=snippets.ESCAPE),)


def _stepped(facts: Facts) -> Start:
    critical, out = facts.end.critical, facts.end.escape
    if critical is None or critical.spectrum is None or out is None:
        raise NotAskable("no direction of negative curvature was found")
    with preserved_rng():
        model = facts.job.recipe.model()
    model.load_state_dict(dict(facts.control.weights))
    learnt = [each for each in model.parameters() if each.requires_grad]
    direction = critical.spectrum.vector_smallest
    steps = shaped(out.step * direction / torch.linalg.vector_norm(direction), learnt)
    with torch.no_grad():
        for parameter, step in zip(learnt, steps, strict=True):
            parameter.add_(step)
    return Start("past the saddle", {name: each.detach().clone() for name, each in model.state_dict().items()})


ESCAPE = Remedy(
    name="escape",
    causes=("saddle_point",),
    changes=escapes,
    reason="At a saddle the gradient is zero, and one direction leads down all the same: the curvature tells which.",
    source="Hung-yi Lee, ML 2021, lecture 5; Dauphin et al. 2014; Jin et al. 2017",
    costs="A few dozen products with the Hessian, and the training from there.",
    harms="It leads out of one saddle; with bad initial weights the next one is near.",
    judged=Judged.VALIDATION,  # the weights it goes on from have seen all training rows, so no fold is held out
)
