"""custom/class_map.py: labels are explained, not guessed."""

from pathlib import Path

import pytest

from custom.class_map import meanings, parse_classes
from custom.errors import UserError


def test_pairs():
    said = ['ten=0', 'digit_5=5', ' house number =none', 'a=b=3']
    assert parse_classes(said) == {'ten': 0, 'digit_5': 5, 'house number': None, 'a=b': 3}
    assert parse_classes([]) == {}


@pytest.mark.parametrize('pair', ['ten', 'ten=', 'ten=10', 'ten=x', '=', 'ten=-1', 'ten=٣'])
def test_a_pair_that_is_none_is_refused(pair):
    with pytest.raises(UserError, match=r'wanted is NAME=DIGIT'):
        parse_classes([pair])


def test_a_name_is_given_once():
    with pytest.raises(UserError, match="'ten' is there twice"):
        parse_classes(['ten=0', 'ten=1'])


def test_digits_mean_themselves_unless_the_map_says_otherwise():
    known = meanings(Path('x'), [('7', 'a'), ('10', 'b')], {'10': 0, '7': 1})
    assert known['10'] == 0 and known['7'] == 1 and known['3'] == 3


def test_an_unknown_label_is_explained():
    labels = [('digit_5', 'a.txt line 1'), ('ten', 'a.txt line 2'), ("it's 5", 'b.txt line 1'), ('ten', 'b.txt line 3')]
    with pytest.raises(UserError) as caught:
        meanings(Path('mine'), labels, {'digit_5': 5})
    assert str(caught.value) == (
        'mine: labels that are no digit: "it\'s 5" (1 boxes; first: b.txt line 1), '
        "'ten' (2 boxes; first: a.txt line 2); say which digit each one means, by --classes "
        """'it'"'"'s 5'=DIGIT ten=DIGIT (or =none: such boxes are left out)"""
    )


def test_whole_numbers_as_labels_do_not_fill_the_screen():
    with pytest.raises(UserError, match='and 180 more; say') as caught:
        meanings(Path('mine'), [(str(i), 'a') for i in range(200)] + [('5', 'a')], {})
    assert len(str(caught.value)) < 1000
