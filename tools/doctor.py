"""Check of the installation on this machine, with a remedy for each problem."""

import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.commands.parser import ToolParser, run_tool

EXAMPLES = """Exit code 1 if something would fail. Paste the whole output into a bug report.

examples:
  python tools/doctor.py
  python tools/doctor.py --data ROOT"""


def main() -> int:
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument('--data', metavar='ROOT', help='also check a data set: its train.json, valid.json and photos')
    args = parser.parse_args()

    from custom.commands.doctor import examine
    from custom.runs.environment import commit

    print(f'commit {commit()} on {platform.platform()}')
    wrong = 0
    for finding in examine(args.data):
        print(finding, flush=True)
        wrong += finding.level == 'wrong'
    print(f'{wrong} things to mend' if wrong else 'nothing to mend')
    return int(wrong > 0)


if __name__ == '__main__':
    run_tool(main)
