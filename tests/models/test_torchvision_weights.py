"""Equal detections of torchvision's models and this project's with the same weights."""

import re

import pytest
import torch
from helpers.project import ROOT
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models import detection
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

import custom.register  # noqa: F401 - registers what the configs name
from custom.models.torchvision_weights import CONFIGS, to_mmdet, to_torchvision, without_other_classes
from custom.runs.overrides import apply_overrides
from custom.utils.errors import UserError

V1, V2 = CONFIGS
PHOTOS = [(60, 120), (128, 280), (47, 104)]  # height and width in pixels


def load_config(model, *options):
    cfg = Config.fromfile(ROOT / CONFIGS[model])
    apply_overrides(cfg, ['model.backbone.init_cfg=None', *options])
    init_default_scope('mmdet')
    return cfg


def photos(dtype=torch.float32):
    """Make blurred noise, (3, H, W) RGB in 0 to 1, for each of PHOTOS."""
    generator = torch.Generator().manual_seed(0)
    coarse = [torch.rand(1, 3, h // 8 + 2, w // 8 + 2, generator=generator) for h, w in PHOTOS]
    return [
        interpolate(noise, size, mode='bicubic')[0].clamp(0, 1).to(dtype)
        for noise, size in zip(coarse, PHOTOS, strict=True)
    ]


def lively(build, **settings):
    """Build one of torchvision's models with random weights that give detections of every class.

    Norms get random affines and the statistics of `photos`, some channels so little variance that their eps counts.
    The predictor is scaled until its logits differ by about 3, and its boxes move by about a tenth of their size.
    """
    torch.manual_seed(0)
    model = build(weights=None, weights_backbone=None, **settings).eval()
    seen = {}
    predictor, rpn = model.roi_heads.box_predictor, model.rpn.head
    hooks = [
        layer.register_forward_hook(lambda layer, args, out: seen.update({layer: out}))
        for layer in (predictor.cls_score, predictor.bbox_pred, rpn.cls_logits)
    ]
    with torch.no_grad():
        for name, layer in model.named_modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.train().momentum = None  # a plain mean
                layer.weight.uniform_(0.7, 1.3)
                layer.bias.normal_(std=0.2)
            elif re.search(r'layer\d\.\d\.conv1', name):
                layer.weight[::2] *= 3e-3
        for layer, std in ((rpn.cls_logits, 0.1), (rpn.bbox_pred, 0.03)):
            layer.weight.normal_(std=std)
            layer.bias.normal_(std=0.1)
        model(photos())
        logits, boxes = seen[predictor.cls_score], seen[predictor.bbox_pred]
        scale = 3 / logits.std(0)
        predictor.cls_score.weight *= scale[:, None]
        predictor.cls_score.bias.copy_((predictor.cls_score.bias - logits.mean(0)) * scale)
        predictor.cls_score.bias[0] += 3  # of the background
        predictor.bbox_pred.weight /= boxes.std(0)[:, None]
        predictor.bbox_pred.bias.normal_()
    for hook in hooks:
        hook.remove()
    return model.eval()


@pytest.fixture(scope='module')
def theirs():
    """Both models of torchvision for ten digits. To save time photos become 96 px high, and 40 proposals are kept.

    The first has frozen norms without eps, as with torchvision's own weights.
    """
    settings = {'min_size': 96, 'max_size': 384, 'rpn_post_nms_top_n_test': 40, 'num_classes': 11}
    first = lively(detection.fasterrcnn_resnet50_fpn, **settings)
    backbone = resnet_fpn_backbone(
        backbone_name='resnet50', weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=5
    )
    frozen = detection.FasterRCNN(backbone, **settings).eval()
    frozen.load_state_dict(first.state_dict())
    for layer in frozen.modules():
        if isinstance(layer, FrozenBatchNorm2d):
            layer.eps = 0.0
    return {V1: frozen, V2: lively(detection.fasterrcnn_resnet50_fpn_v2, **settings)}


def assert_same(found, expected):
    """Every box has its counterpart: the same label, within 0.1 px and 1e-3 of the score."""
    assert len(found.scores) == len(expected['scores'])
    apart = (found.bboxes[:, None] - expected['boxes']).abs().amax(-1) / 0.1
    apart = apart.maximum((found.scores[:, None] - expected['scores']).abs() / 1e-3)
    apart[found.labels[:, None] != expected['labels'] - 1] = torch.inf
    nearest, which = apart.min(1)
    assert nearest.max() < 1
    assert sorted(which.tolist()) == list(range(len(which)))


@pytest.mark.parametrize(('model', 'options'), [(V1, ['model.backbone.norm_cfg.eps=0.0']), (V2, [])])
def test_the_same_detections(theirs, model, options):
    """In float64, since float32's rounding can decide which of two boxes that overlap by 0.7000 survives."""
    their = theirs[model].double()
    given = photos(torch.float64)
    cfg = load_config(model, 'model.test_cfg.rpn.max_per_img=40', 'model.test_cfg.rcnn.score_thr=0.05', *options)
    ours = MODELS.build(cfg.model).double().eval()
    missing, unknown = ours.load_state_dict(to_mmdet(their.state_dict(), 'x.pth')[0], strict=False)
    assert unknown == []
    assert [key for key in missing if not key.endswith('num_batches_tracked')] == []

    with torch.no_grad():
        expected = their(given)
        scaled, _ = their.transform(given)
        samples = [
            DetDataSample(metainfo={'img_shape': size, 'scale_factor': (size[1] / w, size[0] / h)})
            for size, (h, w) in zip(scaled.image_sizes, PHOTOS, strict=True)
        ]
        found = ours(scaled.tensors, samples, mode='predict')
    for one, other in zip(found, expected, strict=True):
        assert_same(one.pred_instances, other)
    # It was no trivial agreement: boxes of every class, of many sizes, with high scores and low ones.
    scores = torch.cat([one['scores'] for one in expected])
    assert len(scores) > 100
    assert scores.max() > 0.9
    assert set(torch.cat([one['labels'] for one in expected]).tolist()) == set(range(1, 11))


@pytest.mark.parametrize('model', CONFIGS)
def test_photos_arrive_alike(model, tmp_path):
    """From file to network: the same size, padding and channels, and pixels within the rounding of grey values."""
    cfg = load_config(model)
    (tmp_path / 'test').mkdir()
    for number, photo in enumerate(photos()):
        to_pil_image(photo).save(tmp_path / 'test' / f'{number}.png')
    apply_overrides(cfg, [f'data_root={tmp_path}'])
    items = list(DATASETS.build(cfg.test_dataloader.dataset))
    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    batch = preprocessor({key: [item[key] for item in items] for key in items[0]})
    with torch.device('meta'):
        shortest, longest = min(cfg.scale), max(cfg.scale)
        their = getattr(detection, model)(weights=None, weights_backbone=None, min_size=shortest, max_size=longest)
    files = [pil_to_tensor(Image.open(item['data_samples'].img_path)) / 255 for item in items]
    expected, _ = their.transform(files)
    assert [one.img_shape for one in batch['data_samples']] == expected.image_sizes
    apart = (batch['inputs'] - expected.tensors).abs() * 0.225 * 255  # in grey values
    assert apart.max() < 1.5
    assert apart.mean() < 0.5


@pytest.mark.parametrize('model', CONFIGS)
def test_settings(model):
    with torch.device('meta'):
        their = getattr(detection, model)(weights=None, weights_backbone=None)
    cfg = load_config(model).model
    rpn, roi, train, test = their.rpn, their.roi_heads, cfg.train_cfg, cfg.test_cfg
    assert train.rpn_proposal.nms_pre == rpn._pre_nms_top_n['training']
    assert train.rpn_proposal.max_per_img == rpn._post_nms_top_n['training']
    assert test.rpn.nms_pre == rpn._pre_nms_top_n['testing']
    assert test.rpn.max_per_img == rpn._post_nms_top_n['testing']
    assert train.rpn_proposal.nms.iou_threshold == test.rpn.nms.iou_threshold == rpn.nms_thresh
    assert train.rpn_proposal.min_bbox_size == test.rpn.min_bbox_size == rpn.min_size
    assert test.rcnn.nms.iou_threshold == roi.nms_thresh
    assert test.rcnn.max_per_img == roi.detections_per_img
    for stage, part in ((train.rpn, rpn), (train.rcnn, roi)):
        matcher, sampler = part.proposal_matcher, part.fg_bg_sampler
        assert stage.assigner.pos_iou_thr == matcher.high_threshold
        assert stage.assigner.neg_iou_thr == matcher.low_threshold
        assert stage.assigner.match_low_quality == matcher.allow_low_quality_matches
        assert (stage.sampler.num, stage.sampler.pos_fraction) == (
            sampler.batch_size_per_image,
            sampler.positive_fraction,
        )
    for head, part in ((cfg.rpn_head, rpn), (cfg.roi_head.bbox_head, roi)):
        assert [1 / std for std in head.bbox_coder.target_stds] == list(part.box_coder.weights)
        assert (head.loss_bbox.type, head.loss_bbox.beta) == ('SmoothL1Loss', 1 / 9)


@pytest.mark.parametrize('outputs', [11, 91])
@pytest.mark.parametrize('model', CONFIGS)
def test_there_and_back(theirs, model, outputs):
    weights = theirs[model].state_dict()
    names = {kind: f'roi_heads.box_predictor.{kind}.weight' for kind in ('cls_score', 'bbox_pred')}
    if outputs == 91:
        for key in [key for key in weights if 'box_predictor' in key]:
            weights[key] = torch.rand(weights[key].shape[0] // 11 * 91, *weights[key].shape[1:])
    ours, recognised = to_mmdet(weights, 'x.pth')
    assert recognised == model
    classes = ours['roi_head.bbox_head.fc_cls.weight']
    assert torch.equal(classes[-1], weights[names['cls_score']][0])  # the background
    assert torch.equal(classes[0], weights[names['cls_score']][1])
    boxes = ours['roi_head.bbox_head.fc_reg.weight']
    assert torch.equal(boxes[:4], weights[names['bbox_pred']][4:8])
    assert len(boxes) == 4 * (outputs - 1)

    predictor = {key: weights[key] for key in weights if 'box_predictor' in key}
    kept = without_other_classes(ours)
    assert len(ours) - len(kept) == (0 if outputs == 11 else 4)
    back, recognised = to_torchvision(kept, 'x.pth', predictor)
    assert recognised == model
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[key], weights[key]) for key in weights)

    back, _ = to_torchvision(ours, 'x.pth')  # without the box of the background
    assert torch.equal(back[names['bbox_pred']][4:], weights[names['bbox_pred']][4:])
    assert not back[names['bbox_pred']][:4].any()


def test_names_of_before_torchvision_0_13(theirs):
    weights = theirs[V1].state_dict()
    old = {re.sub(r'(_blocks\.\d|rpn\.head\.conv\.0)\.0\.', r'\1.', key): value for key, value in weights.items()}
    old = {key.replace('rpn.head.conv.0.', 'rpn.head.conv.'): value for key, value in old.items()}
    assert {'backbone.fpn.inner_blocks.3.bias', 'rpn.head.conv.weight'} <= old.keys()
    assert to_mmdet(old, 'x.pth')[0].keys() == to_mmdet(weights, 'x.pth')[0].keys()


@pytest.fixture
def shapes():
    """The second model's state dict without its 170 MB."""
    with torch.device('meta'):
        return detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=11).state_dict()


