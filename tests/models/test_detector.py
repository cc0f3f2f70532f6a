"""The project's Faster R-CNN and its heads against MMDetection's own."""

import copy

import pytest
import torch
from helpers.project import ROOT
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import custom.register  # noqa: F401 - before anything imports mmdet's models
from custom.models import detector
from custom.utils.errors import UserError

SIZES = [(48, 64), (48, 128), (64, 40), (48, 70), (32, 64)]  # height and width


def build(**changes):
    """The light model with random weights, scores that differ, and `changes` of its config; the same weights always."""
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn_lite.py')
    cfg.merge_from_dict({f'model.{name}': value for name, value in changes.items()})
    cfg = cfg.model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if name.startswith(('rpn_head', 'roi_head')):
            weight.data.normal_(0, 0.03)
    return model.eval()


def photos(sizes=SIZES, labelled=False):
    """A batch of noise; with `labelled`, two digits on each photo."""
    generator = torch.Generator().manual_seed(2)
    inputs, samples = [], []
    for height, width in sizes:
        inputs.append(torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator))
        shape = (height, width)
        meta = {'img_shape': shape, 'ori_shape': (height * 2, width * 2), 'scale_factor': (0.5, 0.5), 'img_id': 1}
        sample = DetDataSample(metainfo=meta)
        if labelled:
            boxes = torch.tensor([[4.0, 5.0, 16.0, 27.0], [18.0, 6.0, 30.0, 28.0]])
            truth = InstanceData(bboxes=HorizontalBoxes(boxes), labels=torch.tensor([3, 7]))
            sample.gt_instances = truth
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}


PLAIN = {
    'type': 'FasterRCNN',
    'rpn_head.type': 'RPNHead',
    'roi_head.type': 'StandardRoIHead',
}


def plain_model():
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn_lite.py')
    cfg.merge_from_dict({f'model.{name}': value for name, value in PLAIN.items()})
    cfg = cfg.model
    cfg.backbone.init_cfg = None
    for name in ('group_size', 'fast_convolutions'):
        cfg.pop(name)
    model = MODELS.build(cfg)
    model.load_state_dict(build().state_dict())
    return model.eval()


def found(model, batch):
    with torch.inference_mode():
        return [sample.pred_instances for sample in model.test_step(copy.deepcopy(batch))]


def same(ours, theirs, tolerance):
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) == len(b) > 0
        assert torch.equal(a.labels, b.labels)
        assert torch.allclose(a.scores, b.scores, rtol=0, atol=tolerance)
        assert torch.allclose(a.bboxes, b.bboxes, rtol=0, atol=100 * tolerance)


@pytest.mark.parametrize('agnostic', [True, False])
def test_heads_find_what_mmdetections_find(agnostic, monkeypatch):
    change = {'roi_head.bbox_head.reg_class_agnostic': agnostic, 'group_size': 0}
    ours = build(**change)
    theirs = build(**change, **{name: value for name, value in PLAIN.items() if name != 'type'})
    same(found(ours, photos()), found(theirs, photos()), 1e-6)


def test_small_boxes_are_dropped_as_mmdetection_drops_them():
    change = {'test_cfg.rpn.min_bbox_size': 12, 'group_size': 0}
    ours, theirs = build(**change), build(**change, **{'rpn_head.type': 'RPNHead'})
    same(found(ours, photos()), found(theirs, photos()), 1e-6)
    assert [len(one) for one in found(ours, photos())] != [len(one) for one in found(build(group_size=0), photos())]


@pytest.mark.parametrize('threads', [1, 2])
def test_a_group_sees_no_padding_but_its_own(threads):
    model, before = build(group_size=1), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = found(model, photos())
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    whole, plain = photos(), plain_model()
    for i, one in enumerate(together):
        alone = {key: [values[i]] for key, values in whole.items()}
        same([one], found(plain, alone), 1e-5)


def test_groups_are_of_like_width_and_padded_for_themselves(monkeypatch):
    model, seen = build(group_size=2), []
    monkeypatch.setattr(
        model, 'extract_feat', lambda x, inner=model.extract_feat: seen.append(tuple(x.shape)) or inner(x)
    )
    found(model, photos())
    # Widths 128 and 70, 64 and 64, 40; height and width go up to multiples of 16.
    assert sorted(seen) == [(1, 3, 64, 48), (2, 3, 48, 64), (2, 3, 48, 128)]


