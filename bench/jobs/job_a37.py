from torch import nn

from bench.jobs._common import adam, digits, pair


class Finetuned(nn.Module):
    def __init__(self, freeze):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 12, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(12, 12, 2),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Linear(12, 10)
        self.backbone.requires_grad_(not freeze)

    def forward(self, x):
        return self.head(self.backbone(x))


def case():
    a, b, c, d = digits(image=True, seed=3)
    return {
        "model": lambda: Finetuned(True),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Finetuned(False)}
