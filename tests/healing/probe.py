"""Looks at a tunnel from inside, all the time. Times are in milliseconds of Unix time.

  probe.py serve                    sends back datagrams to PORT and bytes of connections, until it is killed
      stranger TIME                 a datagram to STRANGERS_PORT came in
  probe.py flow IP PER_SECOND       sends numbered datagrams
      back NUMBER SENT BACK         one came back
  probe.py tcp IP PER_SECOND        sends numbers over one connection, each once the one before came back
      back NUMBER SENT BACK         one came back
      broken TIME WHY               the connection did not survive
  probe.py stranger IP PER_SECOND   sends datagrams to STRANGERS_PORT
"""
import itertools
import selectors
import socket
import struct
import sys
import threading
import time

PORT = 7100
STRANGERS_PORT = 7101
NUMBER = struct.Struct("!Id")
# Longer than any heal: only a reset, or an error that the kernel tells, ends a connection.
SECONDS = 300


def now():
    return time.time() * 1000


def say(*words):
    print(*(f"{word:.0f}" if isinstance(word, float) else word for word in words), flush=True)


def echo(connection):
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=echo, args=[connection], daemon=True).start()


def bound(port):
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    datagrams.bind(("", port))
    return datagrams


def serve():
    listener = socket.create_server(("", PORT))
    threading.Thread(target=accept, args=[listener], daemon=True).start()
    friends, strangers = bound(PORT), bound(STRANGERS_PORT)
    selector = selectors.DefaultSelector()
    for each in friends, strangers:
        selector.register(each, selectors.EVENT_READ)
    say("serving")
    while True:
        for key, _ in selector.select():
            try:
                data, sender = key.fileobj.recvfrom(64)
                if key.fileobj is strangers:
                    say("stranger", now())
                else:
                    friends.sendto(data, sender)
            except OSError:
                pass


def beats(rate):
    """Numbers, one at each time one is due. Who is late goes on from there: a burst would overflow what receives it."""
    due = time.monotonic()
    for number in itertools.count():
        time.sleep(max(0, due - time.monotonic()))
        yield number
        due = max(due + 1 / rate, time.monotonic())


def receive(flow):
    while True:
        try:
            data = flow.recv(64)
        except OSError:
            continue
        number, sent = NUMBER.unpack(data)
        say("back", number, sent, now())


def send(address, port, rate, answered):
    flow = socket.socket(type=socket.SOCK_DGRAM)
    flow.bind(("", 0))
    if answered:
        threading.Thread(target=receive, args=[flow], daemon=True).start()
    for number in beats(rate):
        try:
            flow.sendto(NUMBER.pack(number, now()), (address, port))
        except OSError:
            # No route, no address, refused by a firewall: as good as lost.
            pass


def stay(address, rate):
    with socket.create_connection((address, PORT), SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(SECONDS)
        try:
            for number in beats(rate):
                sent = now()
                connection.sendall(NUMBER.pack(number, sent))
                data = connection.recv(NUMBER.size, socket.MSG_WAITALL)
                if NUMBER.unpack(data) != (number, sent):
                    raise OSError("other bytes came back")
                say("back", number, sent, now())
        except (OSError, struct.error) as error:
            say("broken", now(), error)
            sys.exit(1)


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "tcp":
    stay(sys.argv[2], float(sys.argv[3]))
else:
    is_flow = sys.argv[1] == "flow"
    send(sys.argv[2], PORT if is_flow else STRANGERS_PORT, float(sys.argv[3]), is_flow)
