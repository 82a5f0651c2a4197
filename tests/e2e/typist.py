"""Runs a command in a pseudo-terminal of 24 lines and 100 columns, and types when it has shown something.

Arguments: pairs of TEXT KEYS, then -- and the command. Once TEXT has been shown, KEYS are typed (with \\r, \\x1b and the
like written so). Prints all that was shown. Ends as the command does; with 99 if it takes longer than a minute.
"""
import fcntl, os, pty, select, struct, sys, termios, time

end = sys.argv.index("--")
words = sys.argv[1:end]
steps = [(words[i].encode(), words[i + 1].encode().decode("unicode_escape").encode()) for i in range(0, len(words), 2)]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
shown = b""
since = 0
deadline = time.monotonic() + 60
while True:
    if time.monotonic() > deadline:
        os.kill(pid, 9)
        sys.stdout.buffer.write(shown)
        sys.exit(99)
    if not select.select([fd], [], [], 1)[0]:
        continue
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
    while steps and steps[0][0] in shown[since:]:
        os.write(fd, steps.pop(0)[1])
        since = len(shown)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
