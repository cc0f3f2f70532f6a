"""Test-time augmentation in MMDetection's test loop."""

import copy
import json

import numpy as np
import pytest
import torch
from helpers.detectors import SIZES, build, plain_model
from helpers.project import ROOT, run_tool
from helpers.toy import ToyModel
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from custom.inference.multiview import View
from custom.models.tta import NOT_TUNED, ModelDetector, ScaleFusion, choose_views, use_views
from custom.reading.lookup import ReaderChoice
from custom.reading.settings import ReaderSettings, Views, read_reader, write_reader
from custom.runs.overrides import apply_overrides
from custom.utils.errors import UserError

CONFIGS = sorted(path.name for path in (ROOT / 'configs').glob('*.py'))
LITE = ROOT / 'configs' / 'digits_frcnn_lite.py'


class Keep(Hook):
    """A hook that collects the detections of each image."""

    def __init__(self):
        self.outputs = []

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=()):
        self.outputs.extend(outputs)


def run(runner):
    keep = Keep()
    runner.register_hook(keep)
    runner.test()
    return keep.outputs


@pytest.fixture
def cfg(tiny_root, tmp_path):
    """Load the small config for the tiny data set with random weights and only a test loop."""
    cfg = Config.fromfile(LITE)
    options = [f'data_root={tiny_root}', 'model.backbone.init_cfg=None', 'test_dataloader.batch_size=2']
    apply_overrides(cfg, [*options, 'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False'])
    cfg.work_dir = str(tmp_path / 'work')
    cfg.visualizer.vis_backends = []
    for name in ('train_cfg', 'train_dataloader', 'val_cfg', 'val_dataloader', 'val_evaluator', 'optim_wrapper'):
        cfg[name] = None
    cfg.param_scheduler = None
    return cfg


def predict(cfg):
    torch.manual_seed(0)
    cfg = copy.deepcopy(cfg)
    cfg.experiment_name = cfg.visualizer.name = f'tta{id(cfg)}'
    return run(Runner.from_cfg(cfg))


def search_of(cfg):
    """Return the scales and the input size of the search, None without one."""
    searches = any(step['type'] == 'ReduceLarge' for step in cfg.test_dataloader.dataset.pipeline)
    assert searches is any(hook['type'] == 'PrepareTTAHook' for hook in cfg.custom_hooks)
    return (tuple(cfg.tta_model.scales), tuple(cfg.tta_model.size)) if searches else None


def test_one_scale_equals_no_augmentation(cfg):
    without = predict(cfg)
    apply_overrides(cfg, ['tta_model.score_thr=0'])
    use_views(cfg, Views((1,)))
    with_one = predict(cfg)
    assert [sample.img_id for sample in with_one] == [sample.img_id for sample in without] == [1, 2]
    for one, other in zip(with_one, without, strict=True):
        assert len(one.pred_instances) > 10
        own, wanted = (
            sorted(zip(*(found[key].tolist() for key in ('labels', 'scores', 'bboxes')), strict=True))
            for found in (one.pred_instances, other.pred_instances)
        )
        for values in zip(own, wanted, strict=True):
            for mine, given in zip(*values, strict=True):
                assert mine == pytest.approx(given, abs=1e-4)  # weights are multiplied in and divided out


def test_boxes_of_two_scales_are_in_pixels_of_the_original_image(cfg):
    use_views(cfg, Views((1, 2)))
    for sample in predict(cfg):
        boxes = sample.pred_instances.bboxes
        assert 0 < len(boxes) <= 100
        assert torch.all((boxes >= 0) & (boxes <= torch.tensor([40, 20, 40, 20])))  # a photo has 40 x 20 px
        assert boxes[:, 2].max() > 20  # in pixels of another scale all would lie in a corner


def test_the_samples_are_those_of_the_batch():
    class Channels(ToyModel):
        """A model with one box per image: the label is the bright channel, the score is the height over 100."""

        def test_step(self, data):
            for pixels, sample in zip(data['inputs'], data['data_samples'], strict=True):
                height, width = pixels.shape[1:]
                sample.pred_instances = InstanceData(
                    bboxes=torch.tensor([[0, 0, width, height]]) / torch.tensor(sample.scale_factor).repeat(2),
                    scores=torch.tensor([height / 100]),
                    labels=pixels.amax(dim=(1, 2)).argmax(keepdim=True),
                )
            return data['data_samples']

    def image(image_id, channel):
        pixels = torch.zeros(3, 20, 40, dtype=torch.uint8)
        pixels[channel] = 255
        return pixels, DetDataSample(metainfo={'img_id': image_id, 'scale_factor': (0.5, 0.5)})

    inputs, samples = zip(image(7, 2), image(8, 0), strict=True)
    model = ScaleFusion(module=Channels(), size=(160, 20), scales=(1, 2))  # views of 20 and 40 px
    found = model.test_step({'inputs': inputs, 'data_samples': samples})
    assert [sample.img_id for sample in found] == [7, 8]
    for sample, digit in zip(found, (2, 0), strict=True):  # channels are in the order that the pipeline gave
        assert sample.pred_instances.bboxes.tolist() == [[0, 0, 80, 40]]
        assert sample.pred_instances.scores.tolist() == pytest.approx([0.3])
        assert sample.pred_instances.labels.tolist() == [digit]


def test_boxes_of_a_view_do_not_depend_on_its_batch_in_any_model():
    rng = np.random.default_rng(0)
    views = [View(rng.integers(0, 256, (*size, 3), np.uint8), (1.0, 1.0)) for size in SIZES]
    for model in (plain_model(), build(group_size=0), build()):
        detector = ModelDetector(model)
        for view, found in zip(views, detector.detect(views), strict=True):
            for values, alone in zip(found, detector.detect([view])[0], strict=True):
                assert len(values)
                np.testing.assert_allclose(values, alone, atol=1e-3)