def test_losses_are_those_of_the_groups_and_of_all_chosen_boxes():
    batch = photos(labelled=True)
    model, whole = build(group_size=2), build(group_size=0)
    plain = plain_model()

    def losses(model, batch):
        data = model.data_preprocessor(copy.deepcopy(batch), True)
        return model.loss(data['inputs'], data['data_samples'])

    def part(indices):
        return {key: [values[i] for i in indices] for key, values in batch.items()}

    # A batch in one piece is MMDetection's.
    torch.manual_seed(3)  # of the sampling
    found = losses(whole, batch)
    torch.manual_seed(3)
    theirs = losses(plain, batch)
    assert set(found) == set(theirs) == {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'acc', 'loss_bbox'}
    for name, value in theirs.items():
        value = sum(value) if isinstance(value, list) else value
        assert found[name].item() == pytest.approx(value.item(), rel=1e-4)

    # Else the first stage takes the mean over groups, the second that over all boxes.
    groups = [[1, 3], [0, 4], [2]]  # the widest first
    torch.manual_seed(3)
    found = losses(model, batch)
    torch.manual_seed(3)
    parts = [losses(plain, part(own)) for own in groups]
    for name in ('loss_rpn_cls', 'loss_rpn_bbox'):
        expected = sum(sum(one[name]).item() * len(own) for one, own in zip(parts, groups, strict=True)) / 5
        assert found[name].item() == pytest.approx(expected, rel=1e-4)
    seen = []
    model.roi_head.learn = lambda pooled, chosen, inner=model.roi_head.learn: (
        seen.append((pooled.shape, len(chosen))) or inner(pooled, chosen)
    )
    losses(model, batch)
    assert seen == [((5 * 48, 64, 7, 7), 5)]


def test_no_proposal_on_a_photo():
    model = build(**{'test_cfg.rpn.min_bbox_size': 1000})
    assert [len(one) for one in found(model, photos())] == [0] * len(SIZES)


def test_a_failing_group_leaves_the_threads_as_they_were():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            detector._on_all_cores(lambda part: 1 / part, [1, 0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_boxes_are_float32_where_the_network_is_not():
    model, small = build(), [(32, 48)]
    with torch.autocast('cpu', torch.bfloat16):
        halves = found(model, photos(small))
    for own, whole in zip(halves, found(model, photos(small)), strict=True):
        assert own.bboxes.dtype == own.scores.dtype == torch.float32
        assert (own.bboxes != own.bboxes.bfloat16()).any()  # not rounded on the way
        assert torch.allclose(own.scores[:5], whole.scores[:5], rtol=0, atol=0.03)
    data = model.train().data_preprocessor(photos(small, labelled=True), True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(data['inputs'], data['data_samples'])
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_boxes_reach_roialign_unrounded_where_the_network_is_short(monkeypatch):
    model = build()
    pooled = torch.tensor([[131.4, 3.3, 300.7, 30.1]])
    levels = [torch.zeros(1, 64, 12, 90, dtype=torch.bfloat16)]
    seen = []
    monkeypatch.setattr(
        model.roi_head.bbox_roi_extractor.roi_layers[0], 'forward', lambda x, rois: seen.append(rois) or x[:, :, :7, :7]
    )
    model.roi_head.pool(levels, [pooled])
    assert torch.equal(seen[0][:, 1:], pooled)


@pytest.mark.parametrize('nms', [{'type': 'soft_nms'}, {'class_agnostic': True}])
def test_another_nms_than_the_plain_one_is_refused(nms):
    change = {f'test_cfg.rcnn.nms.{key}': value for key, value in nms.items()}
    with pytest.raises(UserError, match=r'BatchedRoIHead knows plain NMS .* set model\.roi_head\.type=StandardRoIHead'):
        build(**change)
    build(**change, **{'roi_head.type': 'StandardRoIHead'})


def test_all_boxes_are_kept_where_no_most_is_set():
    every = [len(one) for one in found(build(**{'test_cfg.rcnn.max_per_img': -1}), photos())]
    assert min(every) > 100


def test_a_sampler_may_look_at_the_losses():
    model = build(**{'train_cfg.rcnn.sampler.type': 'OHEMSampler'}).train()
    data = model.data_preprocessor(photos(labelled=True), True)
    losses = model.loss(data['inputs'], data['data_samples'])
    assert all(value.isfinite().all() for value in losses.values())
