"""Makes the keys and sends the auth packets of many clients of one hub.

  crowd.py keys COUNT                     prints the public key of each, in base64
  crowd.py send --to IP:PORT MEMBER...    has each send one auth packet, all at once

MEMBER is NUMBER@IP:PORT, signed with that member's key; OLD/NUMBER@IP:PORT, signed as by version 0.1; or
NUMBER@IP:PORT=TOKEN. Members are read from standard input, one a line.
"""
import argparse
import base64
import hashlib
import sys

from auth_packet import endpoint, send, signed
from nacl.signing import SigningKey


def seed(number):
    return hashlib.sha256(b"member %d" % number).digest()


def packet(line, secret):
    who, _, place = line.strip().partition("@")
    number = who.removeprefix("OLD/")
    source, _, token = place.partition("=")
    if token:
        return endpoint(source), token.encode()
    key = base64.b64encode(seed(int(number)))
    return endpoint(source), signed(key, secret, hinted=number == who)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["keys", "send"])
    parser.add_argument("count", nargs="?", type=int)
    parser.add_argument("--to")
    parser.add_argument("--secret", default="crowd")
    args = parser.parse_args()
    if args.action == "keys":
        for number in range(args.count):
            print(base64.b64encode(bytes(SigningKey(seed(number)).verify_key)).decode())
        return
    # All are made before the first is sent, so that they arrive as one burst.
    for source, payload in [packet(line, args.secret) for line in sys.stdin]:
        send(source, endpoint(args.to), payload)


if __name__ == "__main__":
    main()
