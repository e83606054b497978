/** The response to a push that is rejected as a whole, in git's own form (gitprotocol-pack, "Report Status"). */
import { flush, maxPacketBytes, packet, sideBand } from './pkt-line.ts';
import type { PushCommand, PushHead } from './push-head.ts';

/** The first form of side bands had shorter packets. */
const maxOldPacketBytes = 1000;

/**
 * Undefined if the client cannot understand a report: without one, git takes each push as a success.
 * @param reasonOf a short reason for a ref, which git shows beside it
 * @param message a line for people
 */
export function rejectionReport(
  { commands, capabilities }: PushHead,
  reasonOf: (command: PushCommand) => string,
  message: string,
): Buffer | undefined {
  if (!capabilities.has('report-status') && !capabilities.has('report-status-v2')) return undefined;
  const lines = commands.map((command) => packet(`ng ${command.ref} ${oneLine(reasonOf(command))}\n`));
  const report = Buffer.concat([packet('unpack ok\n'), ...lines, flush]);
  const maxBytes = capabilities.has('side-band-64k')
    ? maxPacketBytes
    : capabilities.has('side-band')
      ? maxOldPacketBytes
      : undefined;
  if (maxBytes === undefined) return report;
  const text = Buffer.from(`${oneLine(message)}\n`);
  return Buffer.concat([...sideBand(2, text, maxBytes), ...sideBand(1, report, maxBytes), flush]);
}

const oneLine = (text: string) => text.replaceAll(/[\r\n\0]+/g, ' ');
