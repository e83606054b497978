/** Reads the head of a push: the list of refs that it changes (gitprotocol-pack, "Reference Update Request"). */
import { maxPacketBytes } from './pkt-line.ts';

/** A change of one ref. */
export interface PushCommand {
  /** Its bytes as Latin-1. */
  ref: string;
  isDeletion: boolean;
}

export interface PushHead {
  /** Empty for a probe, which git sends before a large push. */
  commands: PushCommand[];
  capabilities: ReadonlySet<string>;
  /** With a certificate, whose text is not checked as the commands are. */
  isSigned: boolean;
}

/** It is not what git sends. */
export class MalformedPush extends Error {
  override readonly name = 'MalformedPush';
}

/** A push of all refs of a large repository is longer, and is not what agents do. */
const maxHeadBytes = 1024 * 1024;
const command = /^([\da-f]{40}|[\da-f]{64}) ([\da-f]{40}|[\da-f]{64}) ([^\0\n]+)$/;
const shallow = /^shallow (?:[\da-f]{40}|[\da-f]{64})$/;

/** To be given the bytes of a push until its head is complete. Accepts exactly what git sends, so that no server reads more. */
export class PushHeadReader {
  /** Undefined until the head is complete. */
  head: PushHead | undefined;
  readonly #commands: PushCommand[] = [];
  #capabilities: ReadonlySet<string> | undefined;
  #isSigned = false;
  #isInCertificate = false;
  #held = Buffer.alloc(0);
  #totalBytes = 0;

  /** @returns whether the head is complete. @throws MalformedPush */
  write(chunk: Uint8Array): boolean {
    if (this.head !== undefined) return true;
    // Held is less than a packet.
    let bytes = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const length = lengthOf(bytes);
      if (length === undefined || bytes.length < length) break;
      if (length === 0) {
        this.head = this.#complete();
        return true;
      }
      this.#totalBytes += length;
      if (this.#totalBytes > maxHeadBytes) throw new MalformedPush('it changes too many refs');
      const line = bytes.toString('latin1', 4, length).replace(/\n$/, '');
      if (this.#isInCertificate) this.#readCertificate(line);
      else this.#readLine(line);
      bytes = bytes.subarray(length);
    }
    this.#held = bytes;
    return false;
  }

  #complete(): PushHead {
    if (this.#isInCertificate) throw new MalformedPush('its certificate does not end');
    return { commands: this.#commands, capabilities: this.#capabilities ?? new Set(), isSigned: this.#isSigned };
  }

  #readLine(line: string): void {
    const [text = '', capabilities, ...rest] = line.split('\0');
    const isFirst = this.#capabilities === undefined;
    if (rest.length > 0 || (capabilities !== undefined && !isFirst))
      throw new MalformedPush('it names capabilities twice');
    if (isFirst && capabilities === undefined && shallow.test(text)) return;
    this.#capabilities ??= new Set((capabilities ?? '').split(' ').filter((name) => name !== ''));
    if (isFirst && text === 'push-cert') {
      this.#isSigned = true;
      this.#isInCertificate = true;
      return;
    }
    const change = parseCommand(text);
    if (change === undefined) throw new MalformedPush('it changes refs in an unknown way');
    this.#commands.push(change);
  }

  /** The commands in it are read for the report only. */
  #readCertificate(line: string): void {
    if (line === 'push-cert-end') this.#isInCertificate = false;
    const change = parseCommand(line);
    if (change !== undefined) this.#commands.push(change);
  }
}

/** The length of the packet at the start; undefined if it is not complete. 0 for a flush. */
function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < 4) return undefined;
  const digits = bytes.toString('latin1', 0, 4);
  if (!/^[\da-f]{4}$/i.test(digits)) throw new MalformedPush('it is not in the format of git');
  const length = Number.parseInt(digits, 16);
  if (length !== 0 && (length <= 4 || length > maxPacketBytes)) throw new MalformedPush('it has an unexpected packet');
  return length;
}

function parseCommand(text: string): PushCommand | undefined {
  const [, previous = '', next = '', ref] = command.exec(text) ?? [];
  return ref === undefined || previous.length !== next.length ? undefined : { ref, isDeletion: /^0+$/.test(next) };
}
