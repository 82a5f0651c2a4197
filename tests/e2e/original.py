"""Stands in for either side of version 0.1: the same packets, the same `ip` commands in the same order.

  original.py client|server --local IP --tunl-ip IP --peer-ip IP [--remote IP:PORT] [OPTION]...

A client sets up its tunnel, sends one auth packet, and one more at each SIGUSR1. A server has a packet socket
instead of a netfilter queue; it makes its tunnel at the first valid packet and moves it at later ones. Each side
prints a line for each thing it does. SIGTERM removes what was made; SIGKILL leaves it, as with version 0.1.
"""
import argparse
import select
import signal
import socket
import struct
import subprocess
import time

from auth_packet import DEFAULT_SECRET, endpoint, send, signed, verify

ETH_P_IP = 0x0800


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def encap(args, remote):
    checksum = [] if args.encap is None else [args.encap]
    return ["encap", "fou", "encap-sport", str(args.port), "encap-dport", str(remote[1]), *checksum]


def listener(args):
    return ["port", str(args.port), "local", args.local, "dev", args.dev]


def create(args, remote):
    ends = ["remote", remote[0], "local", args.local]
    kind = ["mode", "ipip", "dev", args.dev]
    ip("link", "add", "name", args.name, "type", "ipip", *ends, *encap(args, remote), *kind)
    ip("fou", "add", *listener(args), "ipproto", "4")
    ip("address", "add", args.tunl_ip, "peer", args.peer_ip, "dev", args.name)
    ip("link", "set", args.name, "up")


def update(args, remote):
    ip("link", "set", args.name, "type", "ipip", "remote", remote[0], *encap(args, remote))


def delete(args):
    ip("link", "del", args.name)
    ip("fou", "del", *listener(args))


def payload(args):
    if args.token is not None:
        return args.token
    if args.key is not None:
        return signed(args.key, args.secret, time.time() + args.clock)
    return b""


def run_client(args):
    remote = endpoint(args.remote)
    create(args, remote)
    # Blocked before the first line is printed, so that no later signal is lost.
    signals = {signal.SIGUSR1, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    while True:
        send((args.local, args.port), remote, payload(args), checksum=args.checksum)
        print("sent auth packet", flush=True)
        if signal.sigwait(signals) == signal.SIGTERM:
            return delete(args)


def datagrams(args):
    """Source as (ip, port) and payload of each UDP datagram to the FOU address and port, until SIGTERM."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as packets:
        packets.bind((args.dev, ETH_P_IP))
        # A signal that arrives just before a read would not interrupt it.
        stopped, stop = socket.socketpair()
        stop.setblocking(False)
        signal.set_wakeup_fd(stop.fileno())
        signal.signal(signal.SIGTERM, lambda *_: None)
        print("waiting", flush=True)
        while stopped not in select.select([packets, stopped], [], [])[0]:
            packet, (_, _, kind, *_) = packets.recvfrom(65535)
            start = 4 * (packet[0] & 15)
            to = (socket.inet_ntoa(packet[16:20]), struct.unpack("!H", packet[start + 2:start + 4])[0])
            is_udp = kind == socket.PACKET_HOST and packet[9] == socket.IPPROTO_UDP
            if is_udp and to == (args.local, args.port):
                length = struct.unpack("!H", packet[start + 4:start + 6])[0]
                port = struct.unpack("!H", packet[start:start + 2])[0]
                yield (socket.inet_ntoa(packet[12:16]), port), packet[start + 8:start + length]


def refusal(args, data):
    """Why a datagram is not a valid auth packet; None if it is."""
    if args.token is not None:
        return None if data == args.token else "token"
    if args.pubkey is None:
        return None
    stamp = verify(data, args.pubkey, args.secret)
    if stamp is None:
        return "signature"
    off = abs(time.time() + args.clock - stamp)
    return "time" if args.max_time_discrepancy and off > args.max_time_discrepancy else None


def handle(args, last, source, data):
    """The new remote: `source` if `data` is a valid auth packet from elsewhere, else the old one."""
    if source == last:
        return last
    why = refusal(args, data)
    if why is not None:
        print(f"refused {source[0]}:{source[1]}: {why}", flush=True)
        return last
    (create if last is None else update)(args, source)
    if args.reply:
        own = args.key is not None and args.pubkey is not None
        reply = signed(args.key, args.secret, time.time() + args.clock) if own else data[::-1]
        send((args.local, args.port), source, reply)
    print(f"{'up' if last is None else 'moved'} {source[0]}:{source[1]}", flush=True)
    return source


def run_server(args):
    last = None
    for source, data in datagrams(args):
        last = handle(args, last, source, data)
    if last is not None:
        delete(args)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["client", "server"])
    parser.add_argument("--local", required=True)
    parser.add_argument("--port", type=int, default=10001)
    parser.add_argument("--dev", default="eth0")
    parser.add_argument("--remote")
    parser.add_argument("--name", default="ipipou1")
    parser.add_argument("--encap", choices=["encap-csum", "noencap-csum"])
    parser.add_argument("--tunl-ip", required=True)
    parser.add_argument("--peer-ip", required=True)
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token", type=str.encode)
    tokens.add_argument("--token-hex", dest="token", type=bytes.fromhex)
    parser.add_argument("--key")
    parser.add_argument("--pubkey")
    parser.add_argument("--secret", default=DEFAULT_SECRET)
    parser.add_argument("--clock", type=int, default=0, help="seconds its clock is ahead")
    parser.add_argument("--max-time-discrepancy", type=int, default=0)
    parser.add_argument("--reply", action="store_true")
    parser.add_argument("--checksum", action="store_true")
    args = parser.parse_args()
    {"client": run_client, "server": run_server}[args.side](args)


main()
