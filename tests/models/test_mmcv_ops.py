"""RoIAlign and NMS against their definitions in plain PyTorch, and their registration as mmcv's operators."""

import sys

import pytest
import torch
from helpers.project import run_python
from torchvision.ops import batched_nms as torchvision_batched_nms

from custom.models import mmcv_ops
from custom.models.mmcv_ops import serve_mmcv_ops
from custom.utils.errors import UserError

serve_mmcv_ops()

from mmcv.ops import DeformConv2dPack, RoIAlign  # noqa: E402
from mmcv.ops import nms as mmcv_nms  # noqa: E402

DEVICES = [
    'cpu',
    pytest.param('cuda', marks=pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU on this machine')),
]


def sample(image, y, x):
    """Bilinear value of a (C, H, W) map at one point; 0 from one pixel outside the map on, the border before that."""
    height, width = image.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return image.new_zeros(image.shape[0])
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = y - top, x - left
    above = image[:, top, left] * (1 - dx) + image[:, top, right] * dx
    below = image[:, bottom, left] * (1 - dx) + image[:, bottom, right] * dx
    return above * (1 - dy) + below * dy


def plain_roi_align(features, rois, bins, scale, sampling_ratio, aligned):
    """Mask R-CNN, section 3: the mean of bilinear samples in each bin, nothing rounded; aligned as in detectron2."""
    shift = 0.5 if aligned else 0.0
    pooled = features.new_zeros((len(rois), features.shape[1], bins, bins))
    for k, (index, *box) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (value * scale - shift for value in box)
        width, height = x2 - x1, y2 - y1
        if not aligned:  # the older form takes no box for smaller than a pixel
            width, height = max(width, 1.0), max(height, 1.0)
        rows = sampling_ratio or -int(-height / bins // 1)
        columns = sampling_ratio or -int(-width / bins // 1)
        for i in range(bins):
            for j in range(bins):
                for r in range(rows):
                    for c in range(columns):
                        y = y1 + (i + (r + 0.5) / rows) * height / bins
                        x = x1 + (j + (c + 0.5) / columns) * width / bins
                        value = sample(features[int(index)], y, x) / (rows * columns)
                        pooled[k, :, i, j] = pooled[k, :, i, j] + value
    return pooled


def plain_nms(boxes, scores, threshold, offset):
    """Take the best box, drop those that overlap it by more than the threshold, and again."""
    left = scores.argsort(descending=True).tolist()
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [other for other in left if plain_iou(boxes[best], boxes[other], offset) <= threshold]
    return kept


def plain_iou(a, b, offset):
    def area(x1, y1, x2, y2):
        return max(x2 - x1 + offset, 0) * max(y2 - y1 + offset, 0)

    a, b = a.tolist(), b.tolist()
    inter = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return inter / (area(*a) + area(*b) - inter)


def some_rois(generator, batch, count, size):
    """(count, 5): random boxes, and by turns a tiny one, one larger than the image, one outside of it."""
    corner = torch.rand(count, 2, generator=generator) * size * 0.7
    rois = torch.cat([corner, corner + 1 + torch.rand(count, 2, generator=generator) * size * 0.5], 1)
    for k, box in enumerate(
        [(3.2, 4.1, 3.3, 4.2), (-0.5 * size, -9, 1.5 * size, 2.0 * size), (5 * size, 0, 6 * size, 9)]
    ):
        if k < count:
            rois[k] = torch.tensor(box)
    index = torch.randint(batch, (count, 1), generator=generator)
    return torch.cat([index, rois], 1)


def compare(device, batch, count, stride, sampling_ratio, aligned):
    generator = torch.Generator().manual_seed(count + stride)
    features = torch.rand(batch, 3, 9, 12, generator=generator)
    rois = some_rois(generator, batch, count, 12 * stride)
    weights = torch.rand(count, 3, 3, 3, generator=generator)
    theirs, ours = features.clone().requires_grad_(), features.to(device).requires_grad_()
    expected = plain_roi_align(theirs, rois, 3, 1 / stride, sampling_ratio, aligned)
    pooled = RoIAlign(3, 1 / stride, sampling_ratio, aligned=aligned)(ours, rois.to(device))
    torch.testing.assert_close(pooled.cpu(), expected, atol=1e-5, rtol=1e-4)
    (expected * weights).sum().backward()
    (pooled * weights.to(device)).sum().backward()
    torch.testing.assert_close(ours.grad.cpu(), theirs.grad, atol=1e-5, rtol=1e-4)
    return theirs.grad


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
@pytest.mark.parametrize(('batch', 'count', 'stride'), [(1, 5, 4), (3, 6, 8)])
def test_roi_align_values_and_gradients(device, batch, count, stride, sampling_ratio, aligned):
    assert compare(device, batch, count, stride, sampling_ratio, aligned).abs().sum() > 0


@pytest.mark.parametrize('device', DEVICES)
def test_roi_align_without_boxes(device):
    features = torch.rand(2, 3, 9, 12, device=device, requires_grad=True)
    pooled = RoIAlign(7, 0.25)(features, features.new_zeros(0, 5))
    assert pooled.shape == (0, 3, 7, 7)
    pooled.sum().backward()
    assert features.grad.abs().sum() == 0


def test_roi_align_by_hand():
    features = torch.arange(16.0).view(1, 1, 4, 4)
    box = torch.tensor([[0.0, 0, 0, 4, 4]])
    # Bin centres lie between pixels: the mean of each quarter.
    pooled = RoIAlign(2, 1.0, 1)(features, box)
    assert pooled.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
def test_roi_align_of_other_types(device, dtype):
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(2, 3, 9, 12, generator=generator).to(dtype)
    rois = some_rois(generator, 2, 6, 300) + 0.3  # 16 bits would round these coordinates to whole pixels
    wanted = features.float().clone().requires_grad_()
    ours = features.to(device).requires_grad_()
    pooled = RoIAlign(3, 1 / 25)(ours, rois.to(device))
    assert pooled.dtype == dtype
    expected = RoIAlign(3, 1 / 25)(wanted, rois)
    atol = torch.finfo(dtype).eps + 1e-6
    torch.testing.assert_close(pooled.cpu().float(), expected, atol=atol, rtol=0)
    pooled.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad.cpu().float(), wanted.grad, atol=1e-5, rtol=2 * atol)


@pytest.mark.parametrize('device', DEVICES)
def test_roi_align_under_autocast(device):
    features = torch.rand(1, 3, 9, 12, device=device)
    rois = torch.tensor([[0, 2.0, 3, 30, 40]], device=device)
    convolution = torch.nn.Conv2d(3, 4, 1).to(device)
    with torch.autocast(device, torch.bfloat16):
        mapped = convolution(features)
        pooled = RoIAlign(3, 0.25)(mapped, rois)
    assert mapped.dtype == pooled.dtype == torch.bfloat16
    torch.testing.assert_close(pooled.float(), RoIAlign(3, 0.25)(mapped.float(), rois), atol=0.01, rtol=0.01)
    pooled.float().sum().backward()
    assert convolution.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.9])
