"""The parts of the exported graph against those of the model that they stand for, in torch."""

import io

import onnxruntime
import pytest
import torch
from helpers.detectors import build, detect, noise_batch
from mmdet.structures.bbox import bbox2roi

from custom.models.onnx_graph import OPSET, DetectorGraph, _best, _Nms, _sigmoid

SEVERAL = {
    'roi_head.bbox_roi_extractor.featmap_strides': [4, 8, 16],
    'roi_head.bbox_roi_extractor.finest_scale': 8,
    'roi_head.bbox_roi_extractor.roi_layer.sampling_ratio': 0,
}


def test_images_are_prepared_as_by_the_data_preprocessor():
    model, batch = build(), noise_batch([(30, 41), (24, 50)])
    wanted = model.data_preprocessor(batch, False)['inputs']
    images = torch.full((2, 30, 50, 3), 77, dtype=torch.uint8)  # of any content outside of an image
    for array, image in zip(images, batch['inputs'], strict=True):
        array[: image.shape[1], : image.shape[2]] = image.flip(0).permute(1, 2, 0)
    prepared = DetectorGraph(model).prepare(images, torch.tensor([[30, 41], [24, 50]]))
    assert prepared.shape == (2, 3, 32, 64)
    torch.testing.assert_close(prepared, wanted)


@pytest.mark.parametrize('changes', [{}, SEVERAL], ids=['one level', 'three levels, adaptive sampling'])
def test_features_of_proposals_are_those_of_the_extractor_and_0_for_empty_ones(changes):
    model = build(**changes)
    generator = torch.Generator().manual_seed(3)
    levels = [torch.rand(2, 64, 64 // stride, 96 // stride, generator=generator) for stride in (4, 8, 16)]
    corners = torch.rand(2, 6, 2, generator=generator) * 40
    proposals = torch.cat([corners, corners + torch.rand(2, 6, 2, generator=generator) * 24 + 1], dim=2)
    proposals[0, 2, 2:] = proposals[0, 2, :2]  # clipped to a corner of the photo
    proposals[1, 0, 3] = proposals[1, 0, 1]  # as thin as a line
    used = levels[: len(model.roi_head.bbox_roi_extractor.featmap_strides)]
    wanted = model.roi_head.bbox_roi_extractor(used, bbox2roi(list(proposals)))
    pooled = DetectorGraph(model).pool(levels, proposals)
    torch.testing.assert_close(pooled, wanted)
    if changes:  # without samples
        assert pooled[2].abs().max() == pooled[6].abs().max() == 0


def test_the_graph_finds_what_the_model_finds():
    model, batch = build(), noise_batch([(30, 41)])
    (wanted,) = detect(model, batch)
    image = batch['inputs'][0].flip(0).permute(1, 2, 0)[None]
    with torch.inference_mode():
        bboxes, scores, labels = DetectorGraph(model)(image, torch.tensor([[30, 41]]))
    count = int((scores > 0).sum())
    assert count == len(wanted) > 10
    torch.testing.assert_close(scores[0, :count], wanted.scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(bboxes[0, :count] * 2, wanted.bboxes, atol=1e-3, rtol=0)  # scale_factor is 0.5
    assert labels[0, :count].tolist() == wanted.labels.tolist()


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_low_scores_keep_their_order_in_onnx_runtime():
    class Scores(torch.nn.Module):
        def forward(self, logits):
            return _sigmoid(logits)

    logits = torch.linspace(-40, 40, 8001)
    content = io.BytesIO()
    torch.onnx.export(Scores(), (logits,), content, dynamo=False, input_names=['logits'], opset_version=OPSET)
    session = onnxruntime.InferenceSession(content.getvalue(), providers=['CPUExecutionProvider'])
    (scores,) = session.run(None, {'logits': logits.numpy()})
    torch.testing.assert_close(torch.from_numpy(scores), logits.sigmoid(), rtol=1e-5, atol=0)
    assert (scores[1:4000] > scores[:3999]).all()


def test_scores_after_nms():
    bboxes = torch.tensor([[[0, 0, 10, 10], [0, 0, 10, 11], [20, 0, 30, 10.0]]])
    scores = torch.tensor([[[0.5, 0.9, 0.2], [0.8, 0.1, 0.05]]])  # of two classes
    kept = _Nms.apply(bboxes, scores, 0.5, 0.06)
    torch.testing.assert_close(kept, torch.tensor([[[0, 0.9, 0.2], [0.8, 0, 0]]]))


def test_the_best_scores_are_all_where_there_are_fewer():
    scores = torch.tensor([[0.2, 0.9, 0.5]])
    for most, indices in ((2, [1, 2]), (9, [1, 2, 0]), (-1, [1, 2, 0])):
        best, order = _best(scores, most)
        assert order.tolist() == [indices]
        torch.testing.assert_close(best, scores[:, indices])
