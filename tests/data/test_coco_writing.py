"""custom/data/coco_writing.py: a written COCO json is a valid one."""

import json

from custom.data.coco_reading import read_annotations
from custom.data.coco_writing import coco_json


def test_a_written_json_is_read_back(tmp_path):
    photos = [
        {'id': 12, 'file_name': 'a.png', 'width': 40, 'height': 20, 'bboxes': [], 'labels': []},
        {
            'id': 3,
            'file_name': 'b.jpg',
            'width': 30,
            'height': 10,
            'bboxes': [[1, 2, 3, 4], [5.5, 0, 4, 8.25]],
            'labels': [0, 9],
        },
    ]
    path = tmp_path / 'x.json'
    path.write_text(json.dumps(coco_json(photos)))
    read = read_annotations(path)
    assert (read.image_ids.tolist(), read.file_names) == ([12, 3], ['a.png', 'b.jpg'])
    assert read.sizes.tolist() == [[40, 20], [30, 10]]
    assert read.box_image_ids.tolist() == [3, 3]
    assert read.bboxes.tolist() == [[1, 2, 3, 4], [5.5, 0, 4, 8.25]]
    assert read.labels.tolist() == [0, 9]
    assert read.notes == []
