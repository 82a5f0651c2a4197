import { dirname } from "node:path";
import { env } from "node:process";
import type { StatusConnection, StatusSocket } from "./ports.ts";

/** Where instances have their sockets, each in a folder of its own. A service manager may name such a folder. */
const RUN_FOLDER = "/run/ipipou";
const FOLDER_MODE = 0o755;
/** For root and the folder's group. */
const SOCKET_MODE = 0o660;
/** Instances of one name, each in a network namespace of its own, take the first path that none of the others has. */
const MOST_SOCKETS = 64;
const SOCKET_REGEXP = /^status(?:-\d{1,2})?\.sock$/;

/** Opens an instance's socket, which replaces one that a killed run left. @throws {Error} when it cannot */
export async function openStatusSocket(label: string): Promise<StatusSocket> {
  const folder = runtimeFolder() ?? `${RUN_FOLDER}/${label}`;
  Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  for (let index = 0; index < MOST_SOCKETS; index++) {
    const path = `${folder}/status${index === 0 ? "" : `-${index}`}.sock`;
    const listener = listenAt(path) ??
      (await isDeadSocket(path) ? (Deno.removeSync(path), listenAt(path)) : null);
    if (listener !== null) return new Socket(listener, path);
  }
  throw new Error(`Cannot make a socket in ${folder}: other instances have ${MOST_SOCKETS} there`);
}

/** Paths of the sockets that instances have or left. */
export function listStatusSockets(): string[] {
  const own = runtimeFolder();
  const folders = own === null ? namesIn(RUN_FOLDER).map((name) => `${RUN_FOLDER}/${name}`) : [own];
  return folders.flatMap((folder) =>
    namesIn(folder).filter((name) => SOCKET_REGEXP.test(name)).map((name) => `${folder}/${name}`)
  ).sort();
}

/** Connects to an instance's socket. @returns null: nobody is there @throws {Error} when it may not */
export async function connectStatusSocket(path: string): Promise<StatusConnection | null> {
  try {
    return connectionOf(await Deno.connect({ transport: "unix", path }));
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) throw error;
    return null;
  }
}

/** The folder that a service manager made for this instance. */
function runtimeFolder(): string | null {
  return env["RUNTIME_DIRECTORY"]?.split(":")[0] || null;
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** @returns null: there is one already @throws {Error} */
function listenAt(path: string): Deno.UnixListener | null {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
    throw error;
  }
}

/** Whether a socket is there, and nobody at it: a killed run left it. */
export async function isDeadSocket(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return false;
  } catch (error) {
    // So the kernel says of a file that is no socket, too.
    return error instanceof Deno.errors.ConnectionRefused && Deno.lstatSync(path).isSocket === true;
  }
}

/** Lets root and the group of its folder use a socket, as far as this process may say that. */
export function shareSocket(path: string): void {
  try {
    Deno.chmodSync(path, SOCKET_MODE);
    Deno.chownSync(path, null, Deno.statSync(dirname(path)).gid);
  } catch {
    // Its owner can use it.
  }
}

class Socket implements StatusSocket {
  readonly #listener: Deno.UnixListener;
  readonly #path: string;

  constructor(listener: Deno.UnixListener, path: string) {
    this.#listener = listener;
    this.#path = path;
    shareSocket(path);
  }

  async accept(): Promise<StatusConnection | null> {
    try {
      return connectionOf(await this.#listener.accept());
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return null;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    try {
      Deno.removeSync(this.#path);
    } catch {
      // The service manager may have taken the folder away.
    }
  }
}

function connectionOf(connection: Deno.UnixConn): StatusConnection {
  let isOpen = true;
  return {
    read: (into) => connection.read(into),
    write: (bytes) => connection.write(bytes),
    [Symbol.dispose]: () => {
      if (isOpen) connection.close();
      isOpen = false;
    },
  };
}