class Wrapped(torch.nn.DataParallel):
    """A model as the runner of several ranks has it: its attributes are those of `module`."""

    def test_step(self, data):
        return self.module.test_step(data)


def test_the_model_of_several_ranks_is_seen_through_its_wrapper():
    views = [View(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8), (1.0, 1.0)) for size in SIZES]
    for model in (plain_model(), build()):
        plain, wrapped = (ModelDetector(one).detect(views) for one in (model, Wrapped(model)))
        for some, others in zip(plain, wrapped, strict=True):
            for values, same in zip(some, others, strict=True):
                np.testing.assert_array_equal(values, same)


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_has_scales_and_no_flip(name):
    cfg = Config.fromfile(ROOT / 'configs' / name)
    scale, steps = cfg.scale, len(cfg.test_dataloader.dataset.pipeline)
    choose_views(cfg, ReaderChoice(ReaderSettings(), 'here'), True)
    assert search_of(cfg) == (tuple(cfg.tta_scales), scale)
    assert cfg.tta_model.digit_heights == tuple(share * min(scale) for share in cfg.tta_digits)
    assert len(cfg.test_dataloader.dataset.pipeline) == steps
    assert 'Flip' not in str(cfg.test_dataloader)


def test_the_scales_follow_the_command_line(cfg):
    apply_overrides(cfg, ['scale=(256, 64)', 'tta_scales=(0.5, 1.25)', 'tta_digits=(0.25,)'])
    choose_views(cfg, ReaderChoice(ReaderSettings(), 'here'), True)
    assert search_of(cfg) == ((0.5, 1.25), (256, 64))
    assert cfg.tta_model.digit_heights == (16,)


@pytest.mark.parametrize(
    ('wanted', 'tta', 'scales', 'noted'),
    [
        ((), None, (), False),
        ((), False, (), False),
        ((), True, (0.5, 1.5), True),
        ((0.5, 1.5), None, (0.5, 1.5), False),
        ((0.5, 1.5), True, (0.5, 1.5), False),
        ((0.5, 1.5), False, (), True),
        ((2,), None, (2,), False),
        ((2,), True, (0.5, 1.5), True),
    ],
)
def test_views_are_those_of_the_reader_unless_set_by_the_user(cfg, wanted, tta, scales, noted):
    cfg.tta_scales, cfg.tta_digits = [0.5, 1.5], ()
    tuned = ReaderSettings(views=Views(wanted), tuned_on={'source': 'valid.json'})
    found = choose_views(cfg, ReaderChoice(tuned, 'here', ('before',)), tta)
    assert search_of(cfg) == ((scales, cfg.scale) if scales else None)
    assert found.reader.views == Views(scales)
    assert found.notes == ('before', *[NOT_TUNED] * noted)
    assert bool(found.reader.tuned_on) is not noted


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'tta_scales': (1, 0)}, 'tta_scales=(1, 0): must be shares of a size, from 0.05 to 32, as in (0.5, 1)'),
        ({'tta_scales': 'all'}, "tta_scales='all': must be shares of a size, from 0.05 to 32, as in (0.5, 1)"),
        ({'tta_scales': 2}, 'tta_scales=2: must be shares of a size, from 0.05 to 32, as in (0.5, 1)'),
        ({'tta_digits': (0,)}, 'tta_digits=(0,): must be shares of a size, from 0.05 to 2, as in (0.5, 1)'),
        ({'tta_scales': ()}, f'{LITE}: has no tta_scales; inherit configs/_base_/digits_tta.py'),
        ({'tta_model': None}, f'{LITE}: has no tta_model; inherit configs/_base_/digits_tta.py'),
        ({'test_dataloader': {'dataset': {'pipeline': []}}}, f'{LITE}: no step of the test pipeline has a scale'),
    ],
)
def test_invalid_views_are_refused(cfg, change, said):
    for key, value in change.items():
        cfg[key] = value
    with pytest.raises(UserError) as error:
        choose_views(cfg, ReaderChoice(ReaderSettings(), 'here'), True)
    assert str(error.value).startswith(said)


@pytest.mark.integration
@pytest.mark.slow
def test_the_tool_fuses_scales_and_needs_a_reader_tuned_for_them(cfg, tiny_root, tmp_path):
    torch.manual_seed(0)
    checkpoint = tmp_path / 'random.pth'
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, checkpoint)
    options = [
        'model.backbone.init_cfg=None',
        'val_dataloader.num_workers=0',
        'val_dataloader.persistent_workers=False',
    ]
    arguments = [LITE, checkpoint, '--work-dir', tmp_path / 'work', '--split', 'valid', '--dump']
    options = ['--cfg-options', f'data_root={tiny_root}', *options]
    done = run_tool('test.py', *arguments, '--tta', *options)
    assert done.returncode == 0, done.stderr
    assert 'of 3 photos' in done.stdout
    assert NOT_TUNED in done.stderr
    fused = (tmp_path / 'work/valid_tta/pred.json').read_text()
    assert {box['image_id'] for box in json.loads(fused)} == {1, 2, 3}
    views = read_reader(tmp_path / 'work/valid_tta/reader.json').views
    assert views == Views(tuple(cfg.tta_scales), tuple(cfg.tta_digits))
    write_reader(tmp_path / 'reader.json', ReaderSettings(views=views))
    done = run_tool('test.py', *arguments, *options)  # now the reader sets the views
    assert (done.returncode, NOT_TUNED in done.stderr) == (0, False), done.stderr
    assert f'reader: score threshold 0.6 from {tmp_path / "reader.json"}; {views}\n' in done.stdout
    assert (tmp_path / 'work/valid/pred.json').read_text() == fused
