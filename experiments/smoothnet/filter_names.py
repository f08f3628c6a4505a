"""Which filters are compared with: the paper's three, then the best others of this package."""

METHODS = ("one_euro", "savgol", "gaussian", "butterworth", "moving_average", "kalman", "adaptive")
