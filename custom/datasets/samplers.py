"""Which photos an epoch sees, and on which rank: mixed from several data sets, or dealt out by whole batches."""

from collections.abc import Iterator, Sequence

import numpy as np
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import ConcatDataset, Dataset, Sampler

from ..utils.errors import UserError


@DATA_SAMPLERS.register_module()
class MixtureSampler(Sampler[int]):
    """Draws the photos of an epoch from the parts of a `ConcatDataset`, each part by its share.

    A part goes on in the next epoch where this one left it; only when all of its photos have been seen is it shuffled
    anew. What an epoch holds follows from the seed and its number alone, so that a resumed run goes on as one that was
    not stopped. Ranks see different photos: together an epoch, rounded up to a multiple of their number.

    Args:
        dataset: a `ConcatDataset`.
        weights: the share of each part; they need not add up to 1. A part of weight 0 is left out.
        epoch_size: photos in an epoch. Defaults to None, as many as the data set has.
        seed: alike on all ranks. Defaults to None, the one of mmengine, which is.

    Raises:
        UserError: not several data sets, not one weight for each, a weight that is no share, a part without photos, an
            epoch without.
    """

    def __init__(
        self, dataset: ConcatDataset, weights: Sequence[float], epoch_size: int | None = None, seed: int | None = None
    ) -> None:
        if not isinstance(dataset, ConcatDataset):
            raise UserError(
                f'MixtureSampler: mixes the parts of a ConcatDataset, not a {type(dataset).__name__}; '
                'give one, or use DefaultSampler'
            )
        parts = np.diff([0, *dataset.cumulative_sizes]).tolist()
        if len(weights) != len(parts):
            raise UserError(f'MixtureSampler: {len(weights)} weights for {len(parts)} data sets; give one for each')
        shares = np.array(weights, dtype=float)
        if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
            raise UserError(f'MixtureSampler: weights={list(weights)}; give numbers from 0 up, one above it at least')
        for number, (share, size) in enumerate(zip(shares, parts, strict=True)):
            if share and not size:
                raise UserError(f'MixtureSampler: data set {number} of the ConcatDataset is empty; set its weight to 0')
        if epoch_size is not None and epoch_size < 1:
            raise UserError(f'MixtureSampler: epoch_size={epoch_size}; give 1 or more')
        self.rank, self.world_size = get_dist_info()
        self.parts, self.shares = parts, shares / shares.sum()
        self.num_samples = -(-(epoch_size or sum(parts)) // self.world_size)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def _counts(self, epochs: int) -> np.ndarray:
        """Photos of each part in the first `epochs` epochs, by Webster's method of apportionment.

        Its counts never fall when the total grows, so that each epoch holds exactly what it should, and differ from
        the exact shares by 1 / 2 + share * parts / 2 at most.
        """
        total = self.num_samples * self.world_size * epochs
        counts = np.floor(self.shares * max(0, total - len(self.parts) / 2 - 1) + 0.5).astype(int)  # below the total
        with np.errstate(divide='ignore'):
            while counts.sum() < total:
                counts[np.argmin((counts + 0.5) / self.shares)] += 1
        return counts

    def _drawn(self, part: int, start: int, stop: int) -> np.ndarray:
        """Photos of a part from the `start`-th to before the `stop`-th draw; it is shuffled for each round."""
        size = self.parts[part]
        rounds = range(start // size, -(-stop // size))
        order = [np.random.default_rng([self.seed, part, number]).permutation(size) for number in rounds]
        return np.concatenate(order)[start - rounds[0] * size : stop - rounds[0] * size]

    def __iter__(self) -> Iterator[int]:
        """Indices of this rank's photos in the `ConcatDataset`."""
        before, after = self._counts(self.epoch), self._counts(self.epoch + 1)
        firsts = np.cumsum([0, *self.parts])
        drawn = [
            firsts[part] + self._drawn(part, before[part], after[part])
            for part in range(len(self.parts))
            if after[part] > before[part]
        ]
        indices = np.random.default_rng([self.seed, self.epoch]).permutation(np.concatenate(drawn))
        return iter(indices[self.rank :: self.world_size].tolist())

    def __len__(self) -> int:
        """Photos of this rank in an epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; the train loop does."""
        self.epoch = epoch


@DATA_SAMPLERS.register_module()
class WholeBatchSampler(Sampler[int]):
    """Deals photos out to the ranks in the data set's order, a batch at a time.

    What is found on a photo depends a little on those of its batch, which pad one another. So the ranks' batches are
    those that one process would see, and each photo is seen once, though some ranks have a batch less than others.

    Args:
        dataset: the photos.
        turn: how many a rank is dealt at a time, its batch size.
        seed: as mmengine gives it to every sampler; nothing is drawn here. Defaults to None.
    """

    def __init__(self, dataset: Dataset, turn: int, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        size = len(dataset)  # type: ignore[arg-type]
        self.turn = turn
        self.indices = [
            i for start in range(rank * turn, size, world_size * turn) for i in range(start, min(start + turn, size))
        ]

    def __iter__(self) -> Iterator[int]:
        """Indices of this rank's photos."""
        return iter(self.indices)

    def __len__(self) -> int:
        """Photos of this rank."""
        return len(self.indices)


def by_whole_batches(loader: dict) -> dict:
    """The config of a data loader with a `WholeBatchSampler`, if it takes the photos in order by a `DefaultSampler`."""
    sampler = loader.get('sampler') or {}
    if sampler.get('type') != 'DefaultSampler' or sampler.get('shuffle', True):
        return loader
    return {**loader, 'sampler': {'type': 'WholeBatchSampler', 'turn': loader['batch_size']}}
