import pytest
from labelled_rows import SIGNATURE, labelled

from quals.calibrate import fit


@pytest.fixture(scope="session")
def logistic():
    """A calibration of a logistic curve, with nothing known of its documents."""
    return fit(*labelled(), signature=SIGNATURE, data=["made up"])