def test_nms(device, threshold, offset):
    generator = torch.Generator().manual_seed(1)
    boxes = some_rois(generator, 1, 30, 30)[:, 1:]
    boxes = torch.cat([boxes, boxes + 0.1])
    scores = torch.rand(60, generator=generator)
    dets, kept = mmcv_nms(boxes.to(device), scores.to(device), threshold, offset=offset)
    expected = plain_nms(boxes, scores, threshold, offset)
    assert 1 < len(expected) < 60
    assert kept.tolist() == expected
    torch.testing.assert_close(dets.cpu(), torch.cat([boxes, scores[:, None]], 1)[expected])


def test_nms_offset_by_hand():
    boxes = torch.tensor([[0.0, 0, 1, 1], [1.0, 0, 2, 1]])  # neighbours; as pixels 0-1 and 1-2 they share a column
    scores = torch.tensor([0.9, 0.8])
    assert mmcv_nms(boxes, scores, 0.3, offset=0)[1].tolist() == [0, 1]
    assert mmcv_nms(boxes, scores, 0.3, offset=1)[1].tolist() == [0]  # 2 of 6 pixels: IoU 1/3


def test_nms_without_boxes_and_in_bfloat16():
    assert mmcv_nms(torch.zeros(0, 4), torch.zeros(0), 0.5)[1].tolist() == []
    boxes = torch.tensor([[0, 0, 4, 4], [0, 0, 4, 3], [8, 8, 9, 9]], dtype=torch.bfloat16)
    scores = torch.tensor([0.5, 0.9, 0.7], dtype=torch.bfloat16)
    assert mmcv_nms(boxes, scores, 0.5)[1].tolist() == [1, 2]


def test_other_operators_are_refused():
    with pytest.raises(UserError, match=r'deform_conv_forward .* MMCV_WITH_OPS=1'):
        DeformConv2dPack(3, 4, 3)(torch.rand(1, 3, 8, 8))
    with pytest.raises(UserError, match="roi_align_forward with pool_mode='max'"):
        RoIAlign(3, pool_mode='max')(torch.rand(1, 3, 8, 8), torch.tensor([[0.0, 0, 0, 4, 4]]))


def test_faster_rcnn_runs():
    from mmdet.registry import MODELS
    from mmdet.structures import DetDataSample
    from mmdet.utils import register_all_modules
    from mmengine.hub import get_config

    register_all_modules()
    config = get_config('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py').model
    config.backbone.init_cfg = None
    config.test_cfg.rcnn.score_thr = 0.0
    detector = MODELS.build(config).eval()
    photo = DetDataSample(metainfo={'img_shape': (64, 96), 'ori_shape': (64, 96), 'scale_factor': (1, 1)})
    with torch.no_grad():
        (result,) = detector.predict(torch.rand(1, 3, 64, 96), [photo])
    assert len(result.pred_instances) == 100
    assert result.pred_instances.bboxes.isfinite().all()


