"""The numbers of an activation revision: probes, directions, spreads, and the gates' data. Knows no model and no file.

All is deterministic: the same vectors give the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Sides = NDArray[np.bool_]

STRENGTH = 0.05  # of the L2 penalty on standardised features, beside the mean loss
KEPT = 0.9  # share of the variance of safe prompts that their principal subspace holds
RIDGE = 0.1  # of the regression in what is left of it, in units of its mean variance
SMALLEST = 1e-12


class Probe(NamedTuple):
    """A linear reading: x @ weights + bias is above 0 for the refused side. weights: shape (width,)."""

    weights: Array
    bias: float

    def margins(self, rows: Array) -> Array:
        """rows: shape (n, width)."""
        found: Array = rows @ self.weights + self.bias
        return found


def fit_probe(rows: Array, unsafe: Sides, strength: float = STRENGTH) -> Probe:
    """Logistic regression, both classes of the same weight. rows: shape (n, width), of both classes."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    centre, spread = rows.mean(0), rows.std(0) + SMALLEST
    even, signs = (rows - centre) / spread, np.where(unsafe, 1.0, -1.0)
    share = np.where(unsafe, 0.5 / unsafe.sum(), 0.5 / (~unsafe).sum())

    def loss(held: Array) -> tuple[float, Array]:
        margins = signs * (even @ held[:-1] + held[-1])
        slopes = -share * signs * expit(-margins)
        gradient = np.append(even.T @ slopes + strength * held[:-1], slopes.sum())
        return float(share @ np.logaddexp(0, -margins) + strength / 2 * held[:-1] @ held[:-1]), gradient

    found = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    weights = found[:-1] / spread
    return Probe(weights, float(found[-1] - centre @ weights))


def accuracy(margins: Array, unsafe: Sides) -> float:
    """Balanced: the mean of the shares of both sides that lie on theirs."""
    return float(((margins[unsafe] > 0).mean() + (margins[~unsafe] <= 0).mean()) / 2)


def log_loss(margins: Array, unsafe: Sides) -> float:
    """Of the probabilities that the margins stand for; breaks ties among accuracies."""
    import numpy as np

    return float(np.logaddexp(0, np.where(unsafe, -margins, margins)).mean())


def direction_of(rows: Array, unsafe: Sides, how: str) -> Array:
    """Unit vector from the safe to the unsafe side, zeros where there is none. how: "mass-mean" or "probe".

    Mass mean: the difference of the means of both sides (Li et al., Inference-Time Intervention, arXiv 2306.03341).
    """
    import numpy as np

    found = rows[unsafe].mean(0) - rows[~unsafe].mean(0) if how == "mass-mean" else fit_probe(rows, unsafe).weights
    length = float(np.linalg.norm(found))
    unit: Array = found / length if length > SMALLEST else np.zeros_like(found)
    return unit


class Null(NamedTuple):
    """The null-space gate of one place: g(h) = clip(weights @ h + bias, 0, 1). weights: shape (width,)."""

    weights: Array
    bias: float

    def open(self, rows: Array) -> Array:
        """How far, from 0 to 1. rows: shape (n, width)."""
        import numpy as np

        opened: Array = np.clip(rows @ self.weights + self.bias, 0, 1)
        return opened


def fit_null(rows: Array, unsafe: Sides, kept: float = KEPT, ridge: float = RIDGE) -> Null:
    """A gate that is about 0 on safe prompts and about 1 on unsafe ones, and looks at nothing that safe ones vary in.

    With m the mean of the safe rows and U their principal directions, as many as hold the share `kept` of their
    variance, P = I - U U'. Then w = argmin sum_i (w' P (h_i - m) - y_i)^2 + r ||w||^2 over all rows, y = 1 for unsafe
    ones and 0 for safe ones, r = ridge * n * (mean variance of the P (h - m)); g(h) = clip(w' P (h - m), 0, 1).

    After AlphaSteer (Sheng et al., arXiv 2506.07022), whose edit of h is D P h with D fitted so that D P h is the
    refusal vector v for unsafe h: for one v that D is v w', so that P h enters by the number w' P h. Ours is also
    fitted to the safe rows, clipped, and read at the prompt's last token only.
    """
    import numpy as np

    centre = rows[~unsafe].mean(0)
    _, sizes, axes = np.linalg.svd(rows[~unsafe] - centre, full_matrices=False)
    shares = np.cumsum(sizes**2) / max(float((sizes**2).sum()), SMALLEST)
    principal = axes[: int(np.searchsorted(shares, kept)) + 1]
    left = (rows - centre) - (rows - centre) @ principal.T @ principal
    weight = ridge * len(rows) * float(left.var(0).mean()) + SMALLEST
    found = np.linalg.solve(left.T @ left + weight * np.eye(left.shape[1]), left.T @ unsafe.astype(float))
    weights: Array = found - principal.T @ (principal @ found)
    return Null(weights, float(-centre @ weights))
