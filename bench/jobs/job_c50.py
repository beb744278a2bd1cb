from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = make_classification(
        1500, 10, n_informative=5, weights=[6 / 7], class_sep=2.0, flip_y=0.0, n_clusters_per_class=1, random_state=9
    )
    a, b, c, d = scaled_cut(x, y[:, None].astype("float32"))
    return {
        "model": lambda: mlp((10, 24, 12, 1)),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.003, weight_decay=1e-4),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


fixed = case
