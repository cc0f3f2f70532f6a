import os
import time

import pytest

from custom.runs.checkpoint_files import best_checkpoint, last_checkpoint
from custom.utils.errors import UserError


def test_the_last_checkpoint_of_a_moved_work_dir(tmp_path):
    assert last_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('/where/it/was/epoch_3.pth')
    assert last_checkpoint(tmp_path) is None
    (tmp_path / 'epoch_3.pth').touch()
    assert last_checkpoint(tmp_path) == tmp_path / 'epoch_3.pth'


@pytest.mark.parametrize('content', [b'\xff\xfe\x00epoch_3.pth', b'x' * 5000])
@pytest.mark.parametrize('find', [last_checkpoint, best_checkpoint])
def test_a_damaged_pointer_is_named_in_the_error(tmp_path, content, find):
    (tmp_path / 'last_checkpoint').write_bytes(content)
    with pytest.raises(UserError, match=r'last_checkpoint: does not name a checkpoint \(.*\); write the name'):
        find(tmp_path)


def test_the_best_checkpoint_is_the_newest_best_else_the_last(tmp_path):
    with pytest.raises(UserError, match='holds no checkpoint'):
        best_checkpoint(tmp_path)
    (tmp_path / 'last_checkpoint').write_text('epoch_3.pth')
    (tmp_path / 'epoch_3.pth').touch()
    assert best_checkpoint(tmp_path).name == 'epoch_3.pth'
    for age, name in ((10, 'best_x_epoch_9.pth'), (5, 'best_x_epoch_10.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert best_checkpoint(tmp_path).name == 'best_x_epoch_10.pth'
