import type { Outside } from "../kernel/member.ts";

/**
 * Says why an auth packet could not be sent, and what to do about it where that is known.
 *
 * @param error from a raw socket
 * @param to IPv4 address
 */
export function describeSendFault(
  error: Error & { readonly code?: string; readonly call?: string },
  { ip, link }: Pick<Outside, "ip" | "link">,
  to: string,
): string {
  const cure = cureOf(error, `ip route get ${to} from ${ip}${link === null ? "" : ` oif ${link}`}`, ip);
  return cure === null ? error.message : `${error.message}; ${cure}`;
}

function cureOf(
  { code, call }: { readonly code?: string; readonly call?: string },
  look: string,
  ip: string,
): string | null {
  switch (code) {
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return `this host needs a route there: ${look}`;
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
