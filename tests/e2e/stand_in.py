"""Sends single datagrams by a raw socket.

  stand_in.py send --from IP:PORT --to IP:PORT [--checksum] [PAYLOAD]

with UDP checksum 0, or a correct one. "exchange" instead of "send" waits for a reply to each and prints it as
IP:PORT HEX, followed by the time in it if it is signed with the key --verify B64 and the secret.
PAYLOAD, empty by default:

  --hex HEX | --token TEXT | --key B64 [--secret TEXT] [--time SECONDS]   and [--cut N] [--append HEX]

Many of the same: [--count N] [--rate PACKETS_A_SECOND]
"""
import argparse
import socket
import time

from auth_packet import DEFAULT_SECRET, endpoint, send, signed, verify


def payload(args):
    if args.hex is not None:
        data = bytes.fromhex(args.hex)
    elif args.token is not None:
        data = args.token.encode()
    elif args.key is not None:
        data = signed(args.key, args.secret, args.time)
    else:
        data = b""
    return data[: len(data) - args.cut] + bytes.fromhex(args.append)


def send_one(args):
    send(endpoint(args.source), endpoint(args.to), payload(args), args.ttl, args.checksum)


def send_all(args):
    start = time.monotonic()
    for number in range(args.count):
        if args.rate is not None:
            time.sleep(max(0, start + number / args.rate - time.monotonic()))
        send_one(args)


def exchange(args):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(endpoint(args.source))
        udp.settimeout(60)
        for _ in range(args.count):
            send_one(args)
            data, (ip, port) = udp.recvfrom(2048)
            stamp = f" {verify(data, args.verify, args.secret)}" if args.verify else ""
            print(f"{ip}:{port} {data.hex()}{stamp}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["send", "exchange"])
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--ttl", type=int, default=64)
    parser.add_argument("--checksum", action="store_true")
    parser.add_argument("--hex")
    parser.add_argument("--token")
    parser.add_argument("--key")
    parser.add_argument("--secret", default=DEFAULT_SECRET)
    parser.add_argument("--time", type=int)
    parser.add_argument("--cut", type=int, default=0)
    parser.add_argument("--append", default="")
    parser.add_argument("--count", type=int, default=1, help="packets to send")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--verify")
    args = parser.parse_args()
    {"send": send_all, "exchange": exchange}[args.action](args)


main()
