import type { ReadFile } from "./files.ts";

/**
 * Reads files as a service may: where it was given a credential of a file's name, that is read in the file's place,
 * which the service cannot read. A blank one stands for a file that was not there.
 *
 * @param folder where the service's credentials are; undefined: this is no service that was given any
 */
export function withCredentials(read: ReadFile, folder: string | undefined): ReadFile {
  if (!folder) return read;
  return (path) => {
    const credential = read(`${folder}/${path.slice(path.lastIndexOf("/") + 1)}`);
    return credential.ok && credential.text.trim() !== "" ? credential : read(path);
  };
}
