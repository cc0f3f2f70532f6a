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
    whole = {'state_dict': {}, 'meta': {}, 'message_hub': {}, 'optimizer': {}, 'param_schedulers': []}
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


def test_an_exit_code_is_passed_on():
    with pytest.raises(SystemExit) as end:
        parser.run_tool(lambda: 1)
    assert end.value.code == 1
