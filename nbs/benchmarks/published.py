"Published pattern readers that the benchmarks compare with, where they are installed."
import importlib.util
from pathlib import Path


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
