import csv
import json
import tracemalloc
import zipfile
from types import SimpleNamespace

import pytest
from helpers.submissions import numbers_in
from helpers.toy import ToyModel, loader, photo, toy_runner

from custom.engine.hooks import submission
from custom.reading.numbers import read_numbers
from custom.reading.settings import ReaderSettings, read_reader
from custom.structures.detections import Detections
from custom.submission.pred_json import read_pred_json, write_pred_json
from custom.utils.errors import UserError

LEFT, RIGHT = [2.0, 4.0, 8.0, 16.0], [10.0, 4.0, 15.5, 16.0]
PHOTOS = [
    photo(7, [(RIGHT, 0.9, 5), (LEFT, 0.75, 0), (RIGHT, 0.25, 3)]),  # 3 is under the threshold
    photo(3),
    photo(10, [(LEFT, 0.625, 1)]),
]
ENTRIES = [
    {'image_id': 7, 'bbox': [10.0, 4.0, 5.5, 12.0], 'score': 0.9, 'category_id': 6},
    {'image_id': 7, 'bbox': [2.0, 4.0, 6.0, 12.0], 'score': 0.75, 'category_id': 1},
    {'image_id': 7, 'bbox': [10.0, 4.0, 5.5, 12.0], 'score': 0.25, 'category_id': 4},
    {'image_id': 10, 'bbox': [2.0, 4.0, 6.0, 12.0], 'score': 0.625, 'category_id': 2},
]


def runner_of(tmp_path, items=PHOTOS, model=None, out='out', **cfg):
    hook = {'type': 'SubmissionHook', 'out_dir': str(tmp_path / out), **cfg}
    return toy_runner(tmp_path / 'work', model, test_dataloader=loader(items), custom_hooks=[hook])


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize('chunk', [1, 2, 500])
def test_the_files_by_hand(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(submission, 'CHUNK', chunk)
    runner_of(tmp_path).test()
    assert files_in(tmp_path / 'out') == ['pred.csv', 'pred.json', 'reader.json', 'submission.zip']
    assert json.loads((tmp_path / 'out/pred.json').read_bytes()) == ENTRIES
    assert (tmp_path / 'out/pred.csv').read_text() == 'image_id,pred_label\n7,05\n3,-1\n10,1\n'
    with zipfile.ZipFile(tmp_path / 'out/submission.zip') as archive:
        assert archive.namelist() == ['pred.json', 'pred.csv']
        assert archive.read('pred.json') == (tmp_path / 'out/pred.json').read_bytes()


def test_pred_json_is_what_write_pred_json_makes_of_all_boxes_together(tmp_path, monkeypatch):
    runner_of(tmp_path).test()
    boxes = [RIGHT, LEFT, RIGHT, LEFT]
    write_pred_json(tmp_path / 'a', Detections.from_model([7, 7, 7, 10], boxes, [0.9, 0.75, 0.25, 0.625], [5, 0, 3, 1]))
    assert (tmp_path / 'out/pred.json').read_bytes() == (tmp_path / 'a').read_bytes()


def test_nothing_found_on_any_photo(tmp_path):
    runner_of(tmp_path, [photo(1), photo(2), photo(3)]).test()
    assert (tmp_path / 'out/pred.json').read_text() == '[]\n'
    assert numbers_in(tmp_path / 'out/pred.csv') == {1: '', 2: '', 3: ''}


def test_the_reader_is_set_by_its_argument(tmp_path):
    runner_of(tmp_path, reader={'number': {'score_thr': 0.8}}).test()
    assert numbers_in(tmp_path / 'out/pred.csv') == {7: '5', 3: '', 10: ''}
    with pytest.raises(UserError, match=r'score_thr=8'):
        runner_of(tmp_path, reader={'number': {'score_thr': 8}})


def test_names_that_are_no_ids_are_mapped(tmp_path):
    runner_of(tmp_path, [photo(1, name='house.jpg'), photo(2)]).test()
    with (tmp_path / 'out/images.csv').open(newline='') as file:
        assert list(csv.reader(file)) == [['image_id', 'file_name'], ['1', 'house.jpg'], ['2', '2.png']]


def test_the_number_follows_from_the_boxes_that_are_kept_and_so_do_the_files(tmp_path):
    over_left = [2.0, 4.0, 8.0, 15.0]  # on LEFT by 11/12, and better
    items = [photo(1, [(LEFT, 0.7, 4), (over_left, 0.8, 9), (RIGHT, 0.3, 5), (RIGHT, 0.004, 5)])]
    reader = {'number': {'score_thr': 0.4, 'iou_thr': 1.0, 'fallback_thrs': [0.1]}, 'fingerprint': 'ab', 'tuned_on': {}}
    reader['boxes'] = {'score_thr': 0.01, 'iou_thr': 0.9}
    runner_of(tmp_path, items, reader=reader).test()
    out = tmp_path / 'out'
    found = read_pred_json(out / 'pred.json')
    assert found.labels.tolist() == [9, 5]
    assert numbers_in(out / 'pred.csv') == {1: '9'}
    assert read_reader(out / 'reader.json') == ReaderSettings.from_dict(reader)
    again = read_numbers(found, [1], read_reader(out / 'reader.json').number)
    assert again[1].number == '9'


def test_a_second_test_starts_anew(tmp_path):
    runner = runner_of(tmp_path)
    runner.test()
    first = (tmp_path / 'out/submission.zip').read_bytes()
    runner.test()
    assert (tmp_path / 'out/submission.zip').read_bytes() == first


def test_a_folder_that_cannot_be_written_is_said_before_the_test(tmp_path):
    (tmp_path / 'file').touch()
    batches = []
    with pytest.raises(UserError, match=r'file/out: cannot write here \(Not a directory\); choose another place'):
        runner_of(tmp_path, model=ToyModel(lambda: batches.append(1)), out='file/out').test()
    assert batches == []


def test_a_run_that_fails_leaves_nothing_and_keeps_what_was_there(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/pred.json').write_text('earlier')
    seen = []

    def second_batch_fails():
        seen.append(files_in(tmp_path / 'out'))
        if len(seen) == 2:
            raise RuntimeError('no')

    with pytest.raises(RuntimeError, match='no'):
        runner_of(tmp_path, model=ToyModel(second_batch_fails)).test()
    assert seen == [['pred.json']] * 2
    assert (tmp_path / 'out/pred.json').read_text() == 'earlier'
    assert files_in(tmp_path / 'out') == ['pred.json']


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, 'CHUNK', 1)
    runner = runner_of(tmp_path)
    hook = next(hook for hook in runner.hooks if isinstance(hook, submission.SubmissionHook))
    hook.before_test(runner)
    hook.spool.close()
    with open('/dev/full', 'wb', buffering=0) as hook.spool, pytest.raises(UserError, match='No space left on device'):
        hook.after_test_iter(runner, 0, outputs=[PHOTOS[0]['data_samples']])
    assert not (tmp_path / 'out').exists()


def test_memory_does_not_grow_with_the_photos(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, 'CHUNK', 20)
    boxes = [(RIGHT, 0.9 - i / 200, i % 10) for i in range(100)]  # 8 kB of pred.json

    def peak(count):
        hook = submission.SubmissionHook(str(tmp_path / str(count)))
        samples = [photo(i, boxes)['data_samples'] for i in range(count)]
        runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=samples, sampler=None), world_size=1)
        tracemalloc.start()
        hook.before_test(runner)
        for sample in samples:
            hook.after_test_iter(runner, 0, outputs=[sample])
        hook.after_test_epoch(runner)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(20)  # what is imported and compiled at first use
    few, many = peak(150), peak(450)
    assert (tmp_path / '450/pred.json').stat().st_size > 3_000_000
    assert many - few < 300_000  # numbers and names


