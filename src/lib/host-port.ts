/** `example.com:443`, or `[2001:db8::1]:443`. */
export function formatHostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
