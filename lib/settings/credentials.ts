import type { ReadFile } from "./files.ts";

/**
 * Wraps `read` for a systemd service: a credential with a file's name is read instead of that file, which the service
 * has no permission to read. A blank credential stands for a missing file.
 *
 * @param folder the service's $CREDENTIALS_DIRECTORY; undefined: there are no credentials
 */
export function withCredentials(read: ReadFile, folder: string | undefined): ReadFile {
  if (!folder) return read;
  return (path) => {
    const credential = read(`${folder}/${path.slice(path.lastIndexOf("/") + 1)}`);
    return credential.ok && credential.text.trim() !== "" ? credential : read(path);
  };
}
