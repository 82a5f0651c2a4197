"""Runs a program whose standard output takes little at a time, and fails where it would have to wait. Prints what came.

  narrow_pipe.py slow|keen PROGRAM [ARGUMENT...]

A slow reader takes a little when it is woken, a keen one all there is, again and again, so that there is room at once.
"""
import fcntl
import os
import subprocess
import sys

F_SETPIPE_SZ = 1031

how, *command = sys.argv[1:]
reading, writing = os.pipe()
fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
os.set_blocking(writing, False)
os.set_blocking(reading, how == "slow")
child = subprocess.Popen(command, stdout=writing)
os.close(writing)
parts = []
while True:
    try:
        part = os.read(reading, 512 if how == "slow" else 65536)
    except BlockingIOError:
        continue
    if not part:
        break
    parts.append(part)
sys.stdout.buffer.write(b"".join(parts))
sys.stdout.flush()
sys.exit(child.wait())
