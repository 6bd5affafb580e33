"The masked loss: against formulas worked out by hand, torch and coral-pytorch, and the same gradient however a step is cut up."
import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'learn'")
F = torch.nn.functional

from cancer_staging.corpora.labelled import MISSING
from cancer_staging.models.losses import (class_weights, count_valid, KINDS, label_matrix, logits_to_labels, logits_to_probabilities,
                                          n_logits, ORDINAL, PartialLabelLoss, step_counts, summed_loss)

FIELDS = {"t": 4, "n": 3, "m": 2}
REPORTS = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32))
# Rows 0–2 go to the first process, 3–7 to the second: labels are unevenly spread, and the second has no M at all.
LABELS = torch.tensor([[0, -1, 1], [3, 2, 0], [-1, -1, 1], [1, 0, -1], [2, 1, -1], [-1, 2, -1], [-1, 1, -1], [-1, -1, -1]])
WEIGHTS = {"t": torch.tensor([0.5, 1.0, 2.0, 1.5]), "m": torch.tensor([0.6, 3.0])}


class Model(torch.nn.Module):
    "A shared linear layer, a head per field and the loss; the same weights every time."
    def __init__(self, **settings):
        super().__init__()
        torch.manual_seed(0)
        self.loss = PartialLabelLoss(FIELDS, **settings)
        self.shared = torch.nn.Linear(5, 6, bias=False)
        self.heads = torch.nn.ModuleDict({name: torch.nn.Linear(6, n_logits(self.loss.kinds[name], size), bias=False) for name, size in FIELDS.items()})

    def forward(self, reports, labels, valid_counts=None):
        hidden = self.shared(reports)
        return self.loss({name: head(hidden) for name, head in self.heads.items()}, labels, valid_counts).total

    def gradients(self):
        return {name: weight.grad for name, weight in self.named_parameters()}


def one_process(size, **settings):
    "The gradients of one step in micro-batches of `size`."
    model = Model(**settings)
    micro = list(zip(REPORTS.split(size), LABELS.split(size)))
    counts = step_counts([labels for _, labels in micro])
    for reports, labels in micro:
        model(reports, labels, counts).backward()
    return model.gradients()


def by_hand():
    "Gradients of the masked cross-entropy with class weights, in numpy: (p − y) ω / N for known labels, carried back through the linear layers."
    model = Model()
    x, shared = REPORTS.double().numpy(), model.shared.weight.detach().double().numpy()
    hidden, of_hidden, gradients = x @ shared.T, 0, {}
    for column, (name, size) in enumerate(FIELDS.items()):
        head, labels = model.heads[name].weight.detach().double().numpy(), LABELS[:, column].numpy()
        logits = hidden @ head.T
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        omega = WEIGHTS[name].numpy()[labels] if name in WEIGHTS else np.ones(8)
        of_logits = (p - np.eye(size)[labels]) * (omega * (labels != MISSING) / (labels != MISSING).sum())[:, None]
        gradients[f"heads.{name}.weight"] = of_logits.T @ hidden
        of_hidden = of_hidden + of_logits @ head
    gradients["shared.weight"] = of_hidden.T @ x
    return gradients


SETTINGS = {"cross_entropy": {"class_weights": WEIGHTS}, "smoothed": {"label_smoothing": 0.1}, "focal": {"kind": "focal", "class_weights": WEIGHTS}, "coral": {"kind": "coral"},
            "corn": {"kind": "corn", "class_weights": WEIGHTS}, "mixed": {"kind": {"t": "corn"}}, "learned": {"task_weights": "learned"}, "given": {"task_weights": {"t": 1, "n": 0.5, "m": 2}}}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("size", [4, 2, 1], ids="micro-batches of {}".format)
def test_accumulation_does_not_change_the_gradient(name, size):
    whole, cut = one_process(8, **SETTINGS[name]), one_process(size, **SETTINGS[name])
    assert all(weight.abs().max() > 1e-3 for weight in whole.values())
    for weight in whole:
        torch.testing.assert_close(cut[weight], whole[weight], atol=1e-6, rtol=0)


def test_gradient_is_the_one_worked_out_by_hand():
    whole, hand = one_process(8, class_weights=WEIGHTS), by_hand()
    assert set(hand) == set(whole)
    for name in hand:
        np.testing.assert_allclose(whole[name].numpy(), hand[name], atol=1e-6)


