import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../lib/errors.ts";

Deno.test("IpipouError has a message of one line, whatever it was made of", () => {
  const { message } = new IpipouError("Cannot run 'x': a\nb\r\t\x1b[2J\u2028", EXIT.failure);
  assert.equal(message, "Cannot run 'x': a\\u000ab\\u000d\\u0009\\u001b[2J\\u2028");
});
