/** The frames of git's protocol (gitprotocol-common): four hexadecimal digits with the length, and the content. */

export const flush = Buffer.from('0000');

/** The size of a packet with its length. */
export const maxPacketBytes = 65_520;

/** @param content at most `maxPacketBytes` less four; text as Latin-1, so that names keep their bytes */
export function packet(content: string | Uint8Array): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

/** Divides a text into packets of a side band: 1 is data, 2 is for people. */
export function sideBand(band: 1 | 2, content: Uint8Array, maxBytes: number): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < content.length; at += maxBytes - 5)
    packets.push(packet(Buffer.concat([Buffer.of(band), content.subarray(at, at + maxBytes - 5)])));
  return packets;
}
