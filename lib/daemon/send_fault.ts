import type { Outside } from "../kernel/member.ts";

type SendFault = Error & { readonly code?: string; readonly call?: string };
type Way = Pick<Outside, "ip" | "link">;

/**
 * Says why an auth packet could not be sent, and what to do about it where that is known.
 *
 * @param error from a raw socket
 * @param to IPv4 address
 */
export function describeSendFault(error: SendFault, way: Way, to: string): string {
  const cure = cureOfSendFault(error, way, to);
  return cure === null ? error.message : `${error.message}; ${cure}`;
}

/** What to do about it; null: that is not known. */
export function cureOfSendFault({ code, call }: SendFault, { ip, link }: Way, to: string): string | null {
  switch (code) {
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return `this host needs a route there: ip route get ${to} from ${ip}${
        link === null ? "" : ` oif ${link}`
      }`;
    case "EADDRNOTAVAIL":
      return `this host needs the address ${ip} again`;
    case "ENODEV":
      return "this host needs the device again";
    case "EPERM":
      return call === "sendto" ? "a firewall of this host drops it: look at its output chains" : null;
    default:
      return null;
  }
}
