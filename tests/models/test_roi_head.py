"""Batched losses and predictions against MMDetection's RoI head."""

import pytest
import torch
from helpers.detectors import PLAIN, assert_same, build, detect, noise_batch

from custom.utils.errors import UserError


@pytest.mark.parametrize('agnostic', [True, False])
def test_detections_equal_those_of_mmdetections_heads(agnostic):
    change = {'roi_head.bbox_head.reg_class_agnostic': agnostic, 'group_size': 0}
    ours = build(**change)
    theirs = build(**change, **{name: value for name, value in PLAIN.items() if name != 'type'})
    assert_same(detect(ours, noise_batch()), detect(theirs, noise_batch()), 1e-6)


def test_roialign_gets_unrounded_boxes_in_mixed_precision(monkeypatch):
    model = build()
    rois = torch.tensor([[0, 131.4, 3.3, 300.7, 30.1]])
    levels = [torch.zeros(1, 64, 12, 90, dtype=torch.bfloat16)]
    seen = []
    monkeypatch.setattr(
        model.roi_head.bbox_roi_extractor.roi_layers[0], 'forward', lambda x, rois: seen.append(rois) or x[:, :, :7, :7]
    )
    model.roi_head.pool(levels, rois)
    assert torch.equal(seen[0], rois)


@pytest.mark.parametrize('nms', [{'type': 'soft_nms'}, {'class_agnostic': True}])
def test_another_nms_than_the_plain_one_is_refused(nms):
    change = {f'test_cfg.rcnn.nms.{key}': value for key, value in nms.items()}
    with pytest.raises(
        UserError, match=r'BatchedRoIHead supports plain NMS .* set model\.roi_head\.type=StandardRoIHead'
    ):
        build(**change)
    build(**change, **{'roi_head.type': 'StandardRoIHead'})


def test_without_max_per_img_all_boxes_are_kept():
    every = [len(one) for one in detect(build(**{'test_cfg.rcnn.max_per_img': -1}), noise_batch())]
    assert min(every) > 100


def test_a_sampler_may_use_the_losses():
    model = build(**{'train_cfg.rcnn.sampler.type': 'OHEMSampler'}).train()
    data = model.data_preprocessor(noise_batch(labelled=True), True)
    losses = model.loss(data['inputs'], data['data_samples'])
    assert all(value.isfinite().all() for value in losses.values())
