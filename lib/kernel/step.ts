import { outerHeader } from "../outer_header.ts";
import type {
  AddressRequest,
  Element,
  KernelRequest,
  KeyPart,
  LinkRequest,
  OuterRequest,
} from "../requests.ts";

/** One change of the kernel. */
export interface Step {
  /** What an administrator would type after `ip` or `nft`. */
  readonly line: string;
  /** The same for the kernel's own ears; null: only a program can say it. */
  readonly request: KernelRequest | null;
}

/** A step that takes a program. */
export function command(line: string): Step {
  return { line, request: null };
}

/** A step that takes none. Hardly anybody reads its line, which is made when it is read. */
export function stepOf(request: KernelRequest): Step {
  return {
    get line() {
      return lineOf(request);
    },
    request,
  };
}

function lineOf(request: KernelRequest): string {
  switch (request.kind) {
    case "elements": {
      const { verb, table, set, elements } = request;
      return `${verb} element ip ${table} ${set} { ${elements.map(elementWords).join(", ")} }`;
    }
    case "new link": {
      const { device, mtu, outer } = request;
      const link = outer.link === null ? "" : ` dev ${outer.link}`;
      return `link add name ${device} mtu ${mtu} type ipip ${outerWords(outer)} mode ipip${link}`;
    }
    case "link":
      return `link set dev ${request.device}${linkWords(request)}`;
    case "address":
      return `address ${request.verb} ${addressWords(request)}`;
    case "route": {
      const { verb, network, device, protocol } = request;
      return `route ${verb} ${network} dev ${device} proto ${protocol}`;
    }
    case "local route":
      return `route ${request.verb} local ${request.ip} dev ${request.device} proto kernel table local`;
    case "fou": {
      const { verb, local, device } = request;
      const deviceWords = device === null ? "" : ` dev ${device}`;
      return `fou ${verb} port ${local.port} ipproto 4 local ${local.ip}${deviceWords}`;
    }
  }
}

/** `nft` takes at most eight digits before a unit: milliseconds alone would end at 27 hours. */
function elementWords({ key, timeout, value }: Element): string {
  const timeoutWords = timeout === null ? "" : ` timeout ${Math.floor(timeout / 1000)}s${timeout % 1000}ms`;
  return key.map(partWord).join(" . ") + timeoutWords + (value === null ? "" : ` : ${value}`);
}

function partWord(part: KeyPart): string {
  if (typeof part !== "object") return `${part}`;
  if ("word" in part) return `${part.word}`;
  return "device" in part ? `"${part.device}"` : part.network;
}

/** Each follows a space. */
function linkWords({ mtu, alias, outer, isUp }: LinkRequest): string {
  return (mtu === null ? "" : ` mtu ${mtu}`) + (alias === null ? "" : ` alias ${alias}`) +
    (isUp === null ? "" : " up") + (outer === null ? "" : ` type ipip ${outerWords(outer)}`);
}

function addressWords({ verb, ip, peerIp, device, scope }: AddressRequest): string {
  if (peerIp !== null) return `${ip} peer ${peerIp} dev ${device}`;
  return `${ip}/32 dev ${device}${verb === "add" ? ` scope ${scope}` : ""}`;
}

/** All words are given: `ip` leaves what is not named as it is, and swaps the bytes of ports that are not. */
function outerWords(
  { remote, local, ttl, tos, pmtudisc, fwmark, checksum }: OuterRequest,
): string {
  return `remote ${remote.ip} local ${local.ip} ${outerHeader(ttl, tos, pmtudisc)} fwmark ${fwmark} ` +
    `encap fou encap-sport ${local.port} encap-dport ${remote.port} ${
      checksum ? "encap-csum" : "noencap-csum"
    }`;
}
