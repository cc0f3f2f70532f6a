"""docs/new_variant.md, run from top to bottom in a fresh clone."""

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.project import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PAGE = ROOT / 'docs/new_variant.md'
BLOCK = re.compile(r'^```(python|text|bash)\n(.*?)^```\n', re.MULTILINE | re.DOTALL)


def clone(folder: Path) -> Path:
    """Copy the project's files, without what git ignores."""
    git = ['git', '-C', str(ROOT), 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    for name in subprocess.run(git, capture_output=True, text=True, check=True).stdout.split('\0'):
        if name and (ROOT / name).is_file() and not name.startswith(('weights/', 'findings/')):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def steps() -> list[tuple[str, str, str]]:
    """List the page's blocks: the language, the sentence before the block, and the block."""
    text, found, end = PAGE.read_text(), [], 0
    for match in BLOCK.finditer(text):
        found.append((match[1], ' '.join(text[end : match.start()].split('\n\n')[-2].split()), match[2]))
        end = match.end()
    return found


def edit(root: Path, sentence: str, block: str) -> None:
    """Do what the last sentence before a block says: write a file, add in alphabetical order, add a row, or append."""
    order = re.findall('Write|Add the name|Add an import|Add a row|Append', sentence)[-1]
    paths = re.findall(r'`((?:configs|custom|tests)/[\w/]+\.py)`', sentence)
    path = root / paths[-1]
    if order == 'Write':
        assert not path.exists()
        path.write_text(block)
        return
    lines = path.read_text().splitlines(keepends=True)
    if order == 'Add the name':
        text = ''.join(lines)
        start = text.index('[', text.index('__all__: list[str] = ') + 20)
        names = sorted([*ast.literal_eval(text[start:]), *ast.literal_eval(block)])
        lines = [text[:start], '[\n', *(f'    {name!r},\n' for name in names), ']\n']
    elif order == 'Add an import':
        imports = [i for i, line in enumerate(lines) if line.startswith('from .') and line < block]
        lines.insert(imports[-1] + 1, block)
    elif order == 'Add a row':
        lines.insert(lines.index('REGISTRIES = {\n') + 1, block)
    else:
        lines += ['\n', block]
    path.write_text(''.join(lines))


def fork_server(root: Path):
    """The server of tests/helpers/forks.py, of the clone: its forks import the clone's `custom`."""
    spec = importlib.util.spec_from_file_location('forks_of_clone', root / 'tests/helpers/forks.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SERVER


def test_the_page_runs(tmp_path):
    root = clone(tmp_path / 'clone')
    server = fork_server(root)
    env = {key: value for key, value in os.environ.items() if not key.startswith('PYTEST')}
    printed = {}
    try:
        for language, sentence, block in steps():
            if language != 'bash':
                edit(root, sentence, block)
                if server.process and 'Write' not in sentence:  # it may have imported the file that changed
                    server.stop()
                    server = fork_server(root)
                continue
            for line in block.replace('\\\n', ' ').splitlines():
                python, *words = shlex.split(line)
                assert python == 'python'
                script = spec_of_pytest() if words[:2] == ['-m', 'pytest'] else root / words[0]
                arguments = words[2:] if words[0] == '-m' else words[1:]
                (code,), (out,), (err,) = server.run([script, *arguments], [root], [env], 300)
                assert code == 0, f'{line}\n{out}\n{err}'
                printed[line] = out
    finally:
        if server.process:
            server.stop()
    (flops,), (trained,), (tested,) = (
        [out for line, out in printed.items() if word in line] for word in ('get_flops', 'train.py', 'pytest')
    )
    assert 'Params: 2.' in flops  # digits_frcnn_lite has 1.7 million
    assert 'training on ' in trained
    assert list((root / 'work_dirs/digits_frcnn_lite_wide').glob('best_count_right_*.pth'))
    assert ' passed' in tested and 'failed' not in tested
    lint = [sys.executable, '-m', 'ruff', 'check', '--no-cache', 'configs', 'custom', 'tests']
    linted = subprocess.run(lint, cwd=root, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


def spec_of_pytest() -> Path:
    """The script that `python -m pytest` runs."""
    return Path(importlib.util.find_spec('pytest').origin).with_name('__main__.py')
