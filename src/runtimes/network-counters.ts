/** The bytes that went through all interfaces but loopback, in a table of `/proc/PID/net/dev`. */
export function interfaceBytesOf(table: string): number {
  const lines = table.split('\n').flatMap((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim();
    return colon < 0 || name === 'lo'
      ? []
      : [
          line
            .slice(colon + 1)
            .trim()
            .split(/\s+/),
        ];
  });
  return lines.reduce((sum, [received, , , , , , , , sent]) => sum + (Number(received) || 0) + (Number(sent) || 0), 0);
}
