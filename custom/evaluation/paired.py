"""Comparison of two runs on the same photos."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest


class PairedCounts(NamedTuple):
    """Photos by the answers of two runs, of which the second one is compared with the first one."""

    both: int  # right in both runs
    lost: int  # right in the first run only
    won: int  # right in the second run only
    neither: int  # wrong in both runs

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray) -> PairedCounts:
        """Count photos by whether their numbers are right, bool (M,) of each run.

        Example:
            >>> PairedCounts.of(np.array([True, True, False]), np.array([True, False, False]))
            PairedCounts(both=1, lost=1, won=0, neither=1)
        """
        kinds = (first & second, first & ~second, ~first & second, ~first & ~second)
        return cls(*(int(kind.sum()) for kind in kinds))

    @property
    def p_value(self) -> float:
        """Exact two-sided sign test: the probability of a split of the changed photos at least as uneven by chance.

        1 without a changed photo. Q. McNemar, Psychometrika 12 (1947) 153, in its exact form.

        Example:
            >>> PairedCounts(both=9, lost=1, won=7, neither=3).p_value  # 2 * (1 + 8) / 2**8
            0.0703125
        """
        changed = self.won + self.lost
        return float(binomtest(self.won, changed).pvalue) if changed else 1.0