def run(code, folder=None):
    path = f'import sys; sys.path.insert(0, {str(folder)!r})\n' if folder else ''
    return run_python(path + code)


@pytest.mark.integration
def test_serving_twice_changes_nothing_and_the_module_is_found():
    code = (
        'import importlib.util, sys\n'
        'from custom.models.mmcv_ops import serve_mmcv_ops\n'
        'serve_mmcv_ops(); first = sys.modules["mmcv._ext"]; nms = first.nms\n'
        'serve_mmcv_ops()\n'
        'import mmcv\n'
        'print(first is sys.modules["mmcv._ext"] is mmcv._ext, nms is first.nms)\n'
        'from mmcv.utils import ext_loader; print(ext_loader.check_ops_exist())\n'
        'print(importlib.util.find_spec("mmcv._ext").name)\n'
    )
    assert run(code) == ['True', 'True', 'True', 'mmcv._ext']


COMPILED = """
def nms(*args, **kwargs): return 'compiled'
def roi_align_forward(*args, **kwargs): return 'compiled'
def roi_align_backward(*args, **kwargs): return 'compiled'
def softnms(*args, **kwargs): return 'compiled'
"""

USE_COMPILED = """
import mmcv
mmcv.__path__.append(sys.path[0])  # where the test has put its _ext.py
from custom.models.mmcv_ops import serve_mmcv_ops
serve_mmcv_ops()
serve_mmcv_ops()
import torch
from mmcv import _ext
print(_ext.nms(torch.tensor([[0., 0, 1, 1]]), torch.ones(1), 0.5).tolist())
print(_ext.softnms(), _ext.roi_align_forward(pool_mode=0))
"""


@pytest.mark.integration
def test_a_compiled_module_keeps_its_other_operators(tmp_path):
    (tmp_path / '_ext.py').write_text(COMPILED)
    assert run(USE_COMPILED, tmp_path) == ['[0]', 'compiled', 'compiled']


@pytest.mark.integration
def test_a_broken_compiled_module_is_replaced(tmp_path):
    (tmp_path / '_ext.py').write_text('raise ImportError("undefined symbol: of_another_torch")')
    code = USE_COMPILED.rsplit('\n', 2)[0] + '\nprint(callable(_ext.softnms))'
    assert run(code, tmp_path) == ['[0]', 'True']


@pytest.mark.integration
def test_the_operators_work_without_and_beside_all_of_torchvision():
    code = (
        'import sys, torch; from custom.models.mmcv_ops import load_operators; load_operators()\n'
        'boxes, scores = torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8], [20, 0, 29, 9]]), torch.tensor([.5, .9, .7])\n'
        'print(*torch.ops.torchvision.nms(boxes, scores, .5).tolist())\n'
        'print("torchvision" in sys.modules, "torch._dynamo" in sys.modules)\n'
        'import torchvision; print(*torchvision.ops.nms(boxes, scores, .5).tolist())\n'
        'load_operators(); print(*torch.ops.torchvision.nms(boxes, scores, .5).tolist())'
    )
    assert run_python(code) == ['1', '2', 'False', 'False', '1', '2', '1', '2']


@pytest.mark.integration
def test_without_the_library_all_of_torchvision_is_imported():
    code = (
        'import pathlib, sys; pathlib.Path.glob = lambda *_: []\n'
        'from custom.models.mmcv_ops import load_operators\nload_operators()\n'
        'print("torchvision" in sys.modules)'
    )
    assert run_python(code) == ['True']


def test_versions_that_do_not_match_are_named(monkeypatch):
    def fail(name):
        raise RuntimeError('operator torchvision::nms does not exist')

    monkeypatch.setattr(mmcv_ops.importlib, 'import_module', fail)
    monkeypatch.setattr(mmcv_ops.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setattr(mmcv_ops, 'NEEDED', ('no_such_operator',))
    monkeypatch.delitem(sys.modules, 'torchvision')
    with pytest.raises(UserError, match=r'torchvision does not work with torch .*does not exist.*requirements\.txt'):
        mmcv_ops.load_operators()


@pytest.mark.parametrize('count', [0, 1, 300, 1000, 1001])
def test_nms_within_groups_equals_torchvisions(count):
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand(count, 2, generator=generator) * 200
    bboxes = torch.cat([corners, corners + 5 + torch.rand(count, 2, generator=generator) * 40], dim=1)
    scores, groups = torch.rand(count, generator=generator), torch.randint(0, 10, (count,), generator=generator)
    kept = mmcv_ops.batched_nms(bboxes, scores, groups, 0.5)
    assert kept.tolist() == torchvision_batched_nms(bboxes, scores, groups, 0.5).tolist()
    assert count < 2 or len(kept) < count
