"""Export of small detectors to ONNX, and the comparison with torch."""

import copy

import numpy as np
import onnx
import pytest
import torch
from helpers.detectors import build
from helpers.onnx_models import save
from helpers.project import ROOT
from timm.layers import Conv2dSame
from torch import nn

from custom.inference.multiview import View
from custom.models.checkpoints import load_weights
from custom.models.onnx_check import difference, drawn_photos
from custom.models.onnx_export import fix_padding, to_onnx
from custom.models.onnx_quantise import other_sizes, quantise
from custom.models.tta import ModelDetector
from custom.onnx_reader.detector import OnnxDetector
from custom.onnx_reader.model_file import OUTPUTS, DetectorFacts, to_metadata
from custom.reading.settings import ReaderSettings
from custom.utils.errors import UserError

WEIGHTS = ROOT / 'weights/digits_frcnn_lite.safetensors'
NOISE = list(drawn_photos())[1::2]  # where no two boxes have equal scores, also with random weights
METADATA = to_metadata(DetectorFacts((224, 80), 8, {}, '', 'lite', 16), ReaderSettings())


class OpenVinoSession:
    """A file in OpenVINO with the interface of ONNX Runtime's session; float32, since bfloat16 is its default."""

    def __init__(self, openvino, path):
        self.compiled = openvino.Core().compile_model(str(path), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})

    def run(self, names, inputs):
        found = self.compiled.infer_new_request(inputs)  # a call of the model itself serves one thread
        return [found[name] for name in OUTPUTS]


def trained(weights=WEIGHTS, **changes):
    """The light model with weights of the project."""
    model = build(**changes)
    load_weights(model, weights)
    return model


@pytest.fixture(scope='module')
def exported():
    return to_onnx(trained(fast_convolutions=False), METADATA)


@pytest.fixture(scope='module')
def detector(exported, tmp_path_factory):
    return OnnxDetector(save(exported, tmp_path_factory.mktemp('onnx') / 'lite.onnx'))


@pytest.mark.parametrize('weights', [WEIGHTS, WEIGHTS.parent / 'any-use' / WEIGHTS.name], ids=['default', 'any-use'])
def test_boxes_equal_those_of_torch_on_photos_of_many_sizes(tmp_path, weights):
    exported = to_onnx(trained(weights, fast_convolutions=False), METADATA)
    detector = OnnxDetector(save(exported, tmp_path / 'lite.onnx'))
    compared = difference(ModelDetector(trained(weights)), detector, list(drawn_photos()), 0.001)
    assert compared.is_small, compared
    assert compared.boxes > 1000


def test_another_model_is_seen_in_the_comparison(detector):
    other = trained()
    other.roi_head.bbox_head.fc_cls.bias.data[3] += 1
    assert not difference(ModelDetector(other), detector, list(drawn_photos())[:3], 0.001).is_small


def test_a_photo_alone_has_the_boxes_that_it_has_in_a_batch_of_its_size(detector):
    photos = [View(photo, (1, 1)) for photo in np.random.default_rng(0).integers(0, 256, (3, 40, 64, 3), np.uint8)]
    for one, (bboxes, scores, labels) in zip(photos, detector.detect(photos), strict=True):
        ((alone, alone_scores, alone_labels),) = detector.detect([one])
        np.testing.assert_allclose(bboxes, alone, atol=1e-3)
        np.testing.assert_allclose(scores, alone_scores, atol=1e-5)
        assert labels.tolist() == alone_labels.tolist()


def test_the_file_has_standard_nodes_its_metadata_and_no_dynamic_padding(exported):
    onnx.checker.check_model(exported)
    assert {node.domain for node in exported.graph.node} == {''}
    assert {one.key: one.value for one in exported.metadata_props} == METADATA
    kinds = [node.op_type for node in exported.graph.node]
    assert kinds.count('NonMaxSuppression') == 2
    assert kinds.count('RoiAlign') == 1
    assert 'Ceil' not in kinds  # of timm's padding
    assert kinds.count('Pad') == 1  # of the images; a padded copy of each map would take twice the memory
    (pool,) = (node for node in exported.graph.node if node.op_type == 'RoiAlign')
    assert next(one.i for one in pool.attribute if one.name == 'sampling_ratio') == 2  # 0 gives NaN in OpenVINO


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    'settings',
    [
        {'rpn_head.type': 'RPNHead', 'roi_head.type': 'StandardRoIHead'},
        {'test_cfg.rpn.nms_pre': 200, 'test_cfg.rpn.max_per_img': 100},
    ],
)
def test_other_heads_and_100_proposals_are_exported(settings, tmp_path):
    detector = OnnxDetector(save(to_onnx(trained(fast_convolutions=False, **settings), METADATA), tmp_path / 'a.onnx'))
    compared = difference(ModelDetector(trained(**settings)), detector, list(drawn_photos())[-9:], 0.001)
    assert compared.is_small, compared


