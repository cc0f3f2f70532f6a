"""RoIAlign by sums of pixels, and its gradient by matrix products, against torchvision's."""

import itertools

import pytest
import torch
import torchvision

from custom.models import roi_align
from custom.models.roi_align import bin_weights, pool_boxes, roi_align_gradient


def test_weights_of_one_box_by_hand():
    # A box from 0 to 4 in two bins with one sample each: at 1 and at 3, on the pixels themselves.
    weights = bin_weights(torch.tensor([0.0]), torch.tensor([4.0]), bins=2, pixels=5, sampling_ratio=1)
    assert weights.tolist() == [[[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]]
    # Two samples a bin: 0.5 and 1.5, then 2.5 and 3.5, each between two pixels.
    weights = bin_weights(torch.tensor([0.0]), torch.tensor([4.0]), bins=2, pixels=5, sampling_ratio=2)
    assert weights.tolist() == [[[0.25, 0.5, 0.25, 0, 0], [0, 0, 0.25, 0.5, 0.25]]]


def random_boxes(count, batch, generator):
    """(count, 5): batch index and xyxy, tiny to huge, partly or wholly outside a 160 x 96 image."""
    corner = torch.rand(count, 2, generator=generator) * torch.tensor([220.0, 150.0]) - 30
    sides = 10 ** (torch.rand(count, 2, generator=generator) * 4 - 1.5)
    index = torch.randint(batch, (count, 1), generator=generator)
    return torch.hstack([index, corner, corner + sides])


@pytest.mark.parametrize(('sampling_ratio', 'aligned'), itertools.product([0, 1, 2], [True, False]))
@pytest.mark.parametrize(('boxes', 'batch', 'stride'), [(60, 3, 4), (1, 2, 8), (0, 1, 16)])
def test_it_is_the_gradient_of_torchvisions_roi_align(boxes, batch, stride, sampling_ratio, aligned):
    generator = torch.Generator().manual_seed(boxes + stride)
    features = torch.randn(batch, 5, 96 // stride, 160 // stride, generator=generator, dtype=torch.float64)
    features.requires_grad_()
    rois = random_boxes(boxes, batch, generator).double()
    pooled = torchvision.ops.roi_align(features, rois, (7, 5), 1 / stride, sampling_ratio, aligned)
    grad = torch.randn(pooled.shape, generator=generator, dtype=torch.float64)
    (expected,) = torch.autograd.grad(pooled, features, grad)
    found = torch.full_like(expected, 7)
    roi_align_gradient(grad, rois, found, 1 / stride, sampling_ratio, aligned)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(('sampling_ratio', 'aligned'), itertools.product([0, 1, 2], [True, False]))
@pytest.mark.parametrize(('boxes', 'batch', 'stride'), [(60, 3, 4), (1, 2, 8), (0, 1, 16)])
def test_pooled_boxes_are_torchvisions(boxes, batch, stride, sampling_ratio, aligned):
    generator = torch.Generator().manual_seed(boxes + stride)
    features = torch.randn(batch, 5, 96 // stride, 160 // stride, generator=generator, dtype=torch.float64)
    rois = random_boxes(boxes, batch, generator).double()
    expected = torchvision.ops.roi_align(features, rois, (7, 5), 1 / stride, sampling_ratio, aligned)
    for layout in (torch.contiguous_format, torch.channels_last):
        found = pool_boxes(features.contiguous(memory_format=layout), rois, (7, 5), 1 / stride, sampling_ratio, aligned)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_too_many_samples_are_left_to_torchvision(monkeypatch):
    features, rois = torch.randn(1, 2, 8, 8), torch.tensor([[0, 1.0, 1, 30, 30]])
    expected = pool_boxes(features, rois, (7, 7), 0.25, 0, True)
    monkeypatch.setattr(roi_align, 'MOST_SAMPLES', 10)
    monkeypatch.delattr(roi_align.functional, 'embedding_bag')
    torch.testing.assert_close(pool_boxes(features, rois, (7, 7), 0.25, 0, True), expected)
