"""How many reviewed reports buy how much macro-F1, by the order in which they are reviewed: `python nbs/benchmarks/review_queue.py [--runs 10]`.

Every run starts from nothing: a fold of `train` is held out to score, the other folds are the pool, and reports of it are reviewed one by one in the order of a queue; the registry's labels stand for the reviewer. At 100, 200, 400, 800 and 1,600
reviewed reports a model is fitted on them and answers every held-out report with a label. The model is the linear part of the default model: one logistic regression a field on what the report describes (words, sizes, structures) and on what the grammar found in it;
arbiter, trees and cancer types, which take minutes to fit, are left out. `uncertain` begins with 100 drawn at random and goes on by the model fitted so far, in rounds. `diverse` knows the texts of the pool alone.

Results go to `results/review_queue.json`, one run after the other; `review_queue.ipynb` shows them. It takes a quarter of an hour on one core. No report text is written, and `test` is not touched.
"""
from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from cancer_staging import __version__
from cancer_staging.corpora.labelled import label_numbers
from cancer_staging.corpora.splits import k_folds
from cancer_staging.corpora.tcga import load_corpus
from cancer_staging.evaluate.scores import confusion, macro_f1
from cancer_staging.fields import FIELDS
from cancer_staging.models.features import describe
from cancer_staging.models.learned import finding_features, TERM_WEIGHT
from cancer_staging.review.queue import ASKED, spread_order, text_vectors, uncertainty
from cancer_staging.rules.assembly import GRAMMAR
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results" / "review_queue.json"
COUNTS = (100, 200, 400, 800, 1600)  # reviewed reports
LEAST = 10                           # reports of the corpus that have a term, for it to count
QUEUES = ("random", "uncertain", "diverse")
FOLDS = 5


def features(texts: list[str]  # of the corpus
             ) -> sparse.csr_matrix:
    "What the linear model sees of each report, (reports, features): terms weighted as in the default model, the other features of the description, and the findings."
    described = [describe(text) for text in texts]
    found = [finding_features(GRAMMAR.read(text)) for text in texts]
    frequency = Counter(term for told in described for term in told.terms)
    column = {term: number for number, term in enumerate(sorted(term for term, count in frequency.items() if count >= LEAST))}
    rarity = {term: math.log((1 + len(texts)) / (1 + frequency[term])) + 1 for term in column}
    rows = []
    for told, findings in zip(described, found):
        scale = TERM_WEIGHT / math.sqrt(max(told.terms.distinct, 1))
        row = {column[term]: scale * (1 + math.log(len(where))) * rarity[term] for term, where in told.terms.items() if term in column}
        rows.append(row | {column.setdefault(name, len(column)): value for name, value in (*((f"value {name}", value) for name, value in told.values.items()), *((f"finding {name}", value) for name, value in findings.items()))})
    ends = np.cumsum([0, *map(len, rows)])
    return sparse.csr_matrix((np.array([value for row in rows for value in row.values()], np.float32), np.array([number for row in rows for number in row], np.int32), ends), (len(rows), len(column)))


def fitted(matrix: sparse.csr_matrix, codes: np.ndarray, reviewed: np.ndarray, asked: np.ndarray) -> list[np.ndarray]:
    "Probabilities of each field's labels for the reports asked, by a model fitted on the reviewed ones."
    seen = np.flatnonzero(np.asarray((matrix[reviewed] != 0).sum(0)).ravel() >= 2)
    learnt, answers = matrix[reviewed][:, seen], matrix[asked][:, seen]
    told = []
    for place, name in enumerate(ASKED):
        labels, known = codes[reviewed, place], codes[reviewed, place] >= 0
        probabilities = np.full((len(asked), len(FIELDS[name].trained)), 1e-3)  # a label that nobody has seen yet
        if len(present := np.unique(labels[known])) > 1:
            model = LogisticRegression(max_iter=100, tol=1e-3).fit(learnt[known], labels[known])
            probabilities[:, model.classes_] += model.predict_proba(answers)
        else:
            probabilities[:, present] += 1
        told.append(probabilities / probabilities.sum(1, keepdims=True))
    return told


def doubts(probabilities: list[np.ndarray]) -> np.ndarray:
    "The uncertainty of each report, as the review page orders by it."
    listed = [[[{"label": label, "prob": share} for label, share in zip(FIELDS[name].trained, shares)] for shares in of_field.tolist()] for name, of_field in zip(ASKED, probabilities)]
    return np.array([uncertainty({f"{name}_probs": of_report for name, of_report in zip(ASKED, report)}) for report in zip(*listed)])


def scores(matrix: sparse.csr_matrix, codes: np.ndarray, reviewed: np.ndarray, held: np.ndarray) -> list[float]:
    "Macro-F1 of T, N and M on the held-out reports, every one with a label answered."
    found = []
    for place, probabilities in enumerate(fitted(matrix, codes, reviewed, held)):
        known = codes[held, place] >= 0
        found.append(macro_f1(confusion(codes[held, place][known], probabilities.argmax(1)[known], probabilities.shape[1])))
    return found


def run(queue: str, matrix: sparse.csr_matrix, vectors: np.ndarray, codes: np.ndarray, pool: np.ndarray, held: np.ndarray, seed: int) -> list[list[float]]:
    "Macro-F1 of T, N and M at each count of reviewed reports."
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(pool)
    order = [pool[place] for place in spread_order(vectors[pool], generator.random(len(pool)), seed)] if queue == "diverse" else shuffled.tolist()
    reviewed, told = order[:COUNTS[0]], []
    for count in COUNTS:
        if queue != "uncertain":
            reviewed = order[:count]
        elif count > len(reviewed):
            left = np.setdiff1d(pool, reviewed)
            reviewed = [*reviewed, *left[np.argsort(-doubts(fitted(matrix, codes, np.array(reviewed), left)), kind="stable")][:count - len(reviewed)].tolist()]
        told.append(scores(matrix, codes, np.array(reviewed), held))
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="seeds; each holds out the next fold")
    asked = parser.parse_args()
    frame = load_corpus().filter(split="train")
    codes, texts = label_numbers(frame, ASKED), frame["text"].fill_null("").to_list()
    labelled = (codes >= 0).any(1)  # a report without a label of T, N or M has no reviewer here
    matrix, vectors = features(texts), text_vectors(texts)
    runs, fold_of = [], {}
    for seed in range(asked.runs):
        deal = seed // FOLDS
        if deal not in fold_of:
            fold_of[deal] = k_folds(frame, FOLDS, deal, ASKED)["fold"].to_numpy()
        held, pool = np.flatnonzero(fold_of[deal] == seed % FOLDS), np.flatnonzero((fold_of[deal] != seed % FOLDS) & labelled)
        for queue in QUEUES:
            of_run = run(queue, matrix, vectors, codes, pool, held, seed)
            runs.append({"queue": queue, "seed": seed, "pool": len(pool), "held_out": int(labelled[held].sum()), "macro_f1": [dict(zip(ASKED, of_count)) for of_count in of_run]})
            print(f"{seed} {queue}: {[round(float(np.mean(of_count)), 3) for of_count in of_run]}", flush=True)
        content = {"version": __version__, "date": date.today().isoformat(), "machine": machine_name(), "counts": COUNTS, "folds": FOLDS, "reports": frame.height, "features": matrix.shape[1], "runs": runs}
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
