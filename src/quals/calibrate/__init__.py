"""From a raw score to the probability that the summary is consistent, fitted on labelled rows."""

from quals.calibrate.calibration import Band, Calibration, Isotonic, Logistic, Reading, shipped
from quals.calibrate.fit import fit

__all__ = ["Band", "Calibration", "Isotonic", "Logistic", "Reading", "fit", "shipped"]
