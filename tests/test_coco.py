import pytest

from custom.coco import Findings, read_boxes


def boxes_of(bbox, width=100, height=50):
    """What becomes of one box of the digit 7 on the photo 1: boxes, mistakes, notes."""
    wrong, notes = Findings(), Findings()
    entry = {'id': 1, 'image_id': 1, 'category_id': 8, 'bbox': bbox}
    boxes = read_boxes([entry], {1: {'width': width, 'height': height}}, {8: 7}, wrong, notes)
    return [box.bbox for box in boxes], wrong.lines(), notes.lines()


@pytest.mark.parametrize(
    'bbox',
    [
        [10.3, 5.1, 7.1, 12.3],  # its area and that of its edges differ in the last bit
        [0, 0, 100, 50],
        [67.7, 5, 32.30000000000002, 12],  # 67.7 + 32.30000000000002 is 100.00000000000003
    ],
)
def test_a_box_inside_stays_as_it_is_whatever_floats_round_to(bbox):
    assert boxes_of(bbox) == ([bbox], [], [])


@pytest.mark.parametrize(
    ('bbox', 'clipped'),
    [
        ([-2, 5, 8, 12], [0, 5, 6, 12]),  # three quarters are left
        ([94, 5, 8, 12], [94, 5, 6, 12]),
        ([5, -3, 8, 12], [5, 0, 8, 9]),
        ([5, 41, 8, 12], [5, 41, 8, 9]),
        ([-0.25, 5, 8, 12], [0, 5, 7.75, 12]),
    ],
)
def test_a_box_slightly_over_the_edge_is_clipped_and_noted(bbox, clipped):
    boxes, wrong, notes = boxes_of(bbox)
    assert (boxes, wrong) == ([clipped], [])
    assert notes == [f'1 × box clipped at the edge of its photo; first: annotation 1 (image 1): xywh {bbox} in 100x50']


@pytest.mark.parametrize('bbox', [[-2.01, 5, 8, 12], [5, 41.01, 8, 12], [-1, -2, 8, 12], [100, 5, 8, 12]])
def test_a_box_that_keeps_less_than_three_quarters_is_a_mistake(bbox):
    boxes, wrong, notes = boxes_of(bbox)
    assert (boxes, notes) == ([], [])
    assert len(wrong) == 1
    assert 'box outside the image by more than a quarter of its area' in wrong[0]


def test_findings_count_each_kind_and_keep_the_first_example():
    found = Findings()
    for kind, example in (('odd', 'a'), ('even', 'b'), ('odd', 'c')):
        found.add(kind, example)
    assert found.lines() == ['2 × odd; first: a', '1 × even; first: b']
