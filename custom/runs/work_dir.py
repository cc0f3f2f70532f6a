"""The work dir of a training: one training at a time, and no finished run is overwritten."""

import contextlib
import errno
import os
import shutil
import socket
from pathlib import Path

from ..utils.errors import UserError
from ..utils.files import real_path, remove_leftovers
from ..utils.messages import say
from .checkpoint_files import checkpoints

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = '.training.lock'


class WorkDir:
    """A work dir that is claimed by a training, see `claim`.

    Args:
        path: the folder, which need not exist.

    Raises:
        UserError: the folder cannot be made, or `path` is a file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self._lock: int | None = None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.leave_nothing()
            raise UserError(f'{path}: cannot be made ({error.strerror}); choose another --work-dir') from error

    def claim(self, resumed: str | os.PathLike | None = None) -> None:
        """Take the lock of the folder, and remove temporary files of killed trainings.

        The lock is a POSIX record lock: the system releases it with the end of the process, worker processes do not
        inherit it, and it holds between machines that share the folder by NFS.

        Args:
            resumed: the checkpoint that the training resumes from. Defaults to None, a new training.

        Raises:
            UserError: another training has the lock, or the folder holds a run that is not the one of `resumed`.
        """
        self._take_lock()
        remove_leftovers(self.path)
        held = checkpoints(self.path)
        if held and (resumed is None or real_path(resumed).parent != real_path(self.path)):
            own = 'a trained run' if resumed is None else f'another run than that of {resumed}'
            way_out = 'continue it by --resume, or choose another --work-dir'
            raise UserError(f'{self.path}: holds {own} ({held[0].name}): {way_out}')

    def _take_lock(self) -> None:
        lock = self.path / LOCK
        try:
            while self._lock is None:
                opened = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
                if fcntl is not None:
                    try:
                        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError as error:
                        holder = os.read(opened, 200).decode(errors='replace')
                        os.close(opened)
                        if error.errno in (errno.EACCES, errno.EAGAIN):
                            way_out = 'wait for its end, or choose another --work-dir'
                            raise UserError(
                                f'{self.path}: another training writes here ({holder}): {way_out}'
                            ) from None
                        say(
                            f'note: {lock}: cannot be locked ({error.strerror}): start no other training in this folder'
                        )
                        return
                with contextlib.suppress(FileNotFoundError):  # its holder has ended and removed it
                    if os.path.samestat(os.fstat(opened), lock.stat()):
                        self._lock = opened
                        continue
                os.close(opened)
            os.ftruncate(self._lock, 0)
            os.write(self._lock, f'process {os.getpid()} on {socket.gethostname()}'.encode())
        except OSError as error:
            raise UserError(f'{self.path}: cannot write here ({error.strerror}); choose another --work-dir') from error

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink()
            os.close(self._lock)
            self._lock = None

    def leave_nothing(self, *folders: str | os.PathLike) -> None:
        """Release the lock; remove `folders`, and the work dir and its parents if they were made here and are empty."""
        self.release()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            for folder in self._made:
                if folder.exists():
                    folder.rmdir()
