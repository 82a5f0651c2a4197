import { askKernel } from "./dump.ts";
import { NETLINK } from "./descriptors.ts";
import { familiesRequest, parseFamilyName } from "./fou_messages.ts";
import { Libc } from "./libc.ts";

/** Lists the families of generic netlink that the kernel has, without loading a module. @throws {SysError} */
export function listFamilies(): ReadonlySet<string> {
  using libc = new Libc();
  const work = "the kernel's families of generic netlink";
  const found = askKernel(
    libc,
    NETLINK.generic,
    work,
    (asker) => asker.ask(familiesRequest(), parseFamilyName),
  );
  return new Set(found);
}
