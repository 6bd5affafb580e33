"""What training on every label is worth, against training on reports that have all three: `python nbs/benchmarks/partial_labels.py [--seeds 3]`.

Of the T, N and M labels of `train` a share is kept, drawn label by label. Then the same model learns twice: from every report with any label left (the masked loss of `models.losses`), and from those with all three left.
The model is cheap on purpose: TF-IDF of hashed words, 128 principal directions fitted on the training side's texts, and a linear head each for T, N and M. Five folds by hospital give every report an answer; macro-F1 counts on all labels that there are, with the interval
of a paired bootstrap. Every seed draws other folds and other labels. A run is written to `results/partial_labels.json` when it is done, and one that stands there is not made again. In full it takes about five minutes of one core.
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from cancer_staging import __version__
from cancer_staging.corpora.labelled import label_numbers, MISSING
from cancer_staging.corpora.splits import k_folds, linked_groups
from cancer_staging.corpora.tcga import load_corpus
from cancer_staging.evaluate.intervals import bootstrap_interval, paired_bootstrap
from cancer_staging.evaluate.scores import confusion, macro_f1
from cancer_staging.fields import get_field
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results" / "partial_labels.json"
FIELDS = ("t", "n", "m")
SIZES = {name: len(get_field(name).trained) for name in FIELDS}
SHARES = (1.0, 0.75, 0.5, 0.25)
FOLDS, DIRECTIONS, PENALTY = 5, 128, 0.01  # of the square of the weights


def kept_labels(labels: np.ndarray,  # (reports, fields), MISSING where there is none
                share: float,        # of the labels
                seed: int,           # with a smaller share, the same labels and fewer
                ) -> np.ndarray:
    "The labels of which a share is kept, each drawn by itself."
    return np.where(np.random.default_rng(seed).random(labels.shape) < share, labels, MISSING)


def fold_features(counts, train: np.ndarray) -> np.ndarray:
    "Standardised directions of all reports, fitted on the training side's texts."
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer

    weighting = TfidfTransformer(sublinear_tf=True).fit(counts[train])
    directions = TruncatedSVD(DIRECTIONS, n_iter=3, random_state=0).fit(weighting.transform(counts[train]))
    features = directions.transform(weighting.transform(counts))
    return ((features - features[train].mean(0)) / features[train].std(0)).astype(np.float32)


def fitted_answers(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    "Labels of the test reports by linear heads that learnt from the training reports' labels, int64 (test, fields)."
    import torch

    from cancer_staging.models.losses import class_weights, PartialLabelLoss

    torch.manual_seed(0)
    inputs, targets = torch.from_numpy(features[train]), torch.from_numpy(labels[train])
    heads = torch.nn.ModuleDict({name: torch.nn.Linear(features.shape[1], size) for name, size in SIZES.items()})
    loss = PartialLabelLoss(SIZES, class_weights={name: class_weights(targets[:, column], size) for column, (name, size) in enumerate(SIZES.items())})
    optimizer = torch.optim.LBFGS(heads.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        total = loss({name: head(inputs) for name, head in heads.items()}, targets).total + PENALTY * sum((head.weight**2).sum() for head in heads.values())
        total.backward()
        return total

    optimizer.step(step)
    with torch.no_grad():
        return np.column_stack([heads[name](torch.from_numpy(features[test])).argmax(-1).numpy() for name in FIELDS])


class Bench:
    "The training reports, their folds and features by seed."
    def __init__(self, samples: int):
        from sklearn.feature_extraction.text import HashingVectorizer

        self.frame, self.samples = load_corpus().filter(split="train"), samples
        self.labels = label_numbers(self.frame, FIELDS)
        self.counts = HashingVectorizer(n_features=2**15, norm=None, alternate_sign=False).transform(self.frame["text"])
        self.groups = linked_groups(self.frame, ("tissue_source_site",), texts=False)

        self.folds, self.features = cache(self._folds), cache(self._features)

    def _folds(self, seed: int) -> np.ndarray:
        "The fold of each report; a hospital's reports are in one."
        return k_folds(self.frame, FOLDS, seed, FIELDS, groups=self.groups)["fold"].to_numpy()

    def _features(self, seed: int) -> list[np.ndarray]:
        "The features of all reports, for each fold as that is held out."
        return [fold_features(self.counts, np.flatnonzero(self.folds(seed) != fold)) for fold in range(FOLDS)]

    def run(self, seed: int, share: float) -> dict[str, object]:
        "Both ways of training at one share: reports and labels learnt from, macro-F1 of each field, and what the partial labels add."
        began, kept, fold = time.process_time(), kept_labels(self.labels, share, seed), self.folds(seed)
        usable = {"complete": (kept != MISSING).all(1), "partial": (kept != MISSING).any(1)}
        answers = {way: np.zeros_like(self.labels) for way in usable}
        for number, features in enumerate(self.features(seed)):
            test = np.flatnonzero(fold == number)
            for way, rows in usable.items():
                answers[way][test] = fitted_answers(features, kept, np.flatnonzero(rows & (fold != number)), test)
        scores = {}
        for column, (name, size) in enumerate(SIZES.items()):
            known = self.labels[:, column] != MISSING
            truth, given = self.labels[known, column], {way: said[known, column] for way, said in answers.items()}

            def score(truths: np.ndarray, said: np.ndarray) -> float:
                return macro_f1(confusion(truths, said, size))

            of_ways = {way: bootstrap_interval(score, truth, said, samples=self.samples) for way, said in given.items()}
            gain = paired_bootstrap(score, truth, given["partial"], given["complete"], samples=self.samples)
            scores[name] = {"labels": int(known.sum()), **{way: {"value": found.value, "low": found.low, "high": found.high} for way, found in {**of_ways, "gain": gain}.items()}}
        return {"reports": {way: int(rows.sum()) for way, rows in usable.items()}, "labels_learnt": {way: int((kept[rows] != MISSING).sum()) for way, rows in usable.items()},
                "cpu_seconds": round(time.process_time() - began, 1), "scores": scores}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=300, help="draws of the bootstrap")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file for the results")
    asked = parser.parse_args(arguments)
    runs = json.loads(asked.results.read_text(encoding="utf-8"))["runs"] if asked.results.is_file() else []
    done = {(run["seed"], run["share"]) for run in runs}
    todo = [(seed, share) for seed in range(asked.seeds) for share in SHARES if (seed, share) not in done]
    bench = Bench(asked.samples) if todo else None
    for seed, share in todo:
        runs.append({"seed": seed, "share": share, "date": date.today().isoformat(), **bench.run(seed, share)})
        about = {"date": date.today().isoformat(), "machine": machine_name(), "version": __version__, "rows": bench.frame.height, "folds": FOLDS, "directions": DIRECTIONS, "penalty": PENALTY, "samples": asked.samples}
        waiting = asked.results.with_suffix(".part")
        waiting.write_text(json.dumps({"about": about, "runs": runs}, indent=1) + "\n", encoding="utf-8")
        waiting.replace(asked.results)
        print(f"seed {seed}, {share:.0%} of the labels: " + ", ".join(f"{name} {found['complete']['value']:.3f} → {found['partial']['value']:.3f}" for name, found in runs[-1]["scores"].items()), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
