"""Batched proposals against MMDetection's RPN head."""

from helpers.detectors import assert_same, build, detect, noise_batch


def test_small_proposals_are_dropped_as_in_mmdetection():
    change = {'test_cfg.rpn.min_bbox_size': 12, 'group_size': 0}
    ours, theirs = build(**change), build(**change, **{'rpn_head.type': 'RPNHead'})
    assert_same(detect(ours, noise_batch()), detect(theirs, noise_batch()), 1e-6)
    assert [len(one) for one in detect(ours, noise_batch())] != [
        len(one) for one in detect(build(group_size=0), noise_batch())
    ]
