"Made-up answers of a system, for the tests of the scores."
import numpy as np

T = ("T1", "T2", "T3", "T4")


def made_up(seed: int, n: int = 300, classes: tuple[str, ...] = T) -> tuple[list[str], list[str | None], np.ndarray]:
    "Truths, labels (some silent, some outside the classes) and probabilities."
    generator = np.random.default_rng(seed)
    truths = generator.choice(classes, n).tolist()
    probabilities = generator.dirichlet(np.ones(len(classes)), n)
    probabilities += 0.5 * np.eye(len(classes))[[classes.index(truth) for truth in truths]]
    probabilities /= probabilities.sum(1, keepdims=True)
    labels = [classes[code] for code in probabilities.argmax(1)]
    for row in range(0, n, 7):
        labels[row] = None
    labels[1] = "Tis"
    return truths, labels, probabilities
