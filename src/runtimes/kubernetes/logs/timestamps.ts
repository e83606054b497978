/** Separates the timestamps that the kubelet writes before each line from the output of the agent. */

export interface Output {
  /** Time of its line. Fixed length, so that the texts compare as the times do. */
  time: string;
  /** Whether the line begins here. */
  isStart: boolean;
  bytes: Buffer;
}

const maxTimeBytes = 40;
const time = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)$/;
const [space, newline] = [0x20, 0x0a];

/** Returns a function that gets the stream in blocks. Lines without a time are messages of the kubelet, and dropped. */
export function createTimestampReader(): (block: Uint8Array) => Output[] {
  let lineTime: string | undefined;
  let isInContent = false;
  let pending = Buffer.alloc(0);

  return (block) => {
    const outputs: Output[] = [];
    let rest = pending.length === 0 ? Buffer.from(block) : Buffer.concat([pending, block]);
    pending = Buffer.alloc(0);
    while (rest.length > 0) {
      let isStart = false;
      if (!isInContent) {
        const end = rest.indexOf(space);
        if (end < 0 && rest.length <= maxTimeBytes && !rest.includes(newline)) {
          pending = Buffer.from(rest);
          break;
        }
        const text = end < 0 ? '' : rest.toString('latin1', 0, Math.min(end, maxTimeBytes));
        lineTime = time.test(text) ? text : undefined;
        if (lineTime !== undefined) rest = rest.subarray(end + 1);
        isInContent = true;
        isStart = true;
      }
      const end = rest.indexOf(newline);
      const bytes = end < 0 ? rest : rest.subarray(0, end + 1);
      rest = rest.subarray(bytes.length);
      if (end >= 0) isInContent = false;
      if (lineTime !== undefined) outputs.push({ time: lineTime, isStart, bytes });
    }
    return outputs;
  };
}
