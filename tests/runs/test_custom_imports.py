"""The modules that a config names in `custom_imports`."""

import sys

import pytest

from custom.runs.custom_imports import custom_imports, import_custom_modules


@pytest.mark.parametrize(
    ('content', 'names'),
    [
        ({}, []),
        ({'custom_imports': {'imports': ['a', 'b'], 'allow_failed_imports': False}}, ['a', 'b']),
        ({'custom_imports': {'imports': 'a'}}, ['a']),
        ({'custom_imports': ('a',)}, ['a']),
    ],
)
def test_every_form_is_read(content, names):
    assert custom_imports(content) == names


def test_modules_are_imported(tmp_path, monkeypatch):
    (tmp_path / 'my_digits.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    import_custom_modules({'custom_imports': {'imports': ['my_digits', 'custom.structures.digits']}})
    assert {'my_digits', 'custom.structures.digits'} <= sys.modules.keys()
