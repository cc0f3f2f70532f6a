"""A training run for tests on several ranks: without chance, in 64 bits, and where a test wants it with a mishap."""

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from mmdet.registry import HOOKS, MODELS
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from custom.models.mmcv_ops import serve_mmcv_ops
from custom.utils.errors import UserError
from helpers.forked_ranks import Ended, run_ranks
from helpers.project import ROOT, run_tool
from helpers.sharing import make_once

serve_mmcv_ops()
from mmdet.models import DetDataPreprocessor  # noqa: E402

from custom.models.detector import DigitFasterRCNN  # noqa: E402

CONFIG = ROOT / 'configs/digits_frcnn_lite.py'
WEIGHTS = ROOT / 'weights/digits_frcnn_lite.safetensors'


@HOOKS.register_module()
class Mishap(Hook):
    """At the n-th call of its method `at`, a rank is killed, stopped, finds a mistake, has a bug, or hangs."""

    def __init__(self, rank: int, at: str, call: int, kind: str) -> None:
        self.rank, self.kind, self.left = rank, kind, call
        setattr(self, at, self.strike)

    def get_triggered_stages(self) -> list[str]:
        return list(Hook.stages)

    def strike(self, *args, **kwargs) -> None:
        self.left -= 1
        if get_rank() != self.rank or self.left:
            return
        if self.kind == 'kill':
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == 'stop':
            os.kill(os.getpid(), signal.SIGTERM)
        if self.kind == 'mistake':
            raise UserError('3.png: damaged; put a whole one in its place')
        if self.kind == 'bug':
            raise ValueError('no such thing')
        time.sleep(8)


@MODELS.register_module()
class DoublePreprocessor(DetDataPreprocessor):
    def forward(self, data: dict, training: bool = False) -> dict:
        data = super().forward(data, training)
        return {**data, 'inputs': data['inputs'].double()}


@MODELS.register_module()
class DoubleRCNN(DigitFasterRCNN):
    """In 64 bits, so that what differs by more than rounding is seen; and all photos of a batch in one group."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**{**kwargs, 'group_size': 0, 'fast_convolutions': False})
        self.double()


@pytest.fixture(scope='module')
def scenes(tmp_path_factory) -> Path:
    """A data root with 13 photos to train on and 5 to validate, which no test changes."""

    def draw(folder: Path) -> Path:
        options = ['--images', 20, '--valid-fraction', 0.25, '--hardness', 0.1]
        drawn = run_tool('prepare_data.py', 'synth', '--out', folder / 'data', *options, fresh=True)
        assert drawn.returncode == 0, drawn.stderr
        return folder / 'data'

    return make_once(tmp_path_factory, 'scenes', draw)


class Trainer:
    """Trains the light model from the weights that it ships with, and without chance: tools/train.py on some ranks.

    Nothing is drawn: photos are only scaled, all to one size (those of a batch pad one another), and every anchor and
    every proposal is trained on. Arithmetic is in 64 bits, so that 1e-6 is far more than rounding.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.config = folder, folder / 'no_chance.py'
        cfg = Config.fromfile(CONFIG)
        cfg.merge_from_dict(
            {
                'data_root': str(root),
                'load_from': str(WEIGHTS),
                'model.type': 'DoubleRCNN',
                'model.data_preprocessor.type': 'DoublePreprocessor',
                'model.backbone.init_cfg': None,
                'model.backbone.frozen_stages': -1,
                'model_wrapper_cfg.shared_norm': True,
                'train_cfg.max_epochs': 1,
                'optim_wrapper.optimizer.lr': 2e-4,
                'optim_wrapper.optimizer.eps': 1e-4,  # else Adam makes steps of the rounding of gradients near zero
                'default_hooks.logger.interval': 1,
                'log_processor.window_size': 1,
                'val_dataloader.batch_size': 1,
            }
        )
        cfg.custom_imports.imports.append('helpers.rank_training')
        every = {'type': 'RandomSampler', 'num': 10**6, 'pos_fraction': 0.5, 'neg_pos_ub': -1}
        cfg.model.train_cfg.rpn.sampler = {**every, 'add_gt_as_proposals': False}
        cfg.model.train_cfg.rcnn.sampler = {**every, 'add_gt_as_proposals': True}
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.update(num_workers=0, persistent_workers=False)
            loader.dataset.update(data_root=str(root), indices=5)
        cfg.train_dataloader.dataset.pipeline = [
            {'type': 'LoadPhoto'},
            {'type': 'LoadAnnotations', 'with_bbox': True},
            {'type': 'Resize', 'scale': (112, 48), 'keep_ratio': False},
            {'type': 'PackDetInputs'},
        ]
        cfg.param_scheduler = cfg.param_scheduler[1:]  # no warm-up
        cfg.vis_backends = cfg.visualizer.vis_backends = [{'type': 'LocalVisBackend'}]
        average = {'type': 'EMAHook', 'ema_type': 'ExpMomentumEMA', 'gamma': 1, 'update_buffers': True}
        cfg.custom_hooks = [{'type': 'ConsoleHook'}, average]
        cfg.dump(self.config)

    def change(self, **settings: object) -> None:
        """Set these in the config."""
        cfg = Config.fromfile(self.config)
        cfg.merge_from_dict(settings)
        cfg.dump(self.config)

    def start(
        self, ranks: int, *options: str, work_dir: str = 'work', flags: Sequence[str] = (), apart: bool = False
    ) -> Ended:
        args = [self.config, '--work-dir', work_dir, *flags, *(['--launcher', 'pytorch'] if ranks > 1 else [])]
        args += ['--cfg-options', *options] if options else []
        return run_ranks(ranks, ROOT / 'tools/train.py', *args, cwd=self.folder, apart=apart)

    def train(self, ranks: int, *options: str, work_dir: str = 'work', flags: Sequence[str] = ()) -> list[dict]:
        """The figures of each step, and of each validation."""
        done = self.start(ranks, *options, work_dir=work_dir, flags=flags)
        assert set(done.codes) == {0}, done.err
        assert sum(text.count('best checkpoint') for text in done.out) == 1  # one rank speaks
        rows = max(self.folder.glob(f'{work_dir}/*/vis_data/scalars.json')).read_text().splitlines()
        clock = ('time', 'data_time', 'photos_per_s')
        return [{key: value for key, value in json.loads(row).items() if key not in clock} for row in rows]


@pytest.fixture
def trainer(scenes, tmp_path):
    return Trainer(scenes, tmp_path)
