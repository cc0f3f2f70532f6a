"""The detector with grouped batches against MMDetection's Faster R-CNN."""

import copy

import pytest
import torch
from helpers.detectors import SIZES, assert_same, build, detect, noise_batch, plain_model

from custom.models import detector


@pytest.mark.parametrize('threads', [1, 2])
def test_detections_do_not_depend_on_the_padding_of_other_groups(threads):
    model, before = build(group_size=1), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = detect(model, noise_batch())
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    whole, plain = noise_batch(), plain_model()
    for i, one in enumerate(together):
        alone = {key: [values[i]] for key, values in whole.items()}
        assert_same([one], detect(plain, alone), 1e-5)


def test_training_pads_images_of_similar_width_together_inference_those_of_one_padded_size(monkeypatch):
    model, seen = build(group_size=2), []
    monkeypatch.setattr(
        model, 'extract_feat', lambda x, inner=model.extract_feat: seen.append(tuple(x.shape)) or inner(x)
    )
    batch = noise_batch([*SIZES, (45, 60)], labelled=True)
    data = model.train().data_preprocessor(copy.deepcopy(batch), True)
    model.loss(data['inputs'], data['data_samples'])
    # Widths 128 and 70, 64 and 64, 60 and 40; height and width go up to multiples of 16.
    assert sorted(seen) == [(2, 3, 48, 64), (2, 3, 48, 128), (2, 3, 64, 64)]
    seen.clear()
    detect(model.eval(), batch)
    assert sorted(seen) == [(1, 3, 32, 64), (1, 3, 48, 80), (1, 3, 48, 128), (1, 3, 64, 48), (2, 3, 48, 64)]


def test_detections_of_an_image_do_not_depend_on_its_batch():
    model, whole = build(), noise_batch()
    together = detect(model, whole)
    for i, one in enumerate(together):
        assert_same([one], detect(model, {key: [values[i]] for key, values in whole.items()}), 1e-5)


def test_losses_of_groups_and_of_all_sampled_boxes():
    batch = noise_batch(labelled=True)
    model, whole = build(group_size=2), build(group_size=0)
    plain = plain_model()

    def losses(model, batch):
        data = model.data_preprocessor(copy.deepcopy(batch), True)
        return model.loss(data['inputs'], data['data_samples'])

    def part(indices):
        return {key: [values[i] for i in indices] for key, values in batch.items()}

    # The losses of a whole batch are MMDetection's.
    torch.manual_seed(3)  # of the sampling
    ours = losses(whole, batch)
    torch.manual_seed(3)
    theirs = losses(plain, batch)
    assert set(ours) == set(theirs) == {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'acc', 'loss_bbox'}
    for name, value in theirs.items():
        value = sum(value) if isinstance(value, list) else value
        assert ours[name].item() == pytest.approx(value.item(), rel=1e-4)

    # With groups, RPN losses are the mean over groups, and box losses the mean over all boxes.
    groups = [[1, 3], [0, 4], [2]]  # the widest first
    torch.manual_seed(3)
    ours = losses(model, batch)
    torch.manual_seed(3)
    parts = [losses(plain, part(own)) for own in groups]
    for name in ('loss_rpn_cls', 'loss_rpn_bbox'):
        expected = sum(sum(one[name]).item() * len(own) for one, own in zip(parts, groups, strict=True)) / 5
        assert ours[name].item() == pytest.approx(expected, rel=1e-4)
    seen = []
    model.roi_head.loss = lambda pooled, sampled, inner=model.roi_head.loss: (
        seen.append((pooled.shape, len(sampled))) or inner(pooled, sampled)
    )
    losses(model, batch)
    assert seen == [((5 * 48, 64, 7, 7), len(groups))]


def test_images_without_proposals_have_no_detections():
    model = build(**{'test_cfg.rpn.min_bbox_size': 1000})
    assert [len(one) for one in detect(model, noise_batch())] == [0] * len(SIZES)


@pytest.mark.parametrize('empty', [{1}, set(range(len(SIZES)))], ids=['one image', 'all images'])
def test_images_without_digits_are_trained_on(empty):
    model, batch = build().train(), noise_batch(labelled=True)
    for i in empty:
        truth = batch['data_samples'][i].gt_instances
        batch['data_samples'][i].gt_instances = truth[torch.zeros(len(truth), dtype=torch.bool)]
    data = model.data_preprocessor(batch, True)
    found = model.loss(data['inputs'], data['data_samples'])
    total = sum(sum(value) if isinstance(value, list) else value for name, value in found.items() if 'loss' in name)
    total.backward()
    assert found['loss_cls'] > 0  # of boxes that are background
    assert found['loss_rpn_cls'] > 0
    assert (found['loss_bbox'] == 0) == (len(empty) == len(SIZES))
    weights = model.roi_head.bbox_head.fc_cls.weight.grad
    assert weights.isfinite().all()
    assert weights.abs().max() > 0


def test_a_failing_group_restores_the_number_of_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            detector._on_all_cores(lambda part: 1 / part, [1, 0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_boxes_are_float32_in_mixed_precision():
    model, small = build(), [(32, 48)]
    with torch.autocast('cpu', torch.bfloat16):
        halves = detect(model, noise_batch(small))
    for own, whole in zip(halves, detect(model, noise_batch(small)), strict=True):
        assert own.bboxes.dtype == own.scores.dtype == torch.float32
        assert (own.bboxes != own.bboxes.bfloat16()).any()  # not rounded to bfloat16
        assert torch.allclose(own.scores[:5], whole.scores[:5], rtol=0, atol=0.03)
    data = model.train().data_preprocessor(noise_batch(small, labelled=True), True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(data['inputs'], data['data_samples'])
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)
