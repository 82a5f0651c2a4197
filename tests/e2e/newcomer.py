"""Comes to a server as clients that are new there, and as one that moves.

  newcomer.py SERVER_IP:PORT KEYS SECRET NETWORK ROAMER_IP TRIES SECONDS

KEYS names a file with a private key in base64 on each line. With the first one it authenticates from new ports of
ROAMER_IP, with each other one from another address of NETWORK ("100.66.0."), by turns, each until it is answered: TRIES
times at most, SECONDS apart. Prints a line for each: "new" or "moved", how many tries it took, and milliseconds from the
first packet to the answer; 0 tries: there was none.
"""
import random
import socket
import sys
import time

from auth_packet import endpoint, signed

PAUSE = 0.1


def authenticate(source, destination, key, secret, tries, seconds):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((source, random.randrange(20000, 60000)))
        udp.settimeout(seconds)
        start = time.monotonic()
        for count in range(1, tries + 1):
            udp.sendto(signed(key, secret, hinted=True), destination)
            try:
                udp.recv(2048)
            except TimeoutError:
                continue
            return count, (time.monotonic() - start) * 1000
    return 0, 0


def main():
    to, path, secret, network, roamer, tries, seconds = sys.argv[1:]
    with open(path) as file:
        first, *keys = file.read().split()
    for number, key in enumerate(keys):
        rest = (endpoint(to), secret, int(tries), float(seconds))
        for kind, who, source in (("new", key, f"{network}{number + 1}"), ("moved", first, roamer)):
            count, passed = authenticate(source, rest[0], who, *rest[1:])
            print(kind, count, round(passed, 2), flush=True)
            time.sleep(PAUSE)


main()