def process(rank, folder):
    "One of two processes: two micro-batches of its own rows, gradients averaged by DistributedDataParallel."
    from contextlib import nullcontext

    from safetensors.torch import save_file
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    reports, labels = (REPORTS[:3], LABELS[:3]) if rank == 0 else (REPORTS[3:], LABELS[3:])
    micro = list(zip(reports.tensor_split(2), labels.tensor_split(2)))
    counts = step_counts([labels for _, labels in micro])
    assert counts.tolist() == count_valid(LABELS).tolist()
    for name in ("cross_entropy", "learned"):
        model = torch.nn.parallel.DistributedDataParallel(Model(**SETTINGS[name]))
        for number, (reports, labels) in enumerate(micro):
            with model.no_sync() if number == 0 else nullcontext():
                (model(reports, labels, counts) * 2).backward()  # DistributedDataParallel divides by the two processes
        save_file({key: value.contiguous() for key, value in model.module.gradients().items()}, f"{folder}/{name}-{rank}.safetensors")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_do_not_change_the_gradient(tmp_path):
    from safetensors.torch import load_file
    torch.multiprocessing.spawn(process, (str(tmp_path),), nprocs=2)
    for name in ("cross_entropy", "learned"):
        whole = one_process(8, **SETTINGS[name])
        for rank in range(2):
            found = load_file(tmp_path / f"{name}-{rank}.safetensors")
            assert set(found) == set(whole)
            for weight in whole:
                torch.testing.assert_close(found[weight], whole[weight], atol=1e-6, rtol=0)
    hand = by_hand()
    found = load_file(tmp_path / "cross_entropy-1.safetensors")
    for weight in hand:
        np.testing.assert_allclose(found[weight].numpy(), hand[weight], atol=1e-6)


def test_mean_per_micro_batch_would_change_it():
    "What the count of the whole step is for: without it, the gradients of two halves are not that of the whole."
    model = Model()
    for reports, labels in zip(REPORTS.split(4), LABELS.split(4)):
        (model(reports, labels) / 2).backward()
    assert (model.gradients()["heads.m.weight"] - one_process(8)["heads.m.weight"]).abs().max() > 0.01


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("labels", [[[0, -1, -1], [2, -1, -1]], [[-1, -1, -1], [-1, -1, -1]]], ids=["one field", "none"])
def test_absent_fields_cost_nothing(name, labels):
    loss, labels = PartialLabelLoss(FIELDS, **SETTINGS[name]), torch.tensor(labels)
    logits = {field: torch.randn(2, n_logits(loss.kinds[field], size), requires_grad=True) for field, size in FIELDS.items()}
    output = loss(logits, labels)
    output.total.backward()
    assert torch.isfinite(output.total)
    for column, field in enumerate(FIELDS):
        absent = not (labels[:, column] != MISSING).any()
        assert torch.isfinite(logits[field].grad).all()
        assert (output.per_field[field] == 0) == absent == bool((logits[field].grad == 0).all())
    if (labels == MISSING).all():
        assert output.total == 0
    if loss.log_variance is not None:
        assert (loss.log_variance.grad[count_valid(labels) == 0] == 0).all()


def test_a_field_that_this_micro_batch_lacks_but_the_step_has():
    loss = PartialLabelLoss(FIELDS)
    logits = {field: torch.zeros(1, size, requires_grad=True) for field, size in FIELDS.items()}
    output = loss(logits, torch.tensor([[1, -1, -1]]), torch.tensor([4, 5, 6]))
    assert output.total.item() == pytest.approx(np.log(4) / 4) and output.per_field["n"] == 0


LOGITS = torch.tensor([[1.2, -0.3, 0.4, -2.0], [0.0, 2.0, -1.0, 0.5], [-0.7, 0.1, 0.9, 1.1]])
TRUTH = torch.tensor([0, 2, 3])
OMEGA = torch.tensor([0.5, 1.0, 2.0, 3.0])


@pytest.mark.parametrize("weights", [None, OMEGA], ids=["plain", "weighted"])
def test_cross_entropy_is_torchs(weights):
    for smoothing in (0.0, 0.2):
        ours = summed_loss("cross_entropy", LOGITS, TRUTH, 4, weights, smoothing)
        torch.testing.assert_close(ours, F.cross_entropy(LOGITS, TRUTH, weights, reduction="none", label_smoothing=smoothing).sum())
    p = np.exp(LOGITS.numpy()) / np.exp(LOGITS.numpy()).sum(1, keepdims=True)
    target = 0.8 * np.eye(4)[TRUTH] + 0.2 / 4
    assert summed_loss("cross_entropy", LOGITS, TRUTH, 4, None, 0.2).item() == pytest.approx(-(target * np.log(p)).sum(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 5.0])
