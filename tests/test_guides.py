"Every guide and every paper's page runs."
import pytest
from executed import execute, name, notebooks


@pytest.mark.parametrize("path", notebooks("guides/*.ipynb", "papers/*.ipynb"), ids=name)
def test_guide_runs(path):
    execute(path)
