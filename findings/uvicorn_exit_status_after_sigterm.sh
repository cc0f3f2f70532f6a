#!/bin/sh
# A service in uvicorn that SIGTERM stops cleanly ends as if it had been killed: its own code after run() never runs.
#
# uvicorn 0.54.0. Expected: Server.run returns after the shutdown, and the process ends with 0, as it does after
# server.should_exit. Seen: after a complete shutdown, with all requests answered, uvicorn raises the signal again under
# the handler that was there before. By default that kills the process: exit status -15. A supervisor that restarts on
# failure takes it for one. With a handler of one's own, set before run(), the process ends with 0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet uvicorn==0.54.0
cd "$folder"
cat >service.py <<'PYTHON'
import signal
import sys

import uvicorn


async def app(scope, receive, send):
    assert scope['type'] == 'lifespan'
    while True:
        message = await receive()
        await send({'type': f'{message["type"]}.complete'})
        print(message['type'], flush=True)
        if message['type'] == 'lifespan.shutdown':
            return


if sys.argv[1] == 'own handler':
    signal.signal(signal.SIGTERM, lambda *_: None)
uvicorn.Server(uvicorn.Config(app, port=0, log_level='error')).run()
print('after run', flush=True)
PYTHON
venv/bin/python - <<'PYTHON'
import subprocess
import sys
import time
from importlib.metadata import version

seen = {}
for name in ('default', 'own handler'):
    process = subprocess.Popen([sys.executable, 'service.py', name], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'lifespan.startup\n'
    time.sleep(1)  # until the handlers of uvicorn are set
    process.terminate()
    lines = process.communicate(timeout=30)[0].split('\n')[:-1]
    seen[name] = process.returncode, lines
print(f'uvicorn {version("uvicorn")}:', seen)
assert seen['default'] == (-15, ['lifespan.shutdown'])
assert seen['own handler'] == (0, ['lifespan.shutdown', 'after run'])
PYTHON