def test_focal_is_its_formula(gamma):
    p = (np.exp(LOGITS.numpy()) / np.exp(LOGITS.numpy()).sum(1, keepdims=True))[np.arange(3), TRUTH]
    assert summed_loss("focal", LOGITS, TRUTH, 4, OMEGA, focal_gamma=gamma).item() == pytest.approx(-(OMEGA.numpy()[TRUTH] * (1 - p) ** gamma * np.log(p)).sum(), rel=1e-6)


def test_focal_of_a_certain_right_answer_has_a_finite_gradient():
    certain = torch.tensor([[200.0, 0.0]], requires_grad=True)
    summed_loss("focal", certain, torch.tensor([0]), 2, focal_gamma=0.5).backward()
    assert torch.isfinite(certain.grad).all()


def test_ordinal_losses_are_coral_pytorchs():
    losses, dataset = pytest.importorskip("coral_pytorch.losses"), pytest.importorskip("coral_pytorch.dataset")
    logits = LOGITS[:, :3]
    torch.testing.assert_close(summed_loss("coral", logits, TRUTH, 4), losses.coral_loss(logits, dataset.levels_from_labelbatch(TRUTH, 4), reduction="sum"))
    questions = sum(min(label + 1, 3) for label in TRUTH.tolist())
    torch.testing.assert_close(summed_loss("corn", logits, TRUTH, 4), losses.corn_loss(logits, TRUTH, 4) * questions)
    rows = [summed_loss("corn", logits[row:row + 1], TRUTH[row:row + 1], 4) * OMEGA[TRUTH[row]] for row in range(3)]
    torch.testing.assert_close(summed_loss("corn", logits, TRUTH, 4, OMEGA), sum(rows))
    softplus = F.softplus(logits)
    by_hand = (softplus[0, 0]) + (softplus[1, :3] - torch.tensor([1.0, 1.0, 0.0]) * logits[1]).sum() + (softplus[2] - logits[2]).sum()
    torch.testing.assert_close(summed_loss("corn", logits, TRUTH, 4), by_hand)


def test_ordinal_probabilities():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    above = 1 / (1 + np.exp(-logits[0].numpy()))
    coral, corn = (logits_to_probabilities(kind, logits)[0].numpy() for kind in ORDINAL)
    np.testing.assert_allclose(coral, [1 - above[0], above[0] - above[1], 0, above[1]], atol=1e-6)  # the third answer may not exceed the second
    chain = np.cumprod(above)
    np.testing.assert_allclose(corn, [1 - chain[0], chain[0] - chain[1], chain[1] - chain[2], chain[2]], atol=1e-6)
    assert [logits_to_labels(kind, torch.tensor([[3.0, 1.0, -2.0]])).item() for kind in ORDINAL] == [2, 2]
    assert logits_to_labels("focal", torch.tensor([[0.0, 3.0, 1.0]])).item() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_an_order(kind):
    torch.manual_seed(0)
    x = torch.rand(200, 1) * 4
    labels = x[:, 0].long()
    net = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, n_logits(kind, 4)))
    loss, optimizer = PartialLabelLoss({"t": 4}, kind), torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(300):
        optimizer.zero_grad()
        loss({"t": net(x)}, labels[:, None]).total.backward()
        optimizer.step()
    assert (logits_to_labels(kind, net(x)) == labels).float().mean() > 0.9
    assert (logits_to_probabilities(kind, net(x)).argmax(1) == labels).float().mean() > 0.9


def test_learned_task_weights_are_kendalls():
    loss = PartialLabelLoss({"t": 4, "m": 2}, task_weights="learned")
    with torch.no_grad():
        loss.log_variance.copy_(torch.tensor([0.5, -1.0]))
    logits, labels = {"t": LOGITS, "m": LOGITS[:, :2]}, torch.tensor([[0, 1], [2, -1], [-1, 0]])
    output = loss(logits, labels)
    of_t, of_m = F.cross_entropy(LOGITS[:2], labels[:2, 0]).item(), F.cross_entropy(LOGITS[[0, 2], :2], labels[[0, 2], 1]).item()
    assert output.per_field["t"].item() == pytest.approx(of_t) and output.per_field["m"].item() == pytest.approx(of_m)
    assert output.total.item() == pytest.approx(np.exp(-0.5) * of_t + 0.25 + np.exp(1.0) * of_m - 0.5, rel=1e-6)
    output.total.backward()
    np.testing.assert_allclose(loss.log_variance.grad.numpy(), [0.5 - np.exp(-0.5) * of_t, 0.5 - np.exp(1.0) * of_m], rtol=1e-5)


