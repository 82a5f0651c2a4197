import assert from "node:assert/strict";
import { describeSendFault } from "../../../lib/daemon/send_fault.ts";
import { FakeSysError } from "../fake/sys_error.ts";

const say = (code: "ENETUNREACH" | "EADDRNOTAVAIL" | "EPERM" | "EMSGSIZE", link: string | null = "eth0") =>
  describeSendFault(
    new FakeSysError("send to 192.0.2.1", "sendto", code),
    { ip: "10.0.0.2", link },
    "192.0.2.1",
  )
    .replace(/^Cannot send to 192\.0\.2\.1: \w+ \([^)]*\)/, "…");

Deno.test("describeSendFault() says what to do about what the kernel says", () => {
  assert.equal(
    say("ENETUNREACH"),
    "…; this host needs a route there: ip route get 192.0.2.1 from 10.0.0.2 oif eth0",
  );
  assert.equal(
    say("ENETUNREACH", null),
    "…; this host needs a route there: ip route get 192.0.2.1 from 10.0.0.2",
  );
  assert.equal(say("EADDRNOTAVAIL"), "…; this host needs the address 10.0.0.2 again");
  assert.match(say("EPERM"), /; a firewall of this host drops it/);
});
