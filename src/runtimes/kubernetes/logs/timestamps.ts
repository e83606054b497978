/** Separates the timestamps that the kubelet writes before each line from the output of the agent. */

export interface Output {
  /** When the line of this output began, in UTC with nine digits of fraction: such texts compare as the times do. */
  time: string;
  /** Whether the line begins here. */
  isStart: boolean;
  bytes: Buffer;
}

const maxTimeBytes = 40;
const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
const [space, newline] = [0x20, 0x0a];

/**
 * Returns a function that gets the stream in blocks. The kubelet writes a time where it begins a line, and none before the
 * further parts of a long line. Lines without a time are its own messages, or the rest of a line that began before the
 * requested time; they are dropped.
 * @param onTimeless gets the beginning of each of them, as far as it is in one block
 */
export function createTimestampReader(onTimeless: (bytes: Buffer) => void = () => {}): (block: Uint8Array) => Output[] {
  let lineTime: string | undefined;
  let isInContent = false;
  let pending: Buffer = Buffer.alloc(0);
  const toUtc = createUtcReader();

  return (block) => {
    const outputs: Output[] = [];
    const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    let rest: Buffer = pending.length === 0 ? view : Buffer.concat([pending, view]);
    pending = Buffer.alloc(0);
    while (rest.length > 0) {
      let isStart = false;
      if (!isInContent) {
        const head = rest.subarray(0, maxTimeBytes);
        const end = head.indexOf(space);
        if (end < 0 && rest.length < maxTimeBytes && !head.includes(newline)) {
          pending = Buffer.from(rest);
          break;
        }
        lineTime = end < 0 ? undefined : toUtc(head.toString('latin1', 0, end));
        if (lineTime !== undefined) rest = rest.subarray(end + 1);
        isInContent = true;
        isStart = true;
      }
      const end = rest.indexOf(newline);
      const bytes = end < 0 ? rest : rest.subarray(0, end + 1);
      rest = rest.subarray(bytes.length);
      if (end >= 0) isInContent = false;
      if (lineTime !== undefined) outputs.push({ time: lineTime, isStart, bytes });
      else if (isStart) onTimeless(bytes);
    }
    return outputs;
  };
}

/** Undefined for a text that is no time. The kubelet writes the node's local time, whose zone can change in the stream. */
function createUtcReader(): (text: string) => string | undefined {
  let known = { local: '', zone: '', utc: '' };
  return (text) => {
    const [, local, fraction = '', zone] = timePattern.exec(text) ?? [];
    if (local === undefined || zone === undefined) return undefined;
    if (local !== known.local || zone !== known.zone) {
      const ms = zone === 'Z' ? 0 : Date.parse(`${local}${zone}`);
      if (Number.isNaN(ms)) return undefined;
      known = { local, zone, utc: zone === 'Z' ? local : new Date(ms).toISOString().slice(0, 19) };
    }
    return `${known.utc}.${fraction.padEnd(9, '0')}Z`;
  };
}