def test_given_task_weights():
    logits, labels = {"t": LOGITS, "m": LOGITS[:, :2]}, torch.tensor([[0, 1], [2, -1], [-1, 0]])
    plain, weighted = (PartialLabelLoss({"t": 4, "m": 2}, task_weights=weights)(logits, labels) for weights in ("equal", {"t": 2, "m": 0.5}))
    assert weighted.total.item() == pytest.approx(2 * plain.per_field["t"].item() + 0.5 * plain.per_field["m"].item())


def test_class_weights():
    labels = torch.tensor([0, 0, 0, 1, 3, 3, MISSING])
    np.testing.assert_allclose(class_weights(labels, 4).numpy(), [6 / 9, 2, 1, 1])
    assert class_weights(torch.tensor([MISSING, MISSING]), 2).tolist() == [1, 1]
    with pytest.raises(ValueError, match="labels run from 0 to 3, but there are 3 classes"):
        class_weights(labels, 3)


def test_half_precision_logits_are_scored_in_float32():
    loss = PartialLabelLoss({"t": 4})
    output = loss({"t": LOGITS.bfloat16()}, TRUTH[:, None])
    assert output.total.dtype == torch.float32
    torch.testing.assert_close(output.total, F.cross_entropy(LOGITS.bfloat16().float(), TRUTH))


def test_label_matrix():
    frame = pl.DataFrame({"t": ["T1c", "pT4b", "Tis", "T0", "TX", None], "her2": ["Equivocal", "Negative", "Positive", None, "Indeterminate", "nonsense"]})
    assert label_matrix(frame, ["her2", "t"]).tolist() == [[2, 0], [1, 3], [0, -1], [-1, -1], [-1, -1], [-1, -1]]
    assert label_matrix(frame[:0], ["t", "her2"]).shape == (0, 2)
    with pytest.raises(ValueError, match="no field 'size'"):
        label_matrix(frame, ["size"])
    with pytest.raises(ValueError, match="'site' has no trained labels"):
        label_matrix(frame, ["site"])
    with pytest.raises(ValueError, match="no column 'n'"):
        label_matrix(frame, ["n"])


@pytest.mark.parametrize("settings, message", [
    ({"kind": "hinge"}, "no loss 'hinge'"),
    ({"kind": {"size": "coral"}}, "'size'"),
    ({"kind": "coral", "label_smoothing": 0.1}, "label_smoothing belongs to cross_entropy"),
    ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\)"),
    ({"focal_gamma": -1.0}, "focal_gamma at least 0"),
    ({"class_weights": {"er": torch.ones(2)}}, "'er'"),
    ({"class_weights": {"t": torch.ones(2)}}, "class_weights of 't' are 2, but it has 4 labels"),
    ({"task_weights": "uncertain"}, "'uncertain'"),
    ({"task_weights": {"t": 1.0}}, "lack m, n"),
    ({"task_weights": {"t": 1.0, "n": 1.0, "m": 1.0, "er": 1.0}}, "'er'"),
])
def test_settings_that_contradict_each_other(settings, message):
    with pytest.raises(ValueError, match=message):
        PartialLabelLoss(FIELDS, **settings)


def test_a_field_of_one_label():
    with pytest.raises(ValueError, match="'t' has 1 labels"):
        PartialLabelLoss({"t": 1})


@pytest.mark.parametrize("labels, counts, message", [
    ([[4, 0, 0]], None, "label 4 of field 't' is out of range: 0 to 3"),
    ([[0, -2, 0]], None, "label -2 of field 'n'"),
    ([[0, 0]], None, r"labels are \(1, 2\), not \(batch, 3\)"),
    ([[0, 0, 0]], [1, 0, 1], "fewer than the labels of this batch alone"),
    ([[0, 0, 0]], [1, 1], "fewer than the labels"),
])
def test_labels_that_do_not_fit(labels, counts, message):
    logits = {name: torch.zeros(1, size) for name, size in FIELDS.items()}
    with pytest.raises(ValueError, match=message):
        PartialLabelLoss(FIELDS)(logits, torch.tensor(labels), None if counts is None else torch.tensor(counts))


def test_logits_that_do_not_fit():
    logits = {name: torch.zeros(1, size) for name, size in FIELDS.items()}
    labels = torch.tensor([[0, 0, 0]])
    with pytest.raises(ValueError, match="differ in er"):
        PartialLabelLoss(FIELDS)({**logits, "er": torch.zeros(1, 2)}, labels)
    with pytest.raises(ValueError, match=r"logits of 't' are \(1, 4\), not \(1, 3\)"):
        PartialLabelLoss(FIELDS, "corn")(logits, labels)
