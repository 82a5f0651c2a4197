import assert from "node:assert/strict";
import { describeSendFault } from "../../../lib/daemon/send_fault.ts";
import { type ErrorCode, FakeSysError } from "../fake/sys_error.ts";

const say = (code: ErrorCode, link: string | null = "eth0", call = "sendto") =>
  describeSendFault(
    new FakeSysError("send to 192.0.2.1", call, code),
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
  assert.equal(say("EHOSTUNREACH"), say("ENETUNREACH"));
  assert.equal(say("ENODEV"), "…; this host needs the device again");
  assert.match(say("EPERM"), /; a firewall of this host drops it/);
  for (const other of [say("EPERM", null, "socket"), say("EMSGSIZE")]) assert.equal(other, "…");
});
