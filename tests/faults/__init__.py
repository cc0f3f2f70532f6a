"""Campaign of faults on whole runs: `make faults`.

Each module of SECTIONS is a section. Its `faults()` lists the faults of the section. A fault is survived if its check
raises nothing.
"""

SECTIONS = ('kills', 'writers', 'streams', 'hostile', 'twice', 'processes', 'resume', 'soak')
