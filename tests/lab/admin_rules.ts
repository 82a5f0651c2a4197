/** A ruleset of an admin, in the form of the examples of nftables. It lets in UDP port 10001 and the device ipipou1. */
export const ADMIN_RULES = `table inet fw {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state invalid drop
    ct state { established, related } accept
    iif lo accept
    udp dport 10001 accept
    iifname ipipou1 accept
  }
  chain forward { type filter hook forward priority filter; policy drop; }
}`;
