"""Anchors, box coder and box head against torchvision's."""

import pytest
import torch
from mmengine.config import ConfigDict
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from custom.models.torchvision_parts import TorchvisionAnchors, TorchvisionBBoxHead, TorchvisionCoder

STRIDES = [4, 8, 16, 32, 64]


def test_corners_are_whole_pixels():
    anchors = TorchvisionAnchors(strides=[4], scales=[8], ratios=[0.5, 1.0, 2.0])
    # 32 px: 45.25 x 22.63, 32 x 32 and 22.63 x 45.25, halved and rounded.
    expected = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]
    assert anchors.base_anchors[0].tolist() == expected
    (placed,) = anchors.grid_priors([(1, 2)], device='cpu')
    assert placed.tolist() == expected + [[x1 + 4, y1, x2 + 4, y2] for x1, y1, x2, y2 in expected]


def test_a_stride_is_the_padded_image_size_over_the_map_size():
    # 96 px are 3 cells of 32 px, and 2 cells of the last map: 48 px apart there, not 64.
    anchors = TorchvisionAnchors(strides=[32, 64], scales=[8], ratios=[1.0])
    placed = anchors.grid_priors([(3, 3), (2, 2)], device='cpu')[1]
    assert placed[:, :2].tolist() == [[-256, -256], [-208, -256], [-256, -208], [-208, -208]]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('padded', [(128, 256), (96, 288), (800, 1344)])
def test_anchors_are_equal_to_torchvisions(padded, dtype):
    sizes = [tuple(-(-side // stride) for side in padded) for stride in STRIDES]
    photos = ImageList(torch.empty(1, 3, *padded), [padded])
    theirs = AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)
    (expected,) = theirs(photos, [torch.empty(1, 1, *size, dtype=dtype) for size in sizes])
    ours = TorchvisionAnchors(strides=STRIDES, scales=[8], ratios=[0.5, 1.0, 2.0])
    placed = torch.cat(ours.grid_priors(sizes, dtype, 'cpu'))
    assert placed.dtype == dtype
    assert torch.equal(placed, expected)


def test_boxes_shrink_without_limit_and_grow_to_a_limit():
    """Decode deltas of a box of 100 x 100 px; growth is limited to 62.5 times."""
    deltas = torch.tensor([[0, 0, -20, 20.0], [10, -10, 1, -5]])
    box = torch.tensor([[0, 0, 100, 100.0]]).expand(2, 4)
    plain = TorchvisionCoder().decode(box, deltas)
    torch.testing.assert_close(plain[0], torch.tensor([50, 50 - 3125, 50, 50 + 3125.0]))
    coder = TorchvisionCoder(target_stds=(0.1, 0.1, 0.2, 0.2))
    for scale in (1, 3):
        expected = BoxCoder((10.0, 10.0, 5.0, 5.0)).decode(deltas * scale, [box])[:, 0]
        torch.testing.assert_close(coder.decode(box, deltas * scale), expected)
    both = coder.decode(box, torch.cat([deltas, 3 * deltas], 1), max_shape=(80, 90))
    torch.testing.assert_close(both[:, 4:], expected.minimum(torch.tensor([90, 80, 90, 80.0])).clamp(min=0))


@pytest.mark.parametrize('rescale', [False, True])
def test_boxes_outside_the_image_do_not_count_for_max_per_img(rescale):
    # The best of three boxes lies right of the image, which is 40 px wide. The second is kept.
    head = TorchvisionBBoxHead(num_shared_fcs=1, in_channels=1, roi_feat_size=1, num_classes=1)
    rois = torch.tensor([[0, 50, 0, 60, 10], [0, 2, 2, 12, 12], [0, 20, 2, 30, 12.0]])
    logits = torch.tensor([[3, 0], [2, 0], [1, 0.0]])
    photo = {'img_shape': (20, 40), 'scale_factor': (2.0, 2.0)}
    settings = ConfigDict(score_thr=0.05, nms={'type': 'nms', 'iou_threshold': 0.5}, max_per_img=1)
    found = head._predict_by_feat_single(rois, logits, torch.zeros(3, 4), photo, rescale, settings)
    assert found.bboxes.tolist() == [[1, 1, 6, 6] if rescale else [2, 2, 12, 12]]
    assert found.scores.tolist() == pytest.approx([1 / (1 + 2.718281828**-2)])
    assert found.labels.tolist() == [0]
    raw = head._predict_by_feat_single(rois, logits, torch.zeros(3, 4), photo, rescale)
    assert len(raw.bboxes) == 3


def test_an_image_without_proposals_has_no_boxes():
    head = TorchvisionBBoxHead(num_shared_fcs=1, in_channels=1, roi_feat_size=1, num_classes=1)
    settings = ConfigDict(score_thr=0.05, nms={'type': 'nms', 'iou_threshold': 0.5}, max_per_img=1)
    photo = {'img_shape': (20, 40), 'scale_factor': (2.0, 2.0)}
    found = head._predict_by_feat_single(torch.zeros(0, 5), torch.zeros(0, 2), torch.zeros(0, 4), photo, True, settings)
    assert (len(found.bboxes), len(found.scores), len(found.labels)) == (0, 0, 0)
