"""Labelled photos dealt to train and valid: by seed, each number length evenly, near copies never on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from custom.annotations import DigitAnnotations
from custom.errors import UserError
from custom.folds import deal_folds, subset
from custom.near_copies import copy_groups
from custom.scoring import true_numbers

MOST_FOLDS = 100  # a share of valid is rounded to a fraction with no larger denominator


@dataclass(frozen=True)
class DealRule:
    """How photos are dealt.

    Args:
        valid_fraction: share of the photos that go to valid, at least one photo. Defaults to 0.1.
        seed: the same seed deals alike. Defaults to 0.
        ignore_copies: whether near copies are dealt like other photos, as those of a fixed camera must be.
            Defaults to False, near copies stay together.

    Raises:
        UserError: a value is out of its range.
    """

    valid_fraction: float = 0.1
    seed: int = 0
    ignore_copies: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.valid_fraction < 1:
            raise UserError(f'--valid-fraction {self.valid_fraction}: must be between 0 and 1')
        if self.seed < 0:
            raise UserError(f'--seed {self.seed}: must be 0 or more')


def choose_valid(truth: DigitAnnotations, signatures: np.ndarray, rule: DealRule) -> tuple[np.ndarray, int]:
    """Which photos go to valid.

    Args:
        truth: M photos.
        signatures: float32 (M, 256), see `custom.near_copies`.
        rule: how to deal.

    Returns:
        bool (M,); and how many photos are near copies of others, and were dealt with them.

    Raises:
        UserError: there are no two photos that differ.
    """
    photos = len(truth.image_ids)
    groups = np.arange(photos) if rule.ignore_copies else copy_groups(signatures)
    different = len(np.unique(groups))
    if different < 2:
        reason = 'all are near copies of one another; deal them all the same with --ignore-copies'
        raise UserError(
            f'{photos} labelled photos cannot be split into train and valid: '
            f'{reason if photos > 1 else "label more photos"}'
        )
    share = Fraction(rule.valid_fraction).limit_denominator(min(MOST_FOLDS, different))
    if share in (0, 1):  # too few photos for that share: one of them makes the smaller side
        share = Fraction(1 if share == 0 else different - 1, different)
    lengths = np.array([len(number) for number in true_numbers(truth).values()])
    return deal_folds(lengths, groups, share.denominator, rule.seed) < share.numerator, photos - different


def assign_splits(
    truth: DigitAnnotations, splits: Sequence[str | None], signatures: np.ndarray, rule: DealRule
) -> tuple[np.ndarray, list[str]]:
    """The split of each photo: as the source says, or dealt where it names no photo for valid.

    Args:
        truth: M photos.
        splits: M times 'train', 'valid', 'test', or None where the source does not say.
        signatures: float32 (M, 256), see `custom.near_copies`.
        rule: how to deal.

    Returns:
        (M,) 'train', 'valid' or 'test'; and what is worth knowing, a line each.

    Raises:
        UserError: no labelled photo is left for train, or those that are to be dealt do not differ.
    """
    assigned = np.array([split or 'train' for split in splits], dtype='<U5')
    if not (assigned == 'train').any():
        raise UserError('no labelled photo is for train: all of them are in folders called valid or test')
    if (assigned == 'valid').any():
        return assigned, ['the split into train and valid is that of the source']
    dealt = assigned == 'train'
    chosen, copies = choose_valid(subset(truth, dealt), signatures[dealt], rule)
    assigned[np.flatnonzero(dealt)[chosen]] = 'valid'
    note = f'{copies} × near copy of another photo, on the same side as that one'
    return assigned, [note] if copies else []
