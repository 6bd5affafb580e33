"What others published that the benchmarks stand beside: figures, and pattern readers where they are installed."
import importlib.util
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Published:
    "A figure that others published. None of it was measured here."
    system: str
    backbone: str
    measure: str
    published: str
    reports: str    # that it was measured on
    source: str


PUBLISHED = (
    Published("BB-TEN (Kefeli et al. 2024)", "Big Bird", "AUROC, T", "0.945", "the published T test set, 1,034 reports of TCGA: the table t14 has some of them", "github.com/tatonetti-lab/tnm-stage-classifier"),
    Published("BB-TEN (Kefeli et al. 2024)", "Big Bird", "AUROC, T, N and M", "0.815 to 0.942", "almost 8,000 reports of Columbia University, not public", "doi 10.1038/s41467-024-53190-9"),
    Published("LLATMU", "BioClinical-ModernBERT-large, 396 M", "macro-F1, mean of T, N and M", "0.92", "its own validation file of TCGA, which shares labels with its training", "SMM4H-HeaRD 2026, task 6"),
    Published("task 6, mean of seven teams", "various", "macro-F1, T / N / M", "0.725 / 0.783 / 0.846", "the task's second test set of TCGA, notation removed", "aclanthology 2026.smm4h-1.50"),
    Published("Shao et al. 2026", "Llama-3-8B-Instruct, LoRA, seven heads", "macro-F1", "0.976", "its own breast reports, of 10,677; not public", "arXiv 2604.13328"),
    Published("CancerLLM (Li et al. 2024)", "Mistral, 7 B, further trained", "F1, phenotypes / diagnosis", "0.918 / 0.868", "notes and reports of one health system, not public; no staging", "arXiv 2406.10459"))


def published_table() -> pl.DataFrame:
    "A row for each figure."
    return pl.DataFrame([asdict(figure) for figure in PUBLISHED])


def openmed_parse_tnm():
    "openmed's `parse_tnm`, loaded without the rest of that package; None when it is not installed."
    package = importlib.util.find_spec("openmed")
    path = Path(package.submodule_search_locations[0]) / "clinical" / "cancer_staging.py" if package else None
    if path is None or not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("openmed_cancer_staging", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parse_tnm
