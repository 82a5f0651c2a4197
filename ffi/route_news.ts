import { outerHeader } from "../lib/outer_header.ts";
import type { DeviceChange, KernelChange } from "../lib/kernel_ports.ts";
import { Attributes } from "./attributes.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import { ADDRESS, IFA, IFF, IFLA, IFLA_INFO, IPTUN, LINK, ROUTE, RTA, RTM } from "./rtnetlink.ts";

const UNKNOWN: KernelChange = { kind: "unknown", of: "others" };

/**
 * Reads a datagram of NETLINK_ROUTE.
 *
 * @returns one change for each message, "unknown" for what cannot be read; never empty
 */
export function parseRouteNews(datagram: Uint8Array): KernelChange[] {
  return messagesIn(datagram).map((message) => message === null ? UNKNOWN : parseRouteMessage(message));
}

function parseRouteMessage({ type, body }: Message): KernelChange {
  switch (type) {
    case RTM.newLink:
    case RTM.delLink: {
      const fields = new Attributes(body, LINK.size);
      const name = fields.text(IFLA.ifname);
      return name === undefined ? UNKNOWN : deviceChange(body, fields, name, type === RTM.delLink);
    }
    case RTM.newAddress:
    case RTM.delAddress: {
      const ip = new Attributes(body, ADDRESS.size).ip(IFA.local);
      if (ip === undefined) break;
      const index = body.getUint32(ADDRESS.index, IS_LITTLE_ENDIAN);
      return { kind: "address", index, ip, isGone: type === RTM.delAddress };
    }
    case RTM.newRoute:
    case RTM.delRoute: {
      if (body.byteLength < ROUTE.size || body.getUint8(ROUTE.length) > 32) break;
      // The default route has no address.
      const ip = new Attributes(body, ROUTE.size).ip(RTA.dst) ?? "0.0.0.0";
      const network = `${ip}/${body.getUint8(ROUTE.length)}`;
      const protocol = body.getUint8(ROUTE.protocol);
      return { kind: "route", network, protocol, isGone: type === RTM.delRoute };
    }
    case RTM.newRule:
    case RTM.delRule:
      return { kind: "rule" };
  }
  return UNKNOWN;
}

function deviceChange(body: DataView, fields: Attributes, name: string, isGone: boolean): DeviceChange {
  return {
    kind: "device",
    index: body.getInt32(LINK.index, IS_LITTLE_ENDIAN),
    name,
    isGone,
    isUp: (body.getUint32(LINK.flags, IS_LITTLE_ENDIAN) & IFF.up) !== 0,
    alias: fields.text(IFLA.ifalias) ?? "",
    mtu: fields.word(IFLA.mtu) ?? 0,
    outer: outerEnds(fields.nested(IFLA.linkinfo).nested(IFLA_INFO.data)),
  };
}

/** The outer endpoints and header of a FOU tunnel; "" for other devices. */
function outerEnds(tunnel: Attributes): string {
  const [local, localPort] = [tunnel.ip(IPTUN.local), tunnel.port(IPTUN.encapSport)];
  const [remote, remotePort] = [tunnel.ip(IPTUN.remote), tunnel.port(IPTUN.encapDport)];
  if (!local || !remote || localPort === undefined || remotePort === undefined) return "";
  const byte = (type: number) => tunnel.byte(type) ?? 0;
  const header = outerHeader(byte(IPTUN.ttl), byte(IPTUN.tos), byte(IPTUN.pmtudisc) !== 0);
  return `${local}:${localPort} ${remote}:${remotePort} ${header}`;
}
