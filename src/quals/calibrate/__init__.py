"""From a raw score to the probability that the summary is consistent, fitted on labelled rows."""

from quals.calibrate.calibration import Calibration, Isotonic, Logistic, shipped
from quals.calibrate.fit import fit
from quals.records import Band, Reading

__all__ = ["Band", "Calibration", "Isotonic", "Logistic", "Reading", "fit", "shipped"]
