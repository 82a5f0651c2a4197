import assert from "node:assert/strict";
import { EXIT, IpipouError, reasonOf } from "../../lib/errors.ts";

Deno.test("IpipouError has a message of one line, whatever it was made of", () => {
  const { message } = new IpipouError("Cannot run 'x': a\nb\r\t\x1b[2J\u2028", EXIT.failure);
  assert.equal(message, "Cannot run 'x': a\\u000ab\\u000d\\u0009\\u001b[2J\\u2028");
});

Deno.test("reasonOf() says where the executable may write, and not how to compile another", () => {
  const error = new Deno.errors.NotCapable(
    'Requires write access to "/tmp/x", specify the required permissions during compilation',
  );
  assert.equal(
    reasonOf(error),
    "this program may not write /tmp/x, but below /etc/ipipou, /var/lib/ipipou and /run/ipipou",
  );
});