@pytest.mark.parametrize('main', [True, False])
def test_shares_of_two_ranks_are_put_in_order_and_padding_is_cut_off(tmp_path, monkeypatch, main):
    # 3 photos over 2 ranks: 7 and 10 here, 3 and once more 7 over there.
    other = [(3, '3.png', '', b''), (7, '7.png', '05', b'{"padding": 1}')]
    sent = []

    def all_gather_object(own):
        sent.append(own)
        return [own, other[len(sent) - 1 : len(sent)]]

    monkeypatch.setattr(submission, 'CHUNK', 1)
    monkeypatch.setattr(submission, 'all_gather_object', all_gather_object)
    monkeypatch.setattr(submission, 'is_main_process', lambda: main)
    runner = runner_of(tmp_path)
    hook = next(hook for hook in runner.hooks if isinstance(hook, submission.SubmissionHook))
    runner.test_loop  # noqa: B018 - builds the data loader
    runner._world_size = 2
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, outputs=[PHOTOS[0]['data_samples'], PHOTOS[2]['data_samples']])
    hook.after_test_epoch(runner)
    assert [[one[:3] for one in own] for own in sent] == [[(7, '7.png', '05')], [(10, '10.png', '1')]]
    if main:
        assert json.loads((tmp_path / 'out/pred.json').read_bytes()) == ENTRIES
        assert list(numbers_in(tmp_path / 'out/pred.csv').items()) == [(7, '05'), (3, ''), (10, '1')]
    else:
        assert not (tmp_path / 'out').exists()