def test_a_class_specific_head_with_several_levels_is_exported(tmp_path):
    """As that of ResNet-50: boxes of each class, RoIs pooled from three levels."""
    settings = {
        'roi_head.bbox_head.reg_class_agnostic': False,
        'roi_head.bbox_roi_extractor.featmap_strides': [4, 8, 16],
        'roi_head.bbox_roi_extractor.finest_scale': 8,
    }
    detector = OnnxDetector(save(to_onnx(build(fast_convolutions=False, **settings), METADATA), tmp_path / 'a.onnx'))
    compared = difference(ModelDetector(build(**settings)), detector, NOISE[:4], 0.001)
    assert compared.is_small, compared
    assert compared.boxes > 100


def test_openvino_finds_the_same_boxes_in_the_file(exported, tmp_path):
    openvino = pytest.importorskip('openvino', reason='openvino is not installed')
    path = save(exported, tmp_path / 'lite.onnx')
    ours, theirs = OnnxDetector(path), OnnxDetector(path)
    theirs.session = OpenVinoSession(openvino, path)
    compared = difference(ours, theirs, list(drawn_photos()), 0.001)
    assert compared.is_small, compared
    assert compared.boxes > 1000


@pytest.mark.parametrize('ratio', [0, 2])
def test_openvino_finds_no_nan_in_empty_proposals(ratio, tmp_path):
    openvino = pytest.importorskip('openvino', reason='openvino is not installed')
    settings = {'roi_head.bbox_roi_extractor.roi_layer.sampling_ratio': ratio}
    model = build(fast_convolutions=False, **settings)
    for conv in (model.rpn_head.rpn_reg,):  # moves anchors far to the left, out of the photo
        conv.bias.data[0::4] = -40
    path = save(to_onnx(model, METADATA), tmp_path / 'a.onnx')
    ours, theirs = OnnxDetector(path), OnnxDetector(path)
    theirs.session = OpenVinoSession(openvino, path)
    views = [View(photo, (1, 1)) for photo in NOISE[:3]]
    for found in theirs.detect(views):
        assert all(np.isfinite(values).all() for values in found)
    assert difference(ours, theirs, NOISE[:3], 0.001).is_small


def test_eight_bits_keep_the_sizes_of_the_feature_maps(exported, tmp_path):
    rng = np.random.default_rng(0)
    views = [View(rng.integers(0, 256, (40, 64, 3), np.uint8), (1, 1)) for _ in range(2)]
    small = quantise(exported, views)
    assert {one.key: one.value for one in small.metadata_props} == METADATA
    assert len(small.SerializeToString()) < 0.75 * len(exported.SerializeToString())  # the box head is half of it
    assert other_sizes(exported, small) == []
    bboxes, scores, labels = OnnxDetector(save(small, tmp_path / 'a.onnx')).detect(views)[0]
    assert len(bboxes) == len(scores) == len(labels) > 10


def test_other_sizes_of_feature_maps_are_found(exported):
    other = copy.deepcopy(exported)
    conv = next(node for node in other.graph.node if node.op_type == 'Conv')
    (pads,) = (one for one in conv.attribute if one.name == 'pads')
    pads.ints[:] = [side + 2 for side in pads.ints]
    assert len(other_sizes(exported, other)) == 161


def test_padding_is_fixed_as_long_as_sides_are_multiples_of_the_stride():
    def network():
        return nn.Sequential(
            Conv2dSame(3, 4, 3, 2), nn.Sequential(Conv2dSame(4, 4, 5, 2), nn.ReLU()), Conv2dSame(4, 4, 3, 2)
        )

    torch.manual_seed(0)
    plain = network().eval()
    fixed = copy.deepcopy(plain)
    assert fix_padding(fixed, 4) == 8
    assert [type(fixed[0]).__name__, type(fixed[1][0]).__name__] == ['_FixedPadding'] * 2
    assert isinstance(fixed[2], Conv2dSame)  # its maps may have odd sides
    image = torch.rand(1, 3, 20, 36)
    assert torch.equal(plain(image), fixed(image))


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(UserError, match='Linear cannot be exported to ONNX; give the config of a Faster R-CNN'):
        to_onnx(nn.Linear(1, 1), {})
