/** The connection from the pod of a job to the warden of its gateway. The process `plan42-limits` there connects again when it breaks off. */
import type { Socket } from 'node:net';

interface PodLinkOptions {
  /** The content of the agent's file, as it is now. */
  content: () => string;
  /** The time until SIGKILL; undefined while the job may go on. */
  killInMs: () => number | undefined;
}

export interface PodLink {
  accept: (socket: Socket) => void;
  /** Replaces the file, and sends SIGUSR2 to an agent that handles it. */
  sendNotice: () => void;
  /** Replaces the file, and sends SIGTERM. Resolves when the pod has confirmed it, which may never happen. */
  sendEnd: () => Promise<void>;
}

const kinds = { state: 'S', notice: 'N', end: 'E' } as const;
const headerBytes = 9;
const maxMs = 2 ** 32 - 1;

export function createPodLink({ content, killInMs }: PodLinkOptions): PodLink {
  let current: Socket | undefined;
  let isNoticeOpen = false;
  const ended = Promise.withResolvers<void>();

  function send(): void {
    const waitMs = killInMs();
    const kind = waitMs !== undefined ? kinds.end : isNoticeOpen ? kinds.notice : kinds.state;
    current?.write(encodeMessage(kind, waitMs ?? 0, content()));
  }

  return {
    accept: (socket) => {
      // The pod has one such process. An older connection of it is broken.
      current?.destroy();
      current = socket;
      socket.on('error', () => {});
      socket.on('data', (confirmed: Buffer) => {
        const text = confirmed.toString('latin1');
        if (text.includes(kinds.notice)) isNoticeOpen = false;
        if (text.includes(kinds.end)) ended.resolve();
      });
      socket.on('end', () => socket.destroy());
      socket.once('close', () => {
        if (current === socket) current = undefined;
      });
      send();
    },
    sendNotice: () => {
      isNoticeOpen = true;
      send();
    },
    sendEnd: () => {
      send();
      return ended.promise;
    },
  };
}

/** As `limits.c` reads it. */
export function encodeMessage(kind: string, killInMs: number, content: string): Buffer {
  const file = Buffer.from(content);
  const header = Buffer.alloc(headerBytes);
  header.write(kind, 'latin1');
  header.writeUInt32BE(Math.min(maxMs, Math.round(killInMs)), 1);
  header.writeUInt32BE(file.length, 5);
  return Buffer.concat([header, file]);
}
