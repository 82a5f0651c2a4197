"""Another implementation of the auth packets, from their description alone, with libsodium (PyNaCl).

  stand_in.py send --from IP:PORT --to IP:PORT [PAYLOAD]

sends one UDP datagram by a raw socket, with UDP checksum 0; "exchange" instead of "send" waits for an answer
and prints it as IP:PORT HEX. PAYLOAD, empty by default:

  --hex HEX | --token TEXT | --key B64 [--secret TEXT] [--time SECONDS]   and [--cut N] [--append HEX]
"""
import argparse
import base64
import os
import socket
import struct
import time

from nacl.signing import SigningKey


def signed(args):
    stamp = int(time.time() if args.time is None else args.time)
    message = stamp.to_bytes(5, "big") + os.urandom(4)
    signature = SigningKey(base64.b64decode(args.key)).sign(message + args.secret.encode()).signature
    return signature + message


def payload(args):
    if args.hex is not None:
        data = bytes.fromhex(args.hex)
    elif args.token is not None:
        data = args.token.encode()
    elif args.key is not None:
        data = signed(args)
    else:
        data = b""
    return data[: len(data) - args.cut] + bytes.fromhex(args.append)


def endpoint(text):
    ip, port = text.split(":")
    return ip, int(port)


def send(args):
    (source, sport), (destination, dport) = endpoint(args.source), endpoint(args.to)
    data = payload(args)
    udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, args.ttl, socket.IPPROTO_UDP, 0) + addresses
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(ip + udp, (destination, 0))


def exchange(args):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(endpoint(args.source))
        udp.settimeout(60)
        send(args)
        data, (ip, port) = udp.recvfrom(2048)
    print(f"{ip}:{port} {data.hex()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["send", "exchange"])
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--ttl", type=int, default=64)
    parser.add_argument("--hex")
    parser.add_argument("--token")
    parser.add_argument("--key")
    parser.add_argument("--secret", default="netprickle.com")
    parser.add_argument("--time", type=int)
    parser.add_argument("--cut", type=int, default=0)
    parser.add_argument("--append", default="")
    args = parser.parse_args()
    {"send": send, "exchange": exchange}[args.action](args)


main()
