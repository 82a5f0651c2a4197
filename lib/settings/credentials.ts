import { showPath } from "./errors.ts";
import { isDenied, type ReadFile } from "./files.ts";

/**
 * Wraps `read` for a systemd service: a credential with a file's name is read instead of that file, which the service
 * has no permission to read. A blank credential stands for a missing file.
 *
 * @param folder the service's $CREDENTIALS_DIRECTORY; undefined: there are no credentials
 * @param isService whether systemd started the program as a service
 */
export function withCredentials(read: ReadFile, folder: string | undefined, isService: boolean): ReadFile {
  if (!folder && !isService) return read;
  return (path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const credential = folder ? read(`${folder}/${name}`) : null;
    if (credential?.ok && credential.text.trim() !== "") return credential;
    const file = read(path);
    if (file.ok || !isDenied(file)) return file;
    if (!name.endsWith(".toml")) return { ...file, cure: credentialCure(name, path) };
    const cure = `a service's user reads it: chmod o+r ${
      showPath(path)
    }, and put secrets into files of their own`;
    return { ...file, cure };
  };
}

/** Images of systems for LXC have a drop-in for all services that takes away their credentials. */
function credentialCure(name: string, path: string): string {
  return "a service gets it as a credential, and systemd handed none over: restart the service if the file is new; " +
    "if a drop-in empties LoadCredential= (systemctl cat), as in images for LXC, put " +
    `LoadCredential=${name}:${path}, or else DynamicUser=no, into a drop-in that sorts after that`;
}
