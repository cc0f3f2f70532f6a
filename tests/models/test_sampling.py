"""Assignment and sampling of a whole batch against MMDetection's of each image."""

import pytest
import torch
from mmdet.registry import TASK_UTILS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

import custom.register  # noqa: F401 - registers MMDetection's parts
from custom.models.sampling import assign, is_plain, sample

COUNTS = [0, 1, 5]  # ground-truth boxes of the images
PRIORS = 300


def boxes(count, seed):
    """Boxes of whole pixels, of which many have equal overlaps."""
    corners = torch.randint(0, 6, (count, 4), generator=torch.Generator().manual_seed(seed)).float()
    return torch.cat([corners[:, :2], corners[:, :2] + corners[:, 2:] + 1], dim=1)


def assigner(**change):
    return TASK_UTILS.build(
        {'type': 'MaxIoUAssigner', 'pos_iou_thr': 0.7, 'neg_iou_thr': 0.3, 'min_pos_iou': 0.3, **change}
    )


def sampler_of(**change):
    return TASK_UTILS.build(
        {'type': 'RandomSampler', 'num': 40, 'pos_fraction': 0.25, 'add_gt_as_proposals': False, **change}
    )


def theirs(parts, priors, truth):
    truth = InstanceData(bboxes=truth, labels=torch.zeros(len(truth), dtype=torch.long))
    return parts.assign(InstanceData(priors=priors), truth), truth


def test_a_prior_gets_the_box_it_overlaps_and_a_box_its_best_prior():
    priors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [40, 0, 50, 10], [0, 0, 10, 5], [90, 0, 99, 9]])
    truth = torch.tensor([[0.0, 0, 10, 10], [40, 0, 50, 20]])
    # IoU with the first box 1, 0.8, 0, 0.5 and 0; of the third with the second box 0.5, its best. The last is padding.
    is_real = torch.tensor([[True, True, True, True, False]])
    assert assign(priors, is_real, [truth], assigner()).tolist() == [[1, 1, 2, -1, -1]]
    assert assign(priors, is_real, [truth], assigner(match_low_quality=False)).tolist() == [[1, 1, -1, -1, -1]]


@pytest.mark.parametrize('match_low_quality', [True, False])
@pytest.mark.parametrize('shared', [True, False], ids=['anchors', 'proposals'])
def test_assignment_equals_mmdetections(match_low_quality, shared):
    parts = assigner(match_low_quality=match_low_quality)
    priors = torch.stack([boxes(PRIORS, seed=9 if shared else i) for i in range(len(COUNTS))])
    truth = [boxes(count, seed=20 + i) for i, count in enumerate(COUNTS)]
    is_real = torch.rand(len(COUNTS), PRIORS, generator=torch.Generator().manual_seed(1)) < 0.8
    ours = assign(priors[0] if shared else priors, is_real, truth, parts)
    for own, each, real, wanted in zip(ours, priors, is_real, truth, strict=True):
        assert torch.equal(own[real], theirs(parts, each[real], wanted)[0].gt_inds)
        assert (own[~real] == -1).all()
    assert {-1, 0} < set(ours.flatten().tolist())


def test_draws_equal_mmdetections():
    parts, sampler = assigner(), sampler_of()
    priors, truth = boxes(PRIORS, seed=9), [boxes(count, seed=20) for count in COUNTS]
    ours = assign(priors, torch.ones(len(COUNTS), PRIORS, dtype=torch.bool), truth, parts)
    torch.manual_seed(5)
    drawn = sample(ours, sampler)
    torch.manual_seed(5)
    for own, boxes_of_image in zip(drawn, truth, strict=True):
        assigned, instances = theirs(parts, priors, boxes_of_image)
        each = sampler.sample(assigned, InstanceData(priors=priors), instances)
        assert [indices.sort().values.tolist() for indices in own] == [each.pos_inds.tolist(), each.neg_inds.tolist()]
    assert [len(indices) for own in drawn for indices in own][:2] == [0, 40]


def test_other_parts_are_not_plain():
    sampler, cfg = sampler_of(), ConfigDict(pos_weight=-1)
    assert is_plain(assigner(), sampler, cfg)
    assert not is_plain(assigner(neg_iou_thr=(0.1, 0.3)), sampler, cfg)
    assert not is_plain(assigner(), sampler_of(neg_pos_ub=3), cfg)
