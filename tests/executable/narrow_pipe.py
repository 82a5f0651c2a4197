"""Runs a program whose standard output takes little at a time, and fails where it would have to wait. Prints what came.

  narrow_pipe.py PROGRAM [ARGUMENT...]
"""
import fcntl
import os
import subprocess
import sys

F_SETPIPE_SZ = 1031

reading, writing = os.pipe()
fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
os.set_blocking(writing, False)
child = subprocess.Popen(sys.argv[1:], stdout=writing)
os.close(writing)
while part := os.read(reading, 512):
    sys.stdout.buffer.write(part)
sys.exit(child.wait())
