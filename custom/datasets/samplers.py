"""Samplers: a mixture of several data sets by share, and distribution of whole batches to ranks."""

from collections.abc import Iterator, Sequence

import numpy as np
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import ConcatDataset, Dataset, Sampler

from ..utils.errors import UserError


@DATA_SAMPLERS.register_module()
class MixtureSampler(Sampler[int]):
    """A sampler that draws the images of an epoch from the parts of a `ConcatDataset` by their shares.

    A part continues in the next epoch, and is shuffled again after all its images were drawn. An epoch depends only on
    the seed and its number, so a resumed run equals an uninterrupted one. The ranks draw different images: together an
    epoch, rounded up to a multiple of the number of ranks.

    Args:
        dataset: a `ConcatDataset`.
        weights: relative share of each part; a part of weight 0 is left out.
        epoch_size: images per epoch. Defaults to None, the size of the data set.
        seed: equal on all ranks. Defaults to None, mmengine's common seed.

    Raises:
        UserError: `dataset` is no ConcatDataset, `weights` are not one share per part, a part with a weight is empty,
            or `epoch_size` is below 1.
    """

    def __init__(
        self, dataset: ConcatDataset, weights: Sequence[float], epoch_size: int | None = None, seed: int | None = None
    ) -> None:
        if not isinstance(dataset, ConcatDataset):
            raise UserError(
                f'MixtureSampler: needs a ConcatDataset, not a {type(dataset).__name__}; use DefaultSampler'
            )
        parts = np.diff([0, *dataset.cumulative_sizes]).tolist()
        if len(weights) != len(parts):
            raise UserError(f'MixtureSampler: {len(weights)} weights for {len(parts)} data sets; give one for each')
        shares = np.array(weights, dtype=float)
        if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
            raise UserError(f'MixtureSampler: weights={list(weights)}; give numbers from 0, at least one above 0')
        if empty := [i for i, (share, size) in enumerate(zip(shares, parts, strict=True)) if share and not size]:
            raise UserError(f'MixtureSampler: data set {empty[0]} of the ConcatDataset is empty; set its weight to 0')
        if epoch_size is not None and epoch_size < 1:
            raise UserError(f'MixtureSampler: epoch_size={epoch_size}; give 1 or more')
        self.rank, self.world_size = get_dist_info()
        self.parts, self.shares = parts, shares / shares.sum()
        self.num_samples = -(-(epoch_size or sum(parts)) // self.world_size)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def _counts(self, epochs: int) -> np.ndarray:
        """Count the images of each part in the first `epochs` epochs, by Webster's method of apportionment.

        The counts never fall when the total grows, so each epoch has its exact size. They differ from the exact shares
        by at most 1 / 2 + share * parts / 2.
        """
        total = self.num_samples * self.world_size * epochs
        counts = np.floor(self.shares * max(0, total - len(self.parts) / 2 - 1) + 0.5).astype(int)  # below the total
        with np.errstate(divide='ignore'):
            while counts.sum() < total:
                counts[np.argmin((counts + 0.5) / self.shares)] += 1
        return counts

    def _drawn(self, part: int, start: int, stop: int) -> np.ndarray:
        """Return the draws `start` to `stop` (exclusive) of a part, which is shuffled in each round."""
        size = self.parts[part]
        rounds = range(start // size, -(-stop // size))
        order = [np.random.default_rng([self.seed, part, number]).permutation(size) for number in rounds]
        return np.concatenate(order)[start - rounds[0] * size : stop - rounds[0] * size]

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of this rank's images in the `ConcatDataset`."""
        before, after = self._counts(self.epoch), self._counts(self.epoch + 1)
        firsts = np.cumsum([0, *self.parts])
        changed = np.flatnonzero(after > before).tolist()
        drawn = [firsts[part] + self._drawn(part, before[part], after[part]) for part in changed]
        indices = np.random.default_rng([self.seed, self.epoch]).permutation(np.concatenate(drawn))
        return iter(indices[self.rank :: self.world_size].tolist())

    def __len__(self) -> int:
        """Return the number of this rank's images per epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the next epoch; called by the train loop."""
        self.epoch = epoch


@DATA_SAMPLERS.register_module()
class WholeBatchSampler(Sampler[int]):
    """A sampler that distributes whole batches to the ranks in the order of the data set.

    Detections depend slightly on the other images of a batch through padding. The ranks' batches therefore equal those
    of one process. Each image is drawn once, although some ranks have one batch less than others.

    Args:
        dataset: the images.
        turn: images per batch.
        seed: unused; mmengine passes a seed to every sampler. Defaults to None.
    """

    def __init__(self, dataset: Dataset, turn: int, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        self.turn = turn  # SubmissionHook puts the images of all ranks in order by it
        indices = range(len(dataset))  # type: ignore[arg-type]
        self.indices = [i for start in indices[::turn][rank::world_size] for i in indices[start : start + turn]]

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of this rank's images."""
        return iter(self.indices)

    def __len__(self) -> int:
        """Return the number of this rank's images."""
        return len(self.indices)


def by_whole_batches(loader: dict) -> dict:
    """Return the config of a data loader with a `WholeBatchSampler` instead of a `DefaultSampler` without shuffling."""
    sampler = loader.get('sampler') or {}
    if sampler.get('type') != 'DefaultSampler' or sampler.get('shuffle', True):
        return loader
    return {**loader, 'sampler': {'type': 'WholeBatchSampler', 'turn': loader['batch_size']}}