def test_what_is_no_such_model(shapes):
    with pytest.raises(UserError, match=r'resnet50_fpn: \d+ missing \(.*\); 1 unknown \(head\.weight\)$'):
        to_mmdet({'head.weight': torch.zeros(1)}, 'x.pth')
    with pytest.raises(UserError, match=r'^x\.pth: head\.weight is not a weight of the supported models'):
        to_torchvision({'head.weight': torch.zeros(1)}, 'x.pth')
    del shapes['backbone.body.conv1.weight']
    shapes['backbone.fpn.layer_blocks.9.0.weight'] = torch.zeros(1)
    shapes['rpn.head.cls_logits.bias'] = torch.zeros(6)
    with pytest.raises(
        UserError,
        match=r"x\.pth: not the weights of torchvision's fasterrcnn_resnet50_fpn_v2: 1 missing \(backbone\.body\.conv1"
        r'\.weight\); 1 unknown \(backbone\S+\); 1 of another shape \(rpn\.head\.cls_logits\.bias\)',
    ):
        to_mmdet(shapes, 'x.pth')


def test_a_model_that_torchvision_does_not_have():
    cfg = Config.fromfile(ROOT / 'configs/digits_frcnn.py')
    init_default_scope('mmdet')
    with torch.device('meta'):
        weights = MODELS.build({**cfg.model, 'backbone': {**cfg.model.backbone, 'init_cfg': None}}).state_dict()
    with pytest.raises(UserError, match=r'of another shape \(rpn\.head\.bbox_pred\.bias, '):
        to_torchvision(weights, 'x.pth')
