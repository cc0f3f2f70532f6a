from custom.config_diff import Change, config_changes


def test_changed_added_and_gone():
    base = {'model': {'type': 'A', 'width': 64, 'gone': 1}, 'same': [1, 2]}
    own = {'model': {'type': 'A', 'width': 32, 'new': 'x'}, 'same': [1, 2], 'seed': 0}
    assert config_changes(base, own) == [
        Change('model.width', '64', '32'),
        Change('model.gone', '1', None),
        Change('model.new', None, "'x'"),
        Change('seed', None, '0'),
    ]


def test_nothing_differs():
    config = {'a': [{'type': 'B', 'c': (1, 2)}]}
    assert config_changes(config, {'a': [{'c': (1, 2), 'type': 'B'}]}) == []


def test_lists_of_one_length_go_item_by_item():
    base, own = {'p': [{'type': 'A', 'x': 1}, {'type': 'B'}]}, {'p': [{'type': 'A', 'x': 2}, {'type': 'B'}]}
    assert config_changes(base, own) == [Change('p[0].x', '1', '2')]
    assert config_changes({'p': [1]}, {'p': [1, 2]}) == [Change('p', '[1]', '[1, 2]')]


def test_another_type_is_another_thing():
    base, own = {'data': {'type': 'A', 'x': 1}}, {'data': {'x': 1, 'y': 2, 'type': 'B'}}
    assert config_changes(base, own) == [Change('data', "{'type': 'A', 'x': 1}", "{'type': 'B', 'x': 1, 'y': 2}")]


def test_a_variable_is_told_where_it_is_used():
    base = {'scale': (1, 2), 'test': {'scale': (1, 2)}}
    own = {'scale': (3, 4), 'pipeline': [{'type': 'A'}], 'test': {'scale': (3, 4), 'pipeline': [{'type': 'A'}]}}
    names = [change.name for change in config_changes(base, own)]
    assert names == ['scale', 'test.scale', 'test.pipeline']
    # two settings that are alike are none
    assert len(config_changes({}, {'val': [{'type': 'A'}], 'test': [{'type': 'A'}]})) == 2
