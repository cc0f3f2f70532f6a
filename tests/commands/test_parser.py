import sys
import threading

import pytest
import torch

from custom.commands import parser
from custom.models import checkpoints
from custom.utils.errors import UserError


def test_only_a_checkpoint_of_a_training_run_is_resumed(tmp_path, capsys):
    assert checkpoints.resume_from(tmp_path, 'auto') is None
    assert 'starting at the first epoch' in capsys.readouterr().err
    with pytest.raises(UserError, match=r'gone\.pth'):
        checkpoints.resume_from(tmp_path, str(tmp_path / 'gone.pth'))
    torch.save({'state_dict': {'weight': torch.ones(1)}, 'meta': {}}, tmp_path / 'best.pth')
    with pytest.raises(
        UserError, match=r'best\.pth: holds weights .*\(message_hub, optimizer, param_schedulers missing\)'
    ):
        checkpoints.resume_from(tmp_path, str(tmp_path / 'best.pth'))
    meta = {'epoch': 3, 'iter': 3}
    whole = {'state_dict': {}, 'meta': meta, 'message_hub': {}, 'optimizer': {}, 'param_schedulers': []}
    torch.save(whole | {'state_dict': {'weight': torch.ones(1)}}, tmp_path / 'epoch_3.pth')
    assert checkpoints.resume_from(tmp_path, str(tmp_path / 'epoch_3.pth')) == tmp_path / 'epoch_3.pth'


@pytest.mark.parametrize(
    ('error', 'code', 'said'),
    [
        (UserError('x.png: is damaged'), 2, 'error: x.png: is damaged\n'),
        (
            UserError('Caught UserError in DataLoader worker\nTrace\ncustom.errors.UserError: x.png: no'),
            2,
            'error: x.png: no\n',
        ),
        (KeyboardInterrupt(), 130, 'stopped\n'),
    ],
)
def test_errors_end_as_one_line_and_an_exit_code(capsys, error, code, said):
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        parser.run_tool(main)
    assert end.value.code == code
    assert capsys.readouterr().err == said


def test_only_the_log_of_tensorboard_fails_without_a_traceback(capsys, monkeypatch):
    class Writer(threading.Thread):
        def run(self):
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(threading, 'excepthook', parser._print_thread_error)
    for module, said in (('tensorboard.summary', False), ('mine', True)):
        monkeypatch.setattr(Writer, '__module__', module)
        thread = Writer()
        thread.start()
        thread.join()
        assert ('Traceback' in capsys.readouterr().err) == said


def test_an_exit_code_is_passed_on():
    with pytest.raises(SystemExit) as end:
        parser.run_tool(lambda: 1)
    assert end.value.code == 1


def test_an_option_given_twice_loses_nothing_in_silence(capsys):
    tool = parser.ToolParser()
    parser.add_run_arguments(tool)
    tool.add_mutually_exclusive_group().add_argument('--split', default='test')
    commands = tool.add_subparsers()
    commands.add_parser('yolo').add_argument('--classes', nargs='+', default=['a=1'])
    options = ['--cfg-options', 'a=1', 'b=2', '--cfg-options', 'c=3', '--cfg-options=d=4']
    for _ in range(2):  # a parser may be used again
        args = tool.parse_args(['c.py', *options, 'yolo', '--classes', 'x=1', '--classes', 'y=2'])
        assert args.cfg_options == ['a=1', 'b=2', 'c=3', 'd=4']
        assert args.classes == ['x=1', 'y=2']
    assert tool.parse_args(['c.py', '--split', 'x', '--split', 'x', 'yolo']).classes == ['a=1']
    assert capsys.readouterr().err == ''
    assert tool.parse_args(['c.py', '--split', 'x', '--work-dir', 'w', '--split', 'y', 'yolo']).split == 'y'
    assert capsys.readouterr().err == 'note: --split: given as x and as y; the last one holds\n'


def test_a_library_that_finds_no_memory_before_the_tool_starts_is_one_line(capsys):
    error = ImportError('libtorch_cpu.so: failed to map segment from shared object')
    sys.excepthook(ImportError, error, None)
    line = capsys.readouterr().err
    assert line.startswith('error: too little memory; ') and line.endswith(
        '(libtorch_cpu.so: failed to map segment from shared object)\n'
    )
    sys.excepthook(ImportError, ImportError('no module'), None)
    assert capsys.readouterr().err == 'ImportError: no module\n'
