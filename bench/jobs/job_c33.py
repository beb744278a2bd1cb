from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def net(frozen):
    model = cnn((8, 16), 32)
    for p in model[:-1].parameters():
        p.requires_grad = not frozen
    return model


def case():
    a, b, c, d = digits(image=True, seed=15)
    return {
        "model": lambda: net(True),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: adam(0.002)([p for p in parameters if p.requires_grad]),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(False)}
