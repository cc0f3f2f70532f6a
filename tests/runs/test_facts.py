import os

import pytest
from helpers.report_scene import write_run
from mmengine.config import Config

from custom.runs.facts import CONFIGS, Change, base_names, config_changes, config_file, run_facts
from custom.utils.errors import UserError


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('run'))


def test_the_facts_of_a_run(work):
    facts = run_facts(work)
    assert facts.config_name == 'digits_frcnn_lite.py' and 'max_epochs=7' in facts.config_text
    assert facts.seed == 0
    assert facts.environment == {'command': 'tools/train.py "<b>" ' + 'x' * 200, 'commit': 'abc', 'torch': '2.0'}
    assert facts.notes == []
    assert facts.sessions == [
        '2026-01-01 08:00:00 to 2026-01-01 09:30:05 (1:30:05 h)',
        '2026-01-02 08:00:00 to 2026-01-02 08:10:00 (0:10:00 h)',
    ]


def test_the_config_as_a_difference_from_its_base(work):
    facts = run_facts(work)
    assert facts.base == ['./digits_frcnn.py']
    assert Change('train_cfg.max_epochs', '12', '7') in facts.changes  # of the command line, not the 4 of the file
    assert Change('model.neck.num_outs', '5', '3') in facts.changes
    assert Change('val_dataloader.dataset.data_root', "'data/synth'", repr(str(work.parent))) in facts.changes
    names = [change.name for change in facts.changes]
    assert len(names) == len(set(names)) and not any('rpn_head.type' in name for name in names)
    assert not {'train_pipeline', 'work_dir', 'launcher'} & {name.split('[')[0] for name in names}


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.py')), ids=lambda path: path.stem)
def test_every_config_has_a_readable_base(path, tmp_path):
    Config.fromfile(path, import_custom_modules=False).dump(tmp_path / path.name)
    facts = run_facts(tmp_path)
    assert facts.notes == [] and facts.base == base_names(path) and facts.changes


def test_a_config_that_is_not_of_the_project(tmp_path):
    (tmp_path / 'mine.py').write_text('seed = 3\nrandomness = dict(seed=5)\n')
    facts = run_facts(tmp_path)
    assert (facts.seed, facts.base, facts.changes) == (5, [], [])
    assert facts.notes[0].startswith(f'The config is not shown as a difference from its base: {CONFIGS}/mine.py cannot')


def test_randomness_that_is_no_dict_has_no_seed(tmp_path):
    (tmp_path / 'mine.py').write_text('randomness = [5]')
    assert run_facts(tmp_path).seed is None


def test_a_broken_config(tmp_path):
    (tmp_path / 'mine.py').write_text('seed = \n')
    facts = run_facts(tmp_path)
    assert 'mine.py: is no dumped config (invalid syntax' in facts.notes[0]
    assert facts.config_text == 'seed = \n'


def test_a_config_is_not_run(tmp_path):
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (tmp_path / 'mine.py').write_text(text)
    facts = run_facts(tmp_path)
    assert 'mine.py: is no dumped config (line 1 ' in facts.notes[0] and facts.config_text == text
    assert not (tmp_path / 'ran').exists()


def test_an_empty_work_dir(tmp_path):
    facts = run_facts(tmp_path)
    assert facts.notes == [f'{tmp_path} holds no config.']
    assert (facts.config_name, facts.environment, facts.sessions) == (None, {}, [])
    assert config_file(tmp_path) is None


def test_the_newest_config_counts(tmp_path):
    for age, name in enumerate(('b.py', 'a.py', 'c.py')):
        (tmp_path / name).write_text('')
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / 'folder.py').mkdir()
    (tmp_path / 'gone.py').symlink_to(tmp_path / 'nowhere')
    assert config_file(tmp_path) == tmp_path / 'b.py'


def test_the_times_of_a_long_log(work):
    log = work / '20260101_080000' / '20260101_080000.log'
    old = log.read_text()
    log.write_text(old.replace('System environment:', 'x' * 99 + '\n' + 'middle\n' * 60_000))
    assert run_facts(work).sessions[0] == '2026-01-01 08:00:00 to 2026-01-01 09:30:05 (1:30:05 h)'
    log.write_text('2026/13/45 08:00:00 - mmengine - no time')
    assert len(run_facts(work).sessions) == 1
    log.write_text(old)


def test_base_names(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text("x = 1\n_base_ = './b.py'\n")
    assert base_names(path) == ['./b.py']
    path.write_text('x = 1\n')
    with pytest.raises(UserError, match='has no base'):
        base_names(path)


def test_changed_added_and_removed_settings():
    base = {'model': {'type': 'A', 'width': 64, 'gone': 1}, 'same': [1, 2]}
    own = {'model': {'type': 'A', 'width': 32, 'new': 'x'}, 'same': [1, 2], 'seed': 0}
    assert config_changes(base, own) == [
        Change('model.width', '64', '32'),
        Change('model.gone', '1', None),
        Change('model.new', None, "'x'"),
        Change('seed', None, '0'),
    ]


def test_equal_configs_have_no_changes():
    config = {'a': [{'type': 'B', 'c': (1, 2)}]}
    assert config_changes(config, {'a': [{'c': (1, 2), 'type': 'B'}]}) == []


def test_lists_of_one_length_are_compared_item_by_item():
    base, own = {'p': [{'type': 'A', 'x': 1}, {'type': 'B'}]}, {'p': [{'type': 'A', 'x': 2}, {'type': 'B'}]}
    assert config_changes(base, own) == [Change('p[0].x', '1', '2')]
    assert config_changes({'p': [1]}, {'p': [1, 2]}) == [Change('p', '[1]', '[1, 2]')]


def test_dicts_of_different_type_are_replaced_whole():
    base, own = {'data': {'type': 'A', 'x': 1}}, {'data': {'x': 1, 'y': 2, 'type': 'B'}}
    assert config_changes(base, own) == [Change('data', "{'type': 'A', 'x': 1}", "{'type': 'B', 'x': 1, 'y': 2}")]


def test_a_variable_is_compared_where_it_is_used():
    base = {'scale': (1, 2), 'test': {'scale': (1, 2)}}
    own = {'scale': (3, 4), 'pipeline': [{'type': 'A'}], 'test': {'scale': (3, 4), 'pipeline': [{'type': 'A'}]}}
    names = [change.name for change in config_changes(base, own)]
    assert names == ['scale', 'test.scale', 'test.pipeline']
    # two settings that are alike are none
    assert len(config_changes({}, {'val': [{'type': 'A'}], 'test': [{'type': 'A'}]})) == 2
